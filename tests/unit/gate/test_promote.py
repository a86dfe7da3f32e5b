"""Who becomes golden: only what the gate allows, and what would not break by it."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from types import SimpleNamespace
from typing import Any

import pytest

from harness.__main__ import main
from harness.errors import UsageError
from harness.gate import promote
from harness.gate.ask import Conditions, answer_on
from harness.gate.decide import Reason
from harness.host.golden.files import journals, paths_of
from harness.host.golden.promotion import Promoted
from harness.site.candidate import candidate_site
from harness.site.load import load_site
from harness.site.profile import Site
from tests.unit.gate.test_ask import verdict_on
from tests.unit.peers.this_machine import Here

PROFILE = """
name = "here"
[snapshot]
vmstate = "none"
memory = "none"
disk = "{golden}/disk"
kernel = "{golden}/kernel"
[host]
address = "192.0.2.1"
user = "nobody"
"""


class Connected(Here):
    """This machine, in the place of a host that somebody connects to."""

    def __init__(self, site: Site) -> None:
        self.site = site

    def __enter__(self) -> Connected:
        return self

    def __exit__(self, *_: object) -> None:
        pass


@pytest.fixture
def words(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """A site with golden files and a candidate; what a promotion is called with."""
    monkeypatch.setattr("harness.host.golden.digests.MEMORY", str(tmp_path / "memory" / "digests.json"))
    monkeypatch.setattr(promote, "Hypervisor", Connected)
    for folder in ("golden", "new", "evidence"):
        (tmp_path / folder).mkdir(mode=0o700)
        for name in ("disk", "kernel"):
            (tmp_path / folder / name).write_text(f"{folder} {name}")
    (tmp_path / "site.toml").write_text(PROFILE.format(golden=tmp_path / "golden"))
    return [
        *("promote", str(tmp_path / "new")),
        *(f"--site={tmp_path / 'site.toml'}", f"--evidence-dir={tmp_path / 'evidence'}"),
    ]


def judge(tmp_path: Path) -> None:
    """A run of all checks has passed on what is in the candidate's folder now."""
    site = load_site(tmp_path / "site.toml")
    there = candidate_site(site, PurePosixPath(tmp_path / "new"))
    verdict_on(Connected(site), tmp_path / "evidence", judged=paths_of(there))


def golden(tmp_path: Path) -> set[str]:
    """Whose files are golden."""
    return {(tmp_path / "golden" / name).read_text().split()[0] for name in ("disk", "kernel")}


def test_what_nobody_has_judged_does_not_become_golden(
    words: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(words) == 1
    assert "DENY" in capsys.readouterr().out
    judge(tmp_path)
    (tmp_path / "new" / "disk").write_text("new disc")
    assert main(words) == 1
    assert (golden(tmp_path), (tmp_path / ".golden.promotion").exists()) == ({"golden"}, False)


def test_what_was_judged_becomes_golden_and_goes_back(
    words: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A second time it changes nothing: the former one would be lost."""
    judge(tmp_path)
    assert main(words) == 0
    assert golden(tmp_path) == {"new"}
    assert main(words) == 0
    assert "golden already" in capsys.readouterr().out
    back = ["promote", "--back", *words[2:]]
    for told in ("promote --back --again", "already back"):
        assert main(back) == 0
        assert told in capsys.readouterr().out
        assert golden(tmp_path) == {"golden"}
    assert main([*back, "--again"]) == 0
    assert golden(tmp_path) == {"new"}


def test_what_was_typed_wrong_is_told(words: list[str]) -> None:
    assert main([*words, "--back"]) == 4
    assert main([*words, "--again"]) == 4
    assert main(["promote", *words[2:]]) == 4


def test_the_gate_denies_where_one_was_cut_short(words: list[str], tmp_path: Path) -> None:
    """Whatever is found: the files may be of two snapshots."""
    judge(tmp_path)
    assert main(words) == 0
    site = load_site(tmp_path / "site.toml")
    asked = Conditions(tmp_path / "evidence")
    assert answer_on(Connected(site), asked).allows
    for one in journals(site.snapshot.disk):
        Path(one).parent.mkdir(exist_ok=True)
        Path(one).write_text("{}")
        assert answer_on(Connected(site), asked).reason is Reason.PROMOTION
        Path(one).unlink()


@pytest.mark.parametrize(
    ("drive", "breaks"),
    [
        ("new/disk", True),
        ("link/disk", True),
        ("new/elsewhere", True),
        ("link/elsewhere", True),
        ("new/../golden/disk", False),
        ("golden/disk", False),
        ("newer", False),
    ],
)
def test_a_snapshot_that_opens_files_of_its_folder_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, drive: str, breaks: bool
) -> None:
    """By whatever name: they were taken for golden, and went with the folder."""
    (tmp_path / "new").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "new")
    (tmp_path / "new" / "elsewhere").symlink_to(tmp_path / "images" / "d42")
    drives = [str(tmp_path / drive)]

    @contextlib.contextmanager
    def making(_: object) -> Iterator[Any]:
        api = SimpleNamespace(drive_paths=lambda: drives)
        yield SimpleNamespace(load=lambda: None, destroy=lambda: None, api=api)

    monkeypatch.setattr(promote, "making", making)
    host: Any = Connected(Site(name="here"))
    expected = pytest.raises(UsageError, match="would break") if breaks else contextlib.nullcontext()
    with expected:
        promote._refuse_recorded(host, PurePosixPath(tmp_path / "new"))


def test_what_was_not_cleared_up_is_told_beside_what_is_golden() -> None:
    said: list[str] = []
    promote._tell(Promoted(done=True, left="no space"), "/new", said.append)
    assert [line.split(":")[0] for line in said] == [
        "golden now",
        "what lies on the shelf could not be cleared up",
    ]
