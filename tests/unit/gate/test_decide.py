"""The gate's truth table: every reason of DENY, each seen, and what still is an ALLOW."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from harness.gate.decide import Answer, Question, Reason, Told, decide
from harness.gate.untold import Untold
from harness.verdict.terms import Terms, Waiver
from tests.unit.peers.verdicts import ENDED, FILES, document, passed, waived

HOUR, FILE = timedelta(hours=1), "e/0a1b2c/verdict.json"
ASKED = Question(FILES, "d" * 64, "c" * 64, ENDED + HOUR, site="here")


def told(*, hours: float = 0, **changes: Any) -> Told:
    """The verdict of a run that ended so many hours later."""
    ended = ENDED + hours * HOUR
    return Told(document(began=ended.isoformat(), ended=ended.isoformat(), **changes), FILE)


def snapshot(**digests: str | None) -> dict[str, Any]:
    """Its part of a verdict."""
    files = {**FILES, **digests}
    return {
        role: {"path": f"/g/{role}", "size": 7, "sha256": one} if role in files else None
        for role, one in {**dict.fromkeys(("kernel", "initrd", "manifest")), **files}.items()
    }


def outcome(word: str, status: int) -> dict[str, Any]:
    """One check of that outcome, and the run's."""
    said = passed()
    said["checks"][0]["outcome"] = said["items"][0]["outcome"] = word
    return {"outcome": word, "exit_status": status, "checks": said["checks"], "items": said["items"]}


def items(**changes: Any) -> list[dict[str, Any]]:
    """All PASS but the first, which is changed."""
    first, *rest = passed()["items"]
    return [{**first, **changes}, *rest]


FAIL, BROKEN, UNPROVEN = outcome("FAIL", 1), outcome("BROKEN", 3), outcome("NOT PROVEN", 5)
SMOKE: dict[str, Any] = {"scope": {"name": "smoke", "narrowed": []}}
CANDIDATE: dict[str, Any] = {"scope": {"name": "candidate", "narrowed": []}}
NARROW: dict[str, Any] = {"scope": {"name": "acceptance", "narrowed": ["-k"]}}


@dataclass(frozen=True)
class Row:
    """Verdicts, and what the gate makes of them."""

    verdicts: Sequence[Told]
    reason: Reason | None
    says: str = ""
    asked: Question = ASKED
    untold: Sequence[Untold] = ()


def untold(
    *, hours: float, site: str | None = "here", goes_on: bool = False, candidate: str | None = ""
) -> Untold:
    """A run without a verdict that began so many hours after the others ended."""
    why = "e/ffffff: it ended without verdict.json"
    return Untold(why, ENDED + hours * HOUR, site, goes_on, candidate)


def clock(machine: str | None) -> dict[str, Any]:
    """The verdict of a suite on that machine."""
    return {"suite": {"version": "1", "checks_sha256": "c" * 64, "machine_sha256": machine}}


def host(machine: str | None) -> dict[str, Any]:
    """The verdict on that host."""
    return {"host": {"address": "192.0.2.1", "machine_id_sha256": machine}}


def terms(until: date | None, *advisory: str) -> Terms:
    """Of a profile that waives the first check until then."""
    waivers = (Waiver(FIRST, "r", "ops", "OPS-7", until),) if until else ()
    return Terms(waivers, frozenset(advisory))


def on(until: date | None, *advisory: str, now: datetime = ENDED + HOUR) -> Question:
    """Asked then, with such a profile."""
    return replace(ASKED, terms=terms(until, *advisory), now=now)


def merged(*, first: float = -0.1) -> Told:
    """The PASS of a run that asked one check again, which had FAILED so many hours before."""
    then, failed = (ENDED + first * HOUR).isoformat(), {"outcome": "FAIL", "evidence": ""}
    again, *rest = passed()["checks"]
    return told(
        merged=[{"run": "ffffff", "began": then, "ended": then, "exit_status": 1, **failed}],
        checks=[
            {**again, "tries": [{"run": "ffffff", "seen": "x", **failed}]},
            *({**one, "of_run": "ffffff"} for one in rest),
        ],
    )


