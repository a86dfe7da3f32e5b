"""What the controller's logs prove: errors in one, whatever became of the other; by being silent, nothing."""

from __future__ import annotations

from typing import Any

import pytest

from harness.clocks import Offset
from harness.errors import TransportError
from harness.host.controller_logs import ControllerLogs, controller_logs, last_words, told_apart
from harness.host.error_lines import errors_among
from harness.host.facts import HostFacts
from harness.host.parts import Exit, Unit
from harness.site.own import NO_PROVIDER, NOBODY, Own, own_of_rows, own_words
from harness.site.profile import Site

SITE = Site.model_validate({"name": "x", "controller": {"log_file": "/var/log/controller.log"}})
JOURNAL, FILE = "journal of master-controller.service", "/var/log/controller.log"
BAD = [{"time": 1.0, "text": "[ERROR]: bad"}]


def errors(read: int, count: int = 0, **more: Any) -> dict[str, Any]:
    """A part of the probe's answer."""
    last = {"last": BAD if count else [], "ignored": {}, "since": 0.0, "limit": 100}
    return {"ok": {"read": read, "count": count, **last, **more}}


def logs(journal: dict[str, Any], log_file: dict[str, Any]) -> ControllerLogs:
    return controller_logs(HostFacts({"journal": journal, "log_file": log_file}, Offset(0, 0), 0.0), SITE)


def test_both_are_read() -> None:
    found = logs(errors(3), errors(4, 1))
    assert [(where, one.count) for where, one in found.read.items()] == [(JOURNAL, 0), (FILE, 1)]
    found.require()


def test_errors_that_may_be_old_are_no_proof_and_hide_no_error_that_is_not() -> None:
    """The log's lines tell no time: what is in the journal counts all the same."""
    found = logs(errors(3, 1), errors(4, 1, undated=True))
    assert [(where, one.count) for where, one in found.read.items()] == [(JOURNAL, 1)]
    with pytest.raises(TransportError, match=r"controller\.log: 1 of its last 4 lines are errors") as caught:
        found.require()
    assert "bad" in caught.value.message
    assert "controller.log_file" in caught.value.hint


def test_lines_without_a_time_and_without_an_error_hold_none_of_now() -> None:
    logs(errors(3), errors(4, undated=True)).require()


def test_a_log_that_cannot_be_read_hides_no_error_in_the_other() -> None:
    found = logs({"error": "no journal"}, errors(4, 1))
    assert found.read[FILE].count == 1
    with pytest.raises(TransportError, match="no journal"):
        found.require()


def test_logs_without_a_line_prove_nothing() -> None:
    with pytest.raises(TransportError, match="nothing was logged since the controller started"):
        logs(errors(0), {"ok": None}).require()
    logs(errors(0), errors(1)).require()


GAP = {"known_from": 1795489200.0, "why": "the journal on this host begins only then"}


def test_what_no_log_tells_is_said() -> None:
    """One log that is whole is enough."""
    (told,) = logs(errors(3, gap=GAP), {"ok": None}).gaps
    assert told == (
        f"{JOURNAL} tells nothing for sure of before 2026-11-24 03:00:00 UTC: the journal on this host begins"
        " only then"
    )
    assert logs(errors(3, gap=GAP), errors(4)).gaps == []
    assert len(logs(errors(3, gap=GAP), errors(4, gap=GAP)).gaps) == 2


def test_an_unknown_zone_is_the_reason_why_an_error_has_no_time() -> None:
    found = logs(errors(3), errors(4, 1, undated=True, zone="IST (UTC+0530)"))
    with pytest.raises(TransportError, match="taken as the host's, IST"):
        found.require()


