"""A sick VM of a session held against a clone of our own from the same golden snapshot."""

from __future__ import annotations

import difflib

from harness.causes.cause import Diagnosis
from harness.causes.facts import Inside

_LINES = 12
_FILES = "snapshot."
"""Causes that lie in what the VMM is given."""
_INSIDE = ("agent.", "boot.")
"""Causes that lie in the guest: for any other, or an unknown one, nothing is known of what is done to it."""


def contrast(own: Diagnosis | None, theirs: Diagnosis, *, is_healthy: bool) -> str:
    """The sentence that says whose the trouble is; empty where nobody looked at a clone of ours.

    :param own: what ails our own clone, where anything does.
    """
    if is_healthy and theirs.cause and theirs.cause.name.startswith(_FILES):
        return (
            "our own clone of the golden snapshot is healthy: its files are sound where the profile names"
            " them, and the VMM that the controller started does not have them so (a jail without them,"
            " another path, no right to read)"
        )
    if is_healthy and not (theirs.cause and theirs.cause.name.startswith(_INSIDE)):
        return "our own clone of the golden snapshot, in a network of its own, is healthy"
    if is_healthy:
        return (
            "our own clone of the golden snapshot is healthy: the snapshot is sound by itself, and what the"
            " controller does to it is not"
        )
    if own is None:
        return ""
    if own.cause and theirs.cause and own.cause.name == theirs.cause.name:
        return "our own clone of the golden snapshot is sick of the same: mend the snapshot"
    told = own.cause.name if own.cause else "for no cause that is known"
    return f"our own clone of the golden snapshot is sick, too: {told}"


def rewritten(own: Inside | None, theirs: Inside | None, *, unit_file: str, entry: str) -> str:
    """What the controller has rewritten in its VM, of the unit's file and the agent's entry; with a diff."""
    if own is None or theirs is None:
        return ""
    lines = []
    if own.unit_file != theirs.unit_file:
        diff = difflib.unified_diff(
            own.unit_file.splitlines(), theirs.unit_file.splitlines(), "golden", "session", lineterm="", n=0
        )
        shown = [line for line in diff if not line.startswith(("---", "+++"))]
        lines += [f"it rewrote {unit_file}:", *(f"  {line}" for line in shown[:_LINES])]
    if own.entry != theirs.entry:
        lines.append(f"it rewrote {entry}: another digest")
    return "\n".join(lines)