FIRST, FEBRUARY, JANUARY = "host.host-clean", date(2026, 2, 28), date(2026, 1, 31)
WAIVED: dict[str, Any] = {"checks": waived(), "items": items(outcome="WAIVED")}
ADVISED = waived(outcome="ADVISORY", waiver=None, advisory=True)
UNASKED = waived(outcome="ADVISORY", found="BROKEN", waiver=None, advisory=True)
MARCH = datetime(2026, 3, 1, tzinfo=UTC)

OF_CANDIDATE = replace(ASKED, candidate="/c")
ON_HOST = replace(ASKED, machine="a" * 64)
LATE_HERE = told(hours=0.1, **clock("a" * 64))
SOON = {"hours": 0.01}  # before LATE_HERE, by less than clocks may be apart

ROWS = {
    "a PASS of all": Row([told()], None, "run 0a1b2c of 2026-01-31T12:05:00.000Z: PASS, 9 of 9 items"),
    "no verdict": Row([], Reason.NO_VERDICT, "there is none"),
    "another file": Row([told(snapshot=snapshot(memory="9" * 64))], Reason.SNAPSHOT, "another memory"),
    "a file of which it knows no digest": Row(
        [told(snapshot=snapshot(disk=None))], Reason.SNAPSHOT, "was of a disk whose sha256 was not known"
    ),
    "a file more": Row([told(snapshot=snapshot(kernel="4" * 64))], Reason.SNAPSHOT, "another kernel"),
    "a file less": Row(
        [told()], Reason.SNAPSHOT, "another kernel", replace(ASKED, snapshot={**FILES, "kernel": "4" * 64})
    ),
    "another profile": Row([told(profile={"file": "x", "sha256": "e" * 64})], Reason.PROFILE),
    "other checks": Row([told(suite={"version": "1", "checks_sha256": "e" * 64})], Reason.CHECKS),
    "a FAIL": Row([told(**FAIL)], Reason.FAIL, "host.host-clean"),
    "a BROKEN": Row([told(**BROKEN)], Reason.BROKEN, "host.host-clean"),
    "a NOT PROVEN": Row([told(**UNPROVEN)], Reason.NOT_PROVEN, "host.host-clean"),
    "only smoke": Row([told(**SMOKE)], Reason.NARROWED, "of scope smoke"),
    "a part": Row([told(scope={"name": "partial", "narrowed": []})], Reason.NARROWED, "of scope partial"),
    "a narrowed run": Row([told(**NARROW, **UNPROVEN)], Reason.NARROWED, "narrowed by -k"),
    "too old": Row([told()], Reason.TOO_OLD, "60 min old, and 30 min are", replace(ASKED, max_age=HOUR / 2)),
    "just young enough": Row([told()], None, "", replace(ASKED, max_age=HOUR)),
    "of the future": Row([told(hours=2)], Reason.FUTURE, "ended after now"),
    "by a clock a little ahead": Row([told(hours=1.05)], None),
    "a PASS with another exit status": Row([told(exit_status=1)], Reason.AT_ODDS),
    "a PASS without an item": Row([told(items=items(outcome="NOT PROVEN"))], Reason.AT_ODDS),
    "a PASS without an item in scope": Row([told(items=items(in_scope=False))], Reason.AT_ODDS),
    "a PASS with fewer items": Row([told(items=passed()["items"][1:])], Reason.AT_ODDS),
    "a PASS with a check that failed": Row([told(checks=FAIL["checks"])], Reason.AT_ODDS),
    "a PASS with trouble": Row([told(trouble=[{"outcome": "FAIL", "text": "x"}])], Reason.AT_ODDS),
    "the newest of all counts": Row([told(), told(hours=0.5, **FAIL)], Reason.FAIL),
    "and an older FAIL does not": Row([told(**FAIL), told(hours=0.5)], None),
    "a later smoke that passed": Row([told(), told(hours=0.5, **SMOKE)], None),
    "a later smoke that failed": Row([told(), told(hours=0.5, **{**SMOKE, **FAIL})], Reason.FAIL),
    "a later smoke that could not ask": Row([told(), told(hours=0.5, **{**SMOKE, **BROKEN})], None),
    "an earlier smoke that failed": Row([told(hours=-1, **{**SMOKE, **FAIL}), told()], None),
    "a later run of another snapshot": Row(
        [told(), told(hours=0.5, **FAIL, snapshot=snapshot(memory="9" * 64))], None
    ),
    "a later run of a snapshot of which it knows no digest": Row(
        [told(), told(hours=0.5, **FAIL, snapshot=snapshot(disk=None))], Reason.FAIL
    ),
    "a later run that knows nothing of the snapshot": Row(
        [told(), told(hours=0.5, **FAIL, snapshot={})], Reason.FAIL
    ),
    "a later run of another file, and of one that it does not know": Row(
        [told(), told(hours=0.5, **FAIL, snapshot=snapshot(disk=None, memory="9" * 64))], None
    ),
    "a later run of another profile": Row(
        [told(), told(hours=0.5, **FAIL, profile={"file": "x", "sha256": "e" * 64})], None
    ),
    "another host": Row([told(**host("b" * 64))], Reason.HOST, "another host: machine-id sha256 b", ON_HOST),
    "a host of which it knows no id": Row([told()], Reason.HOST, "none that is known", ON_HOST),
    "the same host": Row([told(**host("a" * 64))], None, "", ON_HOST),
    "a later run of another host": Row(
        [told(**host("a" * 64)), told(hours=0.5, **FAIL, **host("b" * 64))], None, "", ON_HOST
    ),
    "a later run of a host that is not known": Row(
        [told(**host("a" * 64)), told(hours=0.5, **FAIL)], Reason.FAIL, "", ON_HOST
    ),
    "a FAIL just before, by another clock": Row(
        [told(**SOON, **FAIL, **clock("b" * 64)), LATE_HERE], Reason.FAIL
    ),
    "a FAIL just before, by a clock that is not known": Row(
        [told(**SOON, **FAIL, **clock(None)), LATE_HERE], Reason.FAIL
    ),
    "a FAIL just before, by the same clock": Row([told(**SOON, **FAIL, **clock("a" * 64)), LATE_HERE], None),
    "a FAIL well before, by another clock": Row(
        [told(hours=-0.1, **FAIL, **clock("b" * 64)), LATE_HERE], None
    ),
    "a FAIL at the same moment": Row([told(**FAIL), told()], Reason.FAIL),
    "a candidate": Row([told(**CANDIDATE)], None, "", OF_CANDIDATE),
    "a candidate that failed when it was golden": Row(
        [told(hours=-1, run="eeeeee", **FAIL), told(**CANDIDATE)], Reason.FAIL, "run eeeeee", OF_CANDIDATE
    ),
    "or when smoke was asked of it": Row(
        [told(hours=-1, run="eeeeee", **{**SMOKE, **FAIL}), told(**CANDIDATE)], Reason.FAIL, "", OF_CANDIDATE
    ),
    "that failed once and passed when all was asked": Row(
        [told(hours=-2, **FAIL), told(hours=-1), told(**CANDIDATE)], None, "", OF_CANDIDATE
    ),
    "that passed and then failed": Row(
        [told(hours=-2), told(hours=-1, **FAIL), told(**CANDIDATE)], Reason.FAIL, "", OF_CANDIDATE
    ),
    "that failed and could not be asked since": Row(
        [told(hours=-2, **FAIL), told(hours=-1, **BROKEN), told(**CANDIDATE)], Reason.FAIL, "", OF_CANDIDATE
    ),
    "that failed and passed since by a word that does not count": Row(
        [
            told(hours=-2, **FAIL),
            replace(told(hours=-1), refused=(Reason.UNSIGNED, "it has none")),
            told(**CANDIDATE),
        ],
        Reason.FAIL,
        "",
        OF_CANDIDATE,
    ),
    "that failed as a candidate before": Row(
        [told(hours=-1, **{**CANDIDATE, **FAIL}), told(**CANDIDATE)], None, "", OF_CANDIDATE
    ),
    "beside a golden snapshot that failed before": Row(
        [told(hours=-1, **FAIL, snapshot=snapshot(disk=None)), told(**CANDIDATE)], None, "", OF_CANDIDATE
    ),
    "a newer run without a verdict": Row(
        [told()], Reason.UNTOLD, "e/ffffff: it ended", untold=[untold(hours=0.5)]
    ),
    "one that may be of this site": Row([told()], Reason.UNTOLD, untold=[untold(hours=0.5, site=None)]),
    "one that may be of this candidate": Row(
        [told()], Reason.UNTOLD, "", OF_CANDIDATE, [untold(hours=0.5, candidate=None)]
    ),
    "one that may be of the golden snapshot": Row(
        [told()], Reason.UNTOLD, untold=[untold(hours=0.5, candidate=None)]
    ),
    "one of this candidate by another name": Row(
        [told()], Reason.UNTOLD, "", OF_CANDIDATE, [untold(hours=0.5, candidate="//d/../c/./")]
    ),
    "one of another candidate": Row([told()], None, "", OF_CANDIDATE, [untold(hours=0.5, candidate="/d")]),
    "one of a candidate": Row([told()], None, untold=[untold(hours=0.5, candidate="/c")]),
    "one of the golden snapshot": Row([told()], None, "", OF_CANDIDATE, [untold(hours=0.5)]),
    "one of another site": Row([told()], None, untold=[untold(hours=0.5, site="there")]),
    "an older run without a verdict": Row([told()], None, untold=[untold(hours=-0.5)]),
    "an older run that goes on": Row([told()], Reason.UNTOLD, untold=[untold(hours=-0.5, goes_on=True)]),
    "a FAIL that is waived": Row(
        [told(**WAIVED)], None, f"9 of 9 items, 1 waived ({FIRST} until 2026-02-28)", on(FEBRUARY)
    ),
    "on the last day of its waiver": Row(
        [told(**WAIVED)], None, "", on(FEBRUARY, now=MARCH - timedelta(microseconds=1))
    ),
    "after it": Row(
        [told(**WAIVED)], Reason.EXCUSED, f"{FIRST} was waived until 2026-02-28", on(FEBRUARY, now=MARCH)
    ),
    "a waiver that was shortened since": Row(
        [told(**WAIVED)], Reason.EXCUSED, "waived until 2026-01-31", on(JANUARY, now=MARCH - HOUR)
    ),
    "one that was made longer since": Row(
        [told(**WAIVED)], Reason.EXCUSED, "until 2026-02-28 when it ran", on(date(2027, 1, 1), now=MARCH)
    ),
    "one that was taken back": Row([told(**WAIVED)], Reason.EXCUSED, "was waived, and is no more"),
    "one that was made after a FAIL": Row([told(**FAIL)], Reason.FAIL, FIRST, on(FEBRUARY)),
    "one that was made after a PASS": Row([told()], None, "9 of 9 items", on(FEBRUARY)),
    "a waived FAIL that a later run saw": Row(
        [told(), told(hours=0.5, **SMOKE, **WAIVED)], None, "", on(FEBRUARY)
    ),
    "and that is waived no more": Row(
        [told(), told(hours=0.5, **SMOKE, **WAIVED)], Reason.EXCUSED, "was waived, and is no more"
    ),
    "a waived FAIL that an earlier run saw": Row([told(hours=-1, **SMOKE, **WAIVED), told()], None),
    "a waived FAIL beside one that could not ask": Row(
        [told(), told(hours=0.5, **{**SMOKE, **BROKEN, "checks": waived(outcome="BROKEN")})], Reason.BROKEN
    ),
    "WAIVED without a waiver": Row(
        [told(checks=waived(waiver=None), items=WAIVED["items"])], Reason.AT_ODDS, "", on(FEBRUARY)
    ),
    "WAIVED for what is no FAIL": Row(
        [told(checks=waived(found="BROKEN"), items=WAIVED["items"])], Reason.AT_ODDS, "", on(FEBRUARY)
    ),
    "an advisory FAIL": Row([told(checks=ADVISED)], None, f"1 advisory ({FIRST}: FAIL)", on(None, FIRST)),
    "that is advisory no more": Row(
        [told(checks=ADVISED)], Reason.EXCUSED, "was FAIL, and is advisory no more"
    ),
    "what could not be asked, and is advisory no more": Row(
        [told(checks=UNASKED)], Reason.EXCUSED, "was BROKEN"
    ),
    "a later run could not ask it": Row([told(), told(hours=0.5, **SMOKE, checks=UNASKED)], None),
    "a later run saw it": Row([told(), told(hours=0.5, **SMOKE, checks=ADVISED)], Reason.EXCUSED),
    "ADVISORY of what was none": Row(
        [told(checks=waived(outcome="ADVISORY"))], Reason.AT_ODDS, "", on(FEBRUARY, FIRST)
    ),
    "a PASS of two runs": Row([merged()], None, f"merged of 2 runs (again: {FIRST} after FAIL)"),
    "beside the first of them, by another clock": Row(
        [told(hours=-0.01, run="ffffff", **FAIL), merged()], None
    ),
    "a FAIL between them": Row(
        [merged(first=-0.5), told(hours=-0.2, run="eeeeee", **{**SMOKE, **FAIL})], Reason.FAIL, "run eeeeee"
    ),
    "a FAIL before both": Row([merged(first=-0.5), told(hours=-0.9, run="eeeeee", **FAIL)], None),
    "a run without a verdict between them": Row(
        [merged(first=-0.5)], Reason.UNTOLD, "e/ffffff", untold=[untold(hours=-0.2)]
    ),
    "of two runs the first is too old": Row(
        [merged(first=-0.5)],
        Reason.TOO_OLD,
        "90 min old, and 75 min are",
        replace(ASKED, max_age=1.25 * HOUR),
    ),
    "no signature": Row(
        [replace(told(), refused=(Reason.UNSIGNED, "run 0a1b2c has none"))], Reason.UNSIGNED, "has none"
    ),
    "a wrong signature": Row([replace(told(), refused=(Reason.SIGNATURE, "another key"))], Reason.SIGNATURE),
}


