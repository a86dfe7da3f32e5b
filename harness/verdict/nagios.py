"""A run in one line for Nagios, Icinga and whoever else runs its plugins, and their exit status."""

from __future__ import annotations

from harness.verdict.outcome import Outcome, RunVerdict, behind_each
from harness.verdict.report import one_line
from harness.verdict.told import told_verdict

OK, CRITICAL, UNKNOWN = 0, 2, 3
_STATES = {OK: "OK", CRITICAL: "CRITICAL", UNKNOWN: "UNKNOWN"}
_STATUS = {Outcome.PASS: OK, Outcome.FAIL: CRITICAL}
_MOST = 5  # names of checks
_COUNTED = {
    "passed": Outcome.PASS,
    "failed": Outcome.FAIL,
    "broken": Outcome.BROKEN,
    "not_proven": Outcome.NOT_PROVEN,
    "waived": Outcome.WAIVED,
    "advisory": Outcome.ADVISORY,
    "not_applicable": Outcome.NOT_APPLICABLE,
}


def status_line(verdict: RunVerdict | None, exit_status: int, seconds: float) -> tuple[str, int]:
    """The line, and the status: OK only for a PASS that pytest, too, ends with 0."""
    if verdict is None:
        return f"ACCEPTANCE UNKNOWN - no verdict: pytest ended with {exit_status}", UNKNOWN
    told = told_verdict(verdict)
    status = _STATUS.get(told.outcome, UNKNOWN)
    if status == OK and exit_status != 0:
        status = UNKNOWN
    outcomes = [result.outcome for result in told.results]
    data = [f"{name}={outcomes.count(outcome)};;;0" for name, outcome in _COUNTED.items()]
    data.append(f"behind={sum(behind_each(told.results).values())};;;0")
    text = f"{one_line(told)}{_named(told)}".replace("|", "/")  # what follows a bar is data
    return f"ACCEPTANCE {_STATES[status]} - {text} | duration={seconds:.1f}s;;;0 {' '.join(data)}", status


def _named(verdict: RunVerdict) -> str:
    behind = behind_each(verdict.results)
    names = [
        f"{result.check.name}{_and_behind(behind.get(result.check.name, 0))}"
        for outcome in (Outcome.FAIL, Outcome.BROKEN)
        for result in verdict.results
        if result.outcome is outcome
    ]
    more = f" and {len(names) - _MOST} more" if len(names) > _MOST else ""
    return f": {', '.join(names[:_MOST])}{more}" if names else ""


def _and_behind(count: int) -> str:
    return f" ({count} behind it)" if count else ""
