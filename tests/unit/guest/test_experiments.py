"""Experiments on an agent: what speaks for one that did not come up again."""

from __future__ import annotations

import pytest

from harness.guest import experiments
from harness.guest.agent_state import AgentState, JournalEntry
from harness.guest.recovery import Recovery


@pytest.mark.parametrize(
    ("started", "recovered_s", "missed"), [(True, None, True), (True, 3.0, False), (False, None, False)]
)
def test_a_start_is_missed_where_there_was_one(
    started: bool, recovered_s: float | None, missed: bool
) -> None:
    """An agent that nobody started again lacks nothing that we took."""
    fields = {"UNIT": "a.service", "MESSAGE_ID": "7d4958e842da4a758f6c1cdc7b36dcc5"}
    recovery = Recovery(recovered_s)
    state = AgentState(9.0, {}, (JournalEntry(5.0, "Starting", fields),) if started else ())
    for seen in (
        experiments.Crash("probe", state, state, True, recovery),
        experiments.TakenPort(6, state, recovery),
        experiments.LinkOutage(state, state, True, recovery),
    ):
        assert bool(seen.no_start) is missed


def test_a_start_that_systemd_gave_up_says_so() -> None:
    fields = {"UNIT": "a.service", "MESSAGE_ID": "7d4958e842da4a758f6c1cdc7b36dcc5"}
    state = AgentState(9.0, {}, (JournalEntry(5.0, "Starting", fields),))
    given_up = Recovery(None, "ActiveState=failed, SubState=failed, Result=start-limit-hit")
    assert "Result=start-limit-hit" in experiments.TakenPort(6, state, given_up).no_start