def answer(row: Row) -> Answer:
    return decide(row.asked, row.verdicts, row.untold)


@pytest.mark.parametrize("row", ROWS.values(), ids=ROWS.keys())
def test_the_gate_answers(row: Row) -> None:
    given = answer(row)
    assert given.reason is row.reason
    assert row.says in given.text
    assert given.allows is (row.reason is None)
    head = f"DENY   {given.reason.value}: " if given.reason else "ALLOW  "
    assert str(given).startswith(head)
    assert bool(given.hint) is not given.allows


@pytest.mark.parametrize("row", ROWS.values(), ids=ROWS.keys())
def test_the_order_in_which_they_lie_there_is_nothing(row: Row) -> None:
    assert answer(replace(row, verdicts=[*reversed(row.verdicts)])) == answer(row)


def test_every_reason_is_seen() -> None:
    """But for an unfinished promotion: before a verdict is looked for, the host says so (test_promote)."""
    assert {row.reason for row in ROWS.values()} >= {*Reason} - {Reason.PROMOTION}


def test_what_did_not_count_is_told() -> None:
    given = decide(ASKED, [], [untold(hours=0)])
    assert given.reason is Reason.NO_VERDICT
    assert "of 1 runs none counts, as e/ffffff: it ended without verdict.json" in given.text
