"""The runbook's Testing Checklist: nine lines that the verdict answers, in the runbook's order."""

from __future__ import annotations

from dataclasses import dataclass

Step = int | str
"""A numbered step of the runbook, or ``troubleshooting``."""

STEPS: tuple[Step, ...] = (1, 2, 3, 4, 5, 6, 7, "troubleshooting")


@dataclass(frozen=True)
class Item:
    """One line of the checklist."""

    key: str
    text: str
    why: str
    """Why it matters, for a check that says nothing closer."""


CHECKLIST = (
    Item(
        "host-clean",
        "Stale VM cleaned up from host",
        "What a dead VM left behind takes memory, addresses and names that the next VM needs, and "
        "hides which VMs are real.",
    ),
    Item(
        "database-updated",
        "Database updated (VM marked destroyed, session marked failed)",
        "The controller goes by the rows: one that promises a VM that is not there sends users to "
        "nobody, and hands out addresses twice.",
    ),
    Item(
        "handlers",
        "server.js has error handlers",
        "An agent that survives its own error answers nothing and is never restarted: it must say "
        "why, and end.",
    ),
    Item(
        "unit-network",
        "systemd service has network dependencies",
        "Whether the agent comes up, and comes back, is systemd's doing, and it does what the unit "
        "says in force, not what was written.",
    ),
    Item(
        "snapshot-rebuilt",
        "Golden snapshot rebuilt",
        "Every VM is made of the golden snapshot: what is wrong in it is wrong in all of them, and "
        "comes back with each launch.",
    ),
    Item(
        "session-launches",
        "New session launches successfully",
        "This is what a user waits for: whatever else is sound, a session that does not start is an outage.",
    ),
    Item(
        "health",
        "Health check passes",
        "The controller gives a VM up whose agent does not answer in time, however sound the rest of it is.",
    ),
    Item(
        "window",
        "Browser window loads in dashboard",
        "A user sees the VM by its window alone: a blank or frozen one is a VM that does not work.",
    ),
    Item(
        "oauth",
        "OAuth flow completes",
        "The session is there for the login: one that cannot end, or ends with another's "
        "credentials, is worse than none.",
    ),
)

ITEMS = {item.key: item for item in CHECKLIST}
"""The runbook's; a site may have more lines of its own, which come after them."""
CANDIDATE_ITEMS = frozenset({"handlers", "unit-network", "snapshot-rebuilt", "health"})
"""What a snapshot, its guest and its clones prove by themselves."""


def step_name(step: Step) -> str:
    """How a reader finds the step in the runbook."""
    return f"runbook step {step}" if isinstance(step, int) else f"runbook, {step.capitalize()}"
