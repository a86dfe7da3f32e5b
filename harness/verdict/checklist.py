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


CHECKLIST = (
    Item("host-clean", "Stale VM cleaned up from host"),
    Item("database-updated", "Database updated (VM marked destroyed, session marked failed)"),
    Item("handlers", "server.js has error handlers"),
    Item("unit-network", "systemd service has network dependencies"),
    Item("snapshot-rebuilt", "Golden snapshot rebuilt"),
    Item("session-launches", "New session launches successfully"),
    Item("health", "Health check passes"),
    Item("window", "Browser window loads in dashboard"),
    Item("oauth", "OAuth flow completes"),
)

ITEMS = {item.key: item for item in CHECKLIST}


def step_name(step: Step) -> str:
    """How a reader finds the step in the runbook."""
    return f"runbook step {step}" if isinstance(step, int) else f"runbook, {step.capitalize()}"
