"""How the agent ended, once something was thrown in it: each row of a trial with what came of it."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from harness.guest.preload import Process, Record
from harness.guest.trial import EXIT_S, ROWS, Exit, Row, Trial

_SPARE_S = 1.0
"""An emulated guest's journal may be late by so much."""


@dataclass(frozen=True)
class Ending:
    """What came of a row; ``ok`` None: it was not tried."""

    row: Row
    told: str
    ok: bool | None


def endings(trial: Trial, ways: Iterable[str]) -> list[Ending]:
    """The rows of these ways: those that failed first, then those that were not tried."""
    found = [_ending(trial, row) for row in ROWS if row.way in set(ways)]
    return sorted(found, key=lambda one: {False: 0, None: 1, True: 2}[one.ok])


def table(found: Iterable[Ending]) -> str:
    """All of them for a message, a line each."""
    rows = list(found)
    width = max((len(str(one.row)) for one in rows), default=0)
    marks = {False: "FAIL", None: "-", True: "ok"}
    return "\n".join(f"    {marks[one.ok]:4}  {one.row!s:{width}}  {one.told}" for one in rows)


def _ending(trial: Trial, row: Row) -> Ending:
    process = trial.tried_in(row) or trial.crowd_of(row)
    if process is None or process.tried is None:
        return Ending(row, "not tried", None)
    how = f"{_handled(process, process.tried)}{_by(process)}"
    if process.of("alive"):
        return Ending(row, f"still running after {EXIT_S:g} s{how}", ok=False)
    if process.tried.told.get("row") in trial.living:
        return Ending(
            row, f"under way when the time for all of it was over (see guest.recovery_s){how}", None
        )
    seen = trial.exit_of(process)
    code = _code(process, seen)
    if process.tried.told.get("row") in trial.stuck:
        ended = f"{code} of a process that nobody started again"
        return Ending(row, f"{ended if _last(process) else 'it hung, and was killed'}{how}", ok=False)
    if code is None:
        return Ending(row, f"an end that systemd took for a clean one, as with exit code 0{how}", ok=False)
    after_s = _ended_at(process, seen) - process.tried.at_s
    if after_s > EXIT_S + _SPARE_S:
        return Ending(row, f"{code}, but only after {after_s:.1f} s{how}", ok=False)
    return Ending(row, f"{code}{how}", ok=code != "exit code 0")


def _code(process: Process, seen: Exit | None) -> str | None:
    """What its parent got to see: by systemd's word where that is its parent, else by its own last one.

    None: neither said a word; systemd says none of an end that is clean to it.
    """
    if seen is not None:
        return f"exit code {seen.status}" if seen.code == "exited" else f"killed by signal {seen.status}"
    last = _last(process)
    if last is None:
        return None if process.parent == 1 else "an end without a word, as by a signal"
    return f"exit code {int(last.code or 0) & 0xFF if _is_number(last.code) else 0}"


def _is_number(text: str | None) -> bool:
    return bool(re.fullmatch(r"-?[0-9]{1,9}", text or ""))


def _ended_at(process: Process, seen: Exit | None) -> float:
    last = _last(process)
    if last is not None:
        return last.at_s
    return process.records[-1].at_s if seen is None else seen.at_s


def _last(process: Process) -> Record | None:
    """Its own last word; a thread's is not the process's."""
    ends = (one for one in process.records if one.kind in {"ends", "leaves"} and one.thread == 0)
    return max(ends, key=lambda one: one.at_s, default=None)


def _handled(process: Process, tried: Record) -> str:
    times = sum(1 for one in process.of("handled") if one.at_s >= tried.at_s)
    return "" if times == 0 else f", its handlers called {f'{times} times' if times > 1 else 'once'}"


def _by(process: Process) -> str:
    """Which of the ways to leave the program took."""
    ways = {
        "exit": "process.exit({code})",
        "abort": "process.abort()",
        "kill": "process.kill(process.pid, {code})",
    }
    called = next((one for one in process.records if one.kind in ways), None)
    if called is None:
        return ""
    return f", {ways[called.kind].format(code=called.code or '')} at {called.place or 'an unknown place'}"
