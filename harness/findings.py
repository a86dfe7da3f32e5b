"""What is wrong, thing by thing, with what mends it: printed for a person, never run."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from harness.errors import WaitTimeoutError
from harness.mend import HEADING, Mend
from harness.redact import redact
from harness.text import one_line
from harness.wait import wait_until

SHOWN_FINDINGS = 20


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong. ``key`` names the very same thing when it is looked at again."""

    key: str
    thing: str
    """What and where: path, pid, row."""
    why: str
    mends: tuple[Mend, ...] = ()
    """What mends it, in order."""


def report(findings: Sequence[Finding], what: str) -> str:
    """A line for each, at most 20 lines and the count, and what mends those that are shown, a line each."""
    shown = findings[:SHOWN_FINDINGS]
    lines = [f"{what}: {len(findings)}"]
    lines += [f"  {one_line(one.thing)}: {one_line(one.why)}" for one in shown]
    if len(findings) > len(shown):
        lines.append(f"  … and {len(findings) - len(shown)} more")
    mends = list(dict.fromkeys(mend_line(mend) for one in shown for mend in one.mends))
    if mends:
        lines += [HEADING, *(f"  {mend}" for mend in mends)]
    return "\n".join(lines)


def mend_line(mend: Mend) -> str:
    """A mend as it is pasted; one that names a secret cannot be, and must not seem to."""
    line = mend.line
    return line if redact(line) == line else f"# not to be pasted, a secret is left out of it: {line}"


def lasting_findings(
    first: Sequence[Finding], again: Callable[[], Sequence[Finding]], *, what: str, timeout_s: float
) -> list[Finding]:
    """Those findings that every look shows, until none is left or the time is over.

    A live site launches and destroys VMs while we look: a TAP comes before its row, a row before its process.
    Such a thing is gone at a later look, and a stale one is there at every look, so nothing real is hidden.
    """
    left = list(first)
    if not left:
        return left

    def look() -> list[Finding]:
        seen = {one.key for one in again()}
        left[:] = [one for one in left if one.key in seen]
        return left

    try:
        return wait_until(look, what=what, timeout_s=timeout_s, interval_s=0.5, until=lambda them: not them)
    except WaitTimeoutError:
        return left
