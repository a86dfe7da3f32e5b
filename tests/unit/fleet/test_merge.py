"""Verdicts of many jobs, merged."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from harness.__main__ import main
from harness.errors import UnreadableError, UsageError
from harness.fleet.document import read_fleet_document
from harness.fleet.judge import judge_fleet
from harness.fleet.merge import merge
from harness.fleet.result import unasked
from harness.fleet.sites import Fleet, FleetSite, read_fleet
from tests.unit.fleet.test_judge import fleet, result, site
from tests.unit.peers.verdicts import passed


def written(folder: Path, name: str, **changes: Any) -> Path:
    """A verdict of a run of one site."""
    file = folder / f"{name}.json"
    profile = {"file": f"/builds/7/sites/{name}.toml", "sha256": "d" * 64}
    scope = {"name": "smoke", "narrowed": []}
    file.write_text(json.dumps(passed(profile=profile, scope=scope, **changes)))
    return file


def kept(folder: Path, name: str, *results: Any, **more: Any) -> Path:
    """A verdict of a part of a fleet."""
    file = folder / name / "fleet.json"
    file.parent.mkdir()
    file.write_text(fleet(*results, **more).model_dump_json())
    return file.parent


def test_runs_of_one_site_each_become_a_fleet(tmp_path: Path) -> None:
    files = [written(tmp_path, "a", run="00000a"), written(tmp_path, "b", run="00000b", outcome="FAIL")]
    merged = merge(files)
    assert [(one.key, one.outcome) for one in merged.sites] == [("b", "FAIL"), ("a", "PASS")]
    assert (merged.outcome, merged.exit_status, merged.merged) == ("FAIL", 1, 2)


def test_parts_of_a_fleet_become_the_whole(tmp_path: Path) -> None:
    one = kept(tmp_path, "1", result("a"), result("b", run="00000b"))
    two = kept(tmp_path, "2", result("c", "BROKEN", run="00000c"))
    merged = merge([one, two])
    assert [site.key for site in merged.sites] == ["c", "a", "b"]
    assert merged.fleet == "all"


def test_the_same_run_counts_once_and_another_stands_beside_it(tmp_path: Path) -> None:
    """No run hides what another saw."""
    first, again = result("a", "FAIL", run="00000a"), result("a", run="00000b")
    paths = [kept(tmp_path, "1", first), kept(tmp_path, "2", first), kept(tmp_path, "3", again)]
    merged = merge(paths)
    assert [(one.key, one.run) for one in merged.sites] == [("a", "00000a"), ("a", "00000b")]
    assert merged.outcome == "FAIL"


def test_what_one_part_did_not_ask_another_may_have(tmp_path: Path) -> None:
    cut = kept(tmp_path, "1", unasked(site("a"), "not asked"), unasked(site("b"), "not asked"), stopped="x")
    merged = merge([cut, kept(tmp_path, "2", result("a", profile=of("/sites/a.toml")))])
    assert [(one.key, one.outcome) for one in merged.sites] == [("b", "NOT PROVEN"), ("a", "PASS")]
    assert (merged.outcome, merged.stopped) == ("NOT PROVEN", "x")


def of(file: str) -> dict[str, str]:
    return {"file": file, "sha256": "d" * 64}


def test_a_site_of_another_folder_is_not_asked_by_that(tmp_path: Path) -> None:
    """Two regions may each have a site of one name."""
    one = kept(tmp_path, "1", unasked(FleetSite("a", Path("/sites/eu/a.toml")), "not asked"))
    two = kept(tmp_path, "2", result("a", profile=of("/sites/us/a.toml")))
    assert [(one.key, one.outcome) for one in merge([one, two]).sites] == [("a", "NOT PROVEN"), ("a", "PASS")]


def test_sites_of_a_part_are_called_as_in_the_whole(tmp_path: Path) -> None:
    """Wherever the job had them."""
    for name in ("eu/a", "us/a"):
        (tmp_path / name).parent.mkdir()
        (tmp_path / f"{name}.toml").write_text("")
    (tmp_path / "fleet.toml").write_text('[groups.all]\nsites = ["eu/*.toml", "us/*.toml"]')
    one = kept(tmp_path, "1", result("a", profile=of("/builds/8/eu/a.toml")))
    two = kept(tmp_path, "2", unasked(FleetSite("a", Path("/builds/9/eu/a.toml")), "not asked"))
    merged = merge([one, two], read_fleet(tmp_path))
    assert [(one.key, one.group, one.why) for one in merged.sites] == [
        ("us/a", "all", "no verdict on it was given"),
        ("eu/a", "all", ""),
    ]


@pytest.mark.parametrize(
    ("profile", "key"),
    [
        ("/b/eu/a.toml", "eu/a"),
        ("/b/a.toml", "a"),
        ("/b/us/a.toml", "a"),
        ("eu/a.toml", "eu/a"),
        ("/b/xa.toml", "xa"),
        ("/b/xeu/a.toml", "a"),
    ],
)
def test_whose_verdict_it_is_is_told_by_the_profiles_path(tmp_path: Path, profile: str, key: str) -> None:
    """By as much of it as the fleet names, and by whole names."""
    fleet = Fleet("all", tuple(map(site, ("a", "eu/a"))))
    file = tmp_path / "verdict.json"
    file.write_text(json.dumps(passed(profile=of(profile))))
    assert next(one.key for one in merge([file], fleet).sites if one.began) == key


def test_verdicts_on_some_checks_alone_are_refused(tmp_path: Path) -> None:
    """One was asked this, and another that: all green, they are no green fleet."""
    file = tmp_path / "part.json"
    file.write_text(json.dumps(passed(scope={"name": "partial", "narrowed": []})))
    with pytest.raises(UsageError, match=r"part\.json: a verdict on some checks alone"):
        merge([file])


@pytest.fixture
def sites(tmp_path: Path) -> Path:
    folder = tmp_path / "sites"
    folder.mkdir()
    for name in ("a", "b"):
        (folder / f"{name}.toml").write_text("")
    return folder


def test_a_job_that_died_is_not_forgotten(tmp_path: Path, sites: Path) -> None:
    given = [written(tmp_path, "a")]
    assert merge(given).outcome == "PASS"
    merged = merge(given, read_fleet(sites))
    assert [(one.key, one.outcome, one.why) for one in merged.sites] == [
        ("b", "NOT PROVEN", "no verdict on it was given"),
        ("a", "PASS", ""),
    ]
    assert merged.exit_status == 5


def test_different_questions_are_not_merged(tmp_path: Path) -> None:
    other = kept(tmp_path, "1")
    document = judge_fleet("all", [result("z")], scope="acceptance")
    (other / "fleet.json").write_text(document.model_dump_json())
    with pytest.raises(UsageError, match=r"different questions: smoke in .*, acceptance in"):
        merge([written(tmp_path, "a"), other])


@pytest.mark.parametrize("content", ["", "{}", '{"fleet": "x"}', "[1]", '{"format": 2}'])
def test_what_is_no_verdict_is_refused(tmp_path: Path, content: str) -> None:
    file = tmp_path / "x.json"
    file.write_text(content)
    with pytest.raises(UnreadableError, match=r"x\.json"):
        merge([file])
    with pytest.raises(UnreadableError, match="no verdict in it"):
        merge([tmp_path])


def test_by_the_command_line(tmp_path: Path, sites: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "out.json"
    given = [str(written(tmp_path, name, run=f"00000{name}")) for name in ("a", "b")]
    assert main(["fleet", "merge", *given, f"--fleet={sites}", "-o", str(out)]) == 0
    said = capsys.readouterr().out
    assert said.endswith("FLEET VERDICT: PASS, merged of 2 files (2 sites in smoke: 2 PASS)\n")
    assert [one.key for one in read_fleet_document(out).sites] == ["a", "b"]
    assert main(["fleet", "merge", str(tmp_path / "missing.json")]) == 4
    red = written(tmp_path, "c", outcome="FAIL")
    assert main(["fleet", "merge", *given, str(red)]) == 1
