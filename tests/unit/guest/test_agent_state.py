"""What a guest sends of its agent's unit and its journal, taken apart."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.errors import TransportError
from harness.guest.agent_state import AgentState, ask_agent_state, parse_state
from harness.guest.experiments import TakenPort
from harness.guest.recovery import Recovery
from harness.site.profile import Site
from tests.unit.peers.small_guest import SmallGuest, lay_down, site_of, write

JOURNAL = """UPTIME=100.50
MainPID=77
NRestarts=1
ActiveExitTimestampMonotonic=101050000
{"__MONOTONIC_TIMESTAMP":"99000000","MESSAGE":"old"}
{"__MONOTONIC_TIMESTAMP":"101000000","MESSAGE":"[FATAL] Uncaught Exception: Error: probe"}
{"__MONOTONIC_TIMESTAMP":"101100000","UNIT":"a","COMMAND":"ExecStart","EXIT_CODE":"exited","EXIT_STATUS":"1","MESSAGE":"x"}
{"__MONOTONIC_TIMESTAMP":"106200000","UNIT":"a","N_RESTARTS":"1","MESSAGE":"Scheduled"}
{"__MONOTONIC_TIMESTAMP":"106300000","MESSAGE":[104,105,255]}
"""


def test_state_and_journal_are_read() -> None:
    state = parse_state(JOURNAL, since_s=100.5)
    assert (state.pid, state.restarts, state.ending) == (77, 1, ("exited", "1"))
    assert state.said == ["[FATAL] Uncaught Exception: Error: probe", "hi\udcff"]
    assert state.restart_delay_s == pytest.approx(5.15)


@pytest.mark.parametrize(
    ("lost", "left"), [("N_RESTARTS", "X"), ("101050000", "107000000"), ("101050000", "0")]
)
def test_an_agent_that_was_not_started_again_has_no_delay(lost: str, left: str) -> None:
    """No restart is scheduled, or none since it last ended."""
    assert parse_state(JOURNAL.replace(lost, left)).restart_delay_s is None


def test_end_of_a_start_pre_command_is_no_end_of_the_agent() -> None:
    state = parse_state(JOURNAL.replace('"ExecStart"', '"ExecStartPre"'), since_s=100.5)
    assert state.exits == []
    assert state.ending is None


SAYS = '{"__MONOTONIC_TIMESTAMP":"101100000","UNIT":"a","MESSAGE_ID":"%s"}\n'
STOPPING, CLEAN = SAYS % "de5b426a63be47a7b6ac3eaac82e2f6f", SAYS % "7ad2d189f7e94e70a38c781354912448"
LINE = '{"__MONOTONIC_TIMESTAMP":"101050000","MESSAGE":"bye"}\n'


KILLING = SAYS % "" + SAYS % "ae8f7b866b0347b9af31fe1c80b127c0"
"""What systemd has to say while it stops a unit: of threads that it kills, of time that was used."""
STARTS = SAYS % "7d4958e842da4a758f6c1cdc7b36dcc5"
EXIT = (
    '{"__MONOTONIC_TIMESTAMP":"101100000","UNIT":"a","COMMAND":"ExecStart",'
    '"EXIT_CODE":"exited","EXIT_STATUS":"%s","MESSAGE":"x"}\n'
)


def ends(*rows: str) -> list[tuple[str, str]]:
    """How the main process ended, each time."""
    state = parse_state("UPTIME=100\nMainPID=77\nNRestarts=1\n" + "".join(rows), since_s=100.5)
    return [
        (one.fields.get("EXIT_CODE", "cleanly"), one.fields.get("EXIT_STATUS", "0")) for one in state.exits
    ]


def test_a_clean_end_is_an_end_unless_it_was_asked_for() -> None:
    """systemd logs how a main process ended only where that was no clean end."""
    assert ends(LINE, CLEAN, STOPPING) == [("cleanly", "0")]
    assert ends(STOPPING, LINE, CLEAN) == []


def test_whatever_is_said_meanwhile_an_end_that_was_asked_for_is_none() -> None:
    """A thread that had to be killed stands between the stopping and the end of it."""
    assert ends(STOPPING, KILLING, CLEAN) == []
    assert ends(STOPPING, KILLING, EXIT % 143) == []


def test_after_it_was_started_again_it_ends_by_itself() -> None:
    assert ends(STOPPING, CLEAN, STARTS, EXIT % 1) == [("exited", "1")]
    assert ends(STOPPING, CLEAN, STARTS, CLEAN) == [("cleanly", "0")]


@pytest.fixture
def guest(tmp_path: Path) -> Iterator[SmallGuest]:
    """A guest whose programs can be harmed."""
    folder = tmp_path / "machine"
    lay_down(folder, journal='{"MESSAGE":"up","__MONOTONIC_TIMESTAMP":"99000000"}\n')
    vm = SmallGuest(folder, Site.model_validate(site_of(folder)))
    yield vm
    vm.hang_up()


def test_a_guest_tells_its_agents_state(guest: SmallGuest) -> None:
    state = ask_agent_state(guest, since_s=0, then='[ "$pid" = 412 ]')
    assert (state.pid, state.restarts, state.said) == (412, 0, ["up"])


@pytest.mark.parametrize("program", ["systemctl", "journalctl"])
@pytest.mark.parametrize("harm", [None, "exit 1", "echo '{nonsense'"])
def test_a_state_that_is_not_told_is_our_trouble(guest: SmallGuest, program: str, harm: str | None) -> None:
    """Where nothing was read as no process and no restart, an agent that crashed looked well."""
    if harm:
        write(guest.folder, program, harm)
    else:
        (guest.folder / "bin" / program).unlink()
    with pytest.raises(TransportError, match="did not tell its agent's state"):
        ask_agent_state(guest, since_s=0)


STARTING, STARTED = "7d4958e842da4a758f6c1cdc7b36dcc5", "39f53479d3a045ac8e11786248231fbf"


def starts(*times: float, kind: str = STARTING, limit: str = "") -> TakenPort:
    """An agent whose port was taken, and which systemd started at these times."""
    lines = [
        f'{{"__MONOTONIC_TIMESTAMP":"{int(at * 1e6)}","UNIT":"a","MESSAGE_ID":"{kind}","MESSAGE":"x"}}'
        for at in times
    ]
    state = parse_state("\n".join(["UPTIME=1\nMainPID=1\nNRestarts=1", *limit.split(), *lines]))
    return TakenPort(6, state, Recovery(1.0))


QUICK, SLOW = range(100, 106), range(100, 200, 11)


@pytest.mark.parametrize(
    ("tried", "meets"),
    [
        (starts(*QUICK), True),
        (starts(*QUICK, kind=STARTED), True),
        (starts(*SLOW), False),
        (starts(*QUICK[:5]), False),
        (starts(), False),
        (starts(*SLOW, limit="StartLimitIntervalUSec=0"), True),
        (starts(*SLOW, limit="StartLimitIntervalUSec=10s StartLimitBurst=0"), True),
        (starts(*SLOW, limit="StartLimitIntervalUSec=5min StartLimitBurst=5"), True),
        (starts(*QUICK, limit="StartLimitIntervalUSec=10s StartLimitBurst=20"), False),
    ],
    ids=["quick", "there at once", "slow", "few", "none", "no limit", "of none", "long limit", "wide limit"],
)
def test_a_limit_of_starts_is_met_only_by_those_that_are_quick_enough(tried: TakenPort, meets: bool) -> None:
    """A guest that starts it once in eleven seconds is never given up on."""
    assert tried.meets_any_limit is meets


def test_a_unit_that_takes_time_to_start_is_counted_once() -> None:
    """It is told of twice: that it starts, and that it is there."""
    both = starts(*QUICK).after.journal + starts(*SLOW, kind=STARTED).after.journal
    state = AgentState(1.0, {}, both)
    assert state.starts_s == list(QUICK)
    assert state.span_s == 5


def test_a_process_that_was_ended_to_be_started_again_has_not_ended_by_itself() -> None:
    """A unit that says when it is ready, or waits for something first, is not stopped but ended."""
    killed = EXIT.replace("exited", "killed") % 15
    state = parse_state("UPTIME=1\nMainPID=7\nNRestarts=1\n" + killed + killed + EXIT % 1)
    assert TakenPort(6, state, Recovery(1.0)).ending == ("exited", "1")
    assert (
        TakenPort(6, parse_state("UPTIME=1\nMainPID=7\nNRestarts=1\n" + killed), Recovery(1.0)).ending is None
    )