USER, OTHER_USER, SESSION, VM, OTHER, UNKNOWN = (
    f"{digit * 8}-0631-4f91-ae8a-fd352348e9c2" for digit in "abcdef"
)
OURS = Site.model_validate({"name": "x", "session": {"user_id": USER}})
MINUTE = 60.0
ROWS: list[dict[str, Any]] = [
    {
        "user_id": USER.upper(),
        "session_id": SESSION,
        "browser_vm_id": f"vm-{VM}",
        "created_at": "1970-01-01T01:00:00+00:00",
        "completed_at": "1970-01-01T01:05:00+00:00",
    },
    {"user_id": OTHER_USER, "session_id": OTHER, "browser_vm_id": None},
]
LAUNCHED, OVER = 60 * MINUTE, 65 * MINUTE


def whose(known: Own, *names: str, at: float = LAUNCHED + MINUTE) -> str:
    """To which of the three an error goes that names these."""
    last = [{"time": at, "text": "a", "names": names}]
    apart = told_apart(logs(errors(3, 5, last=last), {"ok": None}).read[JOURNAL], lambda: known)
    assert apart.count == 4 + len(apart.theirs)
    kinds = {"ours": apart.ours, "theirs": apart.theirs, "untold": apart.untold}
    return " ".join(kind for kind, lines in kinds.items() if lines)


KNOWN = own_of_rows(OURS, [{"vm_id": f"vm-{VM}"}], ROWS)
AWAY = Own(own_words(OURS), is_whole=False)


@pytest.mark.parametrize("names", [(USER,), (SESSION,), (VM, USER), (NOBODY,), (NO_PROVIDER, USER)])
def test_an_error_about_what_is_ours_alone_is_ours(names: tuple[str, ...]) -> None:
    assert whose(KNOWN, *names) == "ours"


@pytest.mark.parametrize(
    "names", [(), (OTHER,), (OTHER_USER,), (UNKNOWN,), (SESSION, OTHER), (USER, OTHER_USER)]
)
def test_one_that_is_about_others_too_counts(names: tuple[str, ...]) -> None:
    assert whose(KNOWN, *names) == "theirs"


@pytest.mark.parametrize(
    ("at", "kind"),
    [
        (LAUNCHED - 3 * MINUTE, "theirs"),
        (LAUNCHED - MINUTE, "ours"),
        (OVER + MINUTE, "ours"),
        (OVER + 3 * MINUTE, "theirs"),
    ],
)
def test_an_error_long_after_our_session_is_none_that_we_provoked(at: float, kind: str) -> None:
    """A controller that cannot let go of it, say."""
    assert whose(KNOWN, VM, at=at) == kind


def test_an_id_that_nobody_knows_beside_ours_is_a_doubt() -> None:
    """A request's, or another session's."""
    assert whose(KNOWN, SESSION, UNKNOWN) == "untold"


@pytest.mark.parametrize(
    ("names", "kind"), [((), "theirs"), ((USER,), "ours"), ((SESSION,), "untold"), ((USER, VM), "untold")]
)
def test_without_the_database_an_id_is_no_fault(names: tuple[str, ...], kind: str) -> None:
    """Nor an excuse; a line without any counts all the same."""
    assert whose(AWAY, *names) == kind


def test_a_session_that_does_not_say_when_is_ours_whenever() -> None:
    row = {"user_id": USER, "session_id": SESSION, "created_at": "1970-01-01T01:00:00", "completed_at": None}
    assert whose(own_of_rows(OURS, [], [row]), SESSION, at=0.0) == "ours"


FINISHED = {"user_id": USER, "session_id": SESSION, "created_at": "1970-01-01T01:00:00Z", "status": "failed"}
DAY = 24 * 60 * MINUTE


