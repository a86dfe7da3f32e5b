"""What may be typed for a fleet."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from harness.errors import UsageError
from harness.fleet.typed import engine_words
from tests.unit.peers.small_suite import ROOT


@pytest.fixture
def sites(tmp_path: Path) -> Path:
    """A folder of two."""
    folder = tmp_path / "sites"
    folder.mkdir()
    for name in ("one", "two"):
        (folder / f"{name}.toml").write_text("")
    return folder


def test_the_engine_is_told_what_was_typed(sites: Path) -> None:
    typed = ["-m", "smoke", "--fleet=sites", "-n", "16", "--max-failing=3", "--canary", "5%", "--shard=1/2"]
    words = engine_words(typed, sites.parent, "smoke")
    assert {
        *(f"--fleet={sites}", "-n1", "--max-failing=3", "--canary=5%", "--shard=1/2", "--fleet-scope=smoke"),
        f"--fleet-evidence={ROOT / 'evidence' / 'fleet'}",
    } <= {*words}
    remote = engine_words(["--fleet=sites", "--tx=4*popen", "--evidence-dir=e"], sites.parent, "smoke")
    assert "--max-worker-restart=16" in remote, "one that cannot begin is not begun for ever"
    assert {"--tx=4*popen", f"--fleet-evidence={sites.parent / 'e'}"} <= {*remote}
    assert not any(word.startswith("-n") for word in remote)


@pytest.mark.parametrize(("processors", "workers"), [(1, 1), (64, 2)])
def test_as_many_are_asked_at_once_as_there_are_processors(
    sites: Path, monkeypatch: pytest.MonkeyPatch, processors: int, workers: int
) -> None:
    """And no more than there are sites."""
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(processors)))
    assert f"-n{workers}" in engine_words(["--fleet=sites"], sites.parent, "smoke")


def test_terms_of_the_file_are_held_to_the_same(sites: Path) -> None:
    """Before anything begins."""
    (sites / "fleet.toml").write_text('canary = "x"\n[groups.a]\nsites = ["*.toml"]')
    with pytest.raises(UsageError, match="--canary"):
        engine_words(["--fleet=sites"], sites.parent, "smoke")


@pytest.mark.parametrize("typed", [["-n2"], ["--fleet="]])
def test_a_fleet_is_named_where_all_else_is(sites: Path, typed: list[str]) -> None:
    """Each run of a site would have it, too, from the environment."""
    with pytest.raises(UsageError, match="--fleet: expected on the command line"):
        engine_words(typed, sites, "smoke")


@pytest.mark.parametrize(
    ("typed", "scope", "says"),
    [
        (["--junitxml=x"], "smoke", "not meant: --junitxml=x"),
        (["-k", "health"], "smoke", "not meant: -k health"),
        (["--site=x"], "smoke", "not meant: --site=x"),
        ([], "smoke or lab", "-m smoke or -m acceptance alone"),
        ([], "", "-m smoke or -m acceptance alone"),
        (["-n0"], "smoke", "how many sites"),
        (["-nmany"], "smoke", "how many sites"),
        (["-n2", "--tx=2*popen"], "smoke", "one of both"),
        (["--max-failing=0"], "smoke", "--max-failing"),
        (["--max-failing=x"], "smoke", "--max-failing"),
        (["--canary=x"], "smoke", "--canary"),
        (["--shard=3/2"], "smoke", "--shard"),
        (["--shard=3/3"], "smoke", "more parts than sites"),
    ],
)
def test_what_a_fleet_cannot_do_is_refused(sites: Path, typed: list[str], scope: str, says: str) -> None:
    with pytest.raises(UsageError, match=says):
        engine_words(["--fleet=sites", *typed], sites.parent, scope)
