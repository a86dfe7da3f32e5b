"""Experiments on an agent: a recovery whose end came too late is none."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from harness.guest import experiments
from harness.guest.agent_state import AgentState, JournalEntry
from harness.site.profile import Site
from tests.unit.peers.fake_peer import mute_peer
from tests.unit.peers.small_vm import SmallVm
from tests.unit.peers.web_peer import web_peer


def late(*_: object, **__: object) -> bool:
    """An answer that takes longer than a recovery may."""
    time.sleep(0.3)
    return True


def test_a_recovery_is_held_to_its_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An answer that comes after the deadline comes too late, and no request outlives it by much."""
    profile = Site.model_validate({"name": "nowhere", "guest": {"recovery_s": 0.2}})
    with mute_peer(tmp_path / "mute"):
        began = time.monotonic()
        assert experiments.seconds_until_healthy(SmallVm(tmp_path / "mute", profile)) is None
        assert time.monotonic() - began < 3
    with web_peer(tmp_path / "a", {"/health": (200, {}, "{}")}):
        vm = SmallVm(tmp_path / "a", profile)
        assert experiments.seconds_until_healthy(vm) is not None
        monkeypatch.setattr(experiments, "answers", late)
        assert experiments.seconds_until_healthy(vm) is None


@pytest.mark.parametrize(
    ("started", "recovered_s", "missed"), [(True, None, True), (True, 3.0, False), (False, None, False)]
)
def test_a_start_is_missed_where_there_was_one(
    started: bool, recovered_s: float | None, missed: bool
) -> None:
    """An agent that nobody started again lacks nothing that we took."""
    fields = {"UNIT": "a.service", "MESSAGE_ID": "7d4958e842da4a758f6c1cdc7b36dcc5"}
    state = AgentState(9.0, {}, (JournalEntry(5.0, "Starting", fields),) if started else ())
    for seen in (
        experiments.Crash("probe", state, state, True, recovered_s),
        experiments.TakenPort(6, state, recovered_s),
        experiments.LinkOutage(state, state, True, recovered_s),
    ):
        assert bool(seen.no_start) is missed