@pytest.mark.parametrize(
    ("row", "over"),
    [
        ({"completed_at": None, "updated_at": "1970-01-01T01:05:00Z"}, OVER),
        ({"completed_at": None}, DAY),
        ({"completed_at": None, "updated_at": "1970-01-01T01:05:00"}, OVER + 14 * 60 * MINUTE),
        ({"completed_at": "1970-01-01T01:05:00"}, OVER + 14 * 60 * MINUTE),
    ],
    ids=["was changed then", "was seen then", "changed in some zone", "ended in some zone"],
)
def test_a_session_that_is_over_excuses_nothing_for_ever(row: dict[str, Any], over: float) -> None:
    """It does not say when it ended, or not in which zone."""
    known = own_of_rows(OURS, [], [{**FINISHED, **row}], now=DAY)
    assert whose(known, SESSION, at=over + MINUTE) == "ours"
    assert whose(known, SESSION, at=over + 3 * MINUTE) == "theirs"


def test_a_beginning_in_some_zone_is_one_within_a_day() -> None:
    row = {**FINISHED, "created_at": "1970-01-02T01:00:00", "status": "ready"}
    known = own_of_rows(OURS, [], [row])
    begun = DAY + 60 * MINUTE - 14 * 60 * MINUTE
    assert whose(known, SESSION, at=begun - MINUTE) == "ours"
    assert whose(known, SESSION, at=begun - 3 * MINUTE) == "theirs"


@pytest.mark.parametrize(
    ("line", "kind"),
    [
        (f'{{"level":"error","requestId":"{UNKNOWN}","session":"{SESSION}"}}', "ours"),
        (f"[ERROR] [req:{UNKNOWN}] session {SESSION}", "ours"),
        (f"[ERROR] x-request-id={UNKNOWN} {SESSION}", "ours"),
        (f"[ERROR] {UNKNOWN} {SESSION}", "untold"),
        (f"[ERROR] trace_id={UNKNOWN} {UNKNOWN} {SESSION}", "untold"),
        (f"[ERROR] request_id={OTHER} {SESSION}", "theirs"),
        (f"[ERROR] request_id={SESSION}", "ours"),
        (f"[ERROR] request_id={UNKNOWN}", "theirs"),
    ],
)
def test_what_a_line_says_is_a_requests_id_is_no_doubt(line: str, kind: str) -> None:
    """Unless it is a session's, too."""
    (error,) = errors_among([(LAUNCHED, line)], OURS.controller)["last"]
    assert whose(KNOWN, *error["names"]) == kind


def test_a_vm_without_a_session_is_nobodys_of_ours() -> None:
    assert whose(own_of_rows(OURS, [{"vm_id": f"vm-{OTHER}"}], []), OTHER, USER) == "theirs"


def test_what_is_ours_is_asked_only_where_an_error_names_anything() -> None:
    def unasked() -> Own:
        raise AssertionError("asked")

    apart = told_apart(logs(errors(3, 1), {"ok": None}).read[JOURNAL], unasked)
    assert (len(apart.theirs), apart.count, apart.ours) == (1, 1, [])


def test_last_words_are_shown_by_their_last_lines() -> None:
    words = tuple((float(number), f"\x1b[31Mline {number}\n") for number in range(9))
    assert last_words([Exit(0.0, "exited", words), Exit(5.0, "killed", ())]).splitlines() == [
        "  1970-01-01 00:00:00 UTC exited; before:",
        *(f"    line {number}\\n" for number in (6, 7, 8)),
        "  1970-01-01 00:00:05 UTC killed; before:",
        "    nothing",
    ]


@pytest.mark.parametrize(
    ("restarts", "state", "up_s", "looping"),
    [
        (0, "active", 5, False),
        (1, "active", 5, False),
        (2, "active", 5, True),
        (9, "active", 700, False),
        (9, "activating", 700, True),
        (5, "failed", 9000, True),
        (0, "failed", 9000, False),
    ],
)
def test_a_service_that_does_not_stay_up_is_known(
    restarts: int, state: str, up_s: int, looping: bool
) -> None:
    """One restart alone is told of by a check of its own."""
    unit = Unit(NRestarts=restarts, ActiveEnterTimestampMonotonic=1_000_000, ActiveState=state)
    assert unit.is_looping(1.0 + up_s, stable_s=600) is looping
