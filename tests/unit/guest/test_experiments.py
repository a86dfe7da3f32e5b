"""Experiments on an agent: one that was not carried out, or whose end came too late, has observed nothing."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.errors import HarnessError
from harness.guest import experiments
from harness.guest.experiments import SilentDatabase, silent_database
from harness.site.profile import Site
from tests.unit.peers.fake_peer import mute_peer
from tests.unit.peers.small_vm import SmallVm, state
from tests.unit.peers.web_peer import Answer, web_peer

WELL: dict[str, Answer] = {"/health": (200, {}, "{}"), "POST /auth/codex": (200, {}, "{}")}
LISTENER = {"listen": {"port": 54321}, "unlisten": None}


def site(**agent: object) -> Site:
    """A profile with these settings of the agent."""
    return Site.model_validate({"name": "nowhere", "agent": agent})


@pytest.fixture
def agent(tmp_path: Path) -> Iterator[Path]:
    """An agent that answers everything at once."""
    with web_peer(tmp_path / "a", WELL):
        yield tmp_path / "a"


def tried(agent: Path, *journal: str, accepted: int, profile: Site | None = None) -> SilentDatabase:
    """The experiment, where the database took so many connections and the agent said this."""
    profile = profile or site()
    vm = SmallVm(agent, profile, said=state(*journal), accepted=accepted, **LISTENER)
    return silent_database(vm, "probe")


def test_an_agent_that_asks_its_database_was_tried(agent: Path) -> None:
    seen = tried(agent, "Operation timed out", accepted=1)
    assert (seen.connections, seen.timeouts, seen.health_failures) == (1, ["Operation timed out"], ())


def test_an_agent_whose_call_timed_out_was_tried(agent: Path) -> None:
    """Though its connection never came through."""
    assert tried(agent, "fetch: connect timeout", accepted=0).timeouts == ["fetch: connect timeout"]


def test_an_agent_that_never_asks_its_database_was_not_tried(agent: Path) -> None:
    """No check is to make something of that."""
    with pytest.raises(HarnessError, match="never asked the database that SUPABASE_URL leads to") as caught:
        tried(agent, "working without a database", accepted=0)
    assert "agent.database_variable" in caught.value.hint


def test_an_agent_without_a_database_is_left_alone(agent: Path) -> None:
    """Nothing is made up that it could be started with."""
    with pytest.raises(HarnessError, match="uses no database") as caught:
        tried(agent, accepted=0, profile=site(database_variable=None))
    assert "[not_applicable]" in caught.value.hint


def late(*_: object, **__: object) -> bool:
    """An answer that takes longer than a recovery may."""
    time.sleep(0.3)
    return True


def test_a_recovery_is_held_to_its_time(tmp_path: Path, agent: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An answer that comes after the deadline comes too late, and no request outlives it by much."""
    profile = Site.model_validate({"name": "nowhere", "guest": {"recovery_s": 0.2}})
    with mute_peer(tmp_path / "mute"):
        began = time.monotonic()
        assert experiments._seconds_until_healthy(SmallVm(tmp_path / "mute", profile)) is None
        assert time.monotonic() - began < 3
    vm = SmallVm(agent, profile)
    assert experiments._seconds_until_healthy(vm) is not None
    monkeypatch.setattr(experiments, "answers", late)
    assert experiments._seconds_until_healthy(vm) is None
