"""What a launch changes: the session's VM held against the golden snapshot."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from harness.guest.claims import broken_by_the_launch
from harness.guest.difference import Difference
from harness.guest.facts import Facts
from harness.guest.look import Look
from harness.guest.overlay import SET, Overlay, left_over
from harness.site.profile import Site
from harness.text import beginning
from harness.verdict.evidence import Evidence

pytestmark = [
    pytest.mark.acceptance,
    pytest.mark.item("session-launches"),
    pytest.mark.look(
        "ls -l {agent.directory}",
        "systemctl cat {agent.unit}    (in a clone and in a user's VM, and compare)",
    ),
]
MOST_ADVICE = 20
SHOWN = 8000  # characters of what was changed, in a message; all of it is in the evidence


@pytest.mark.mend(
    step="troubleshooting", how="mend what the controller writes into a VM, or have it leave the snapshot's"
)
def test_launch_breaks_nothing(
    launch_difference: Difference,
    launch_overlay: Overlay,
    golden_facts: Facts,
    session_facts: Facts,
    golden_look: Look,
    session_look: Look,
    site: Site,
    evidence: Evidence,
    advice: Callable[[str], None],
) -> None:
    """What a launch changes in a guest breaks nothing that the runbook or the profile asks for."""
    evidence.text("launch-difference.txt", launch_difference.text)
    broken = broken_by_the_launch(golden_look.guest, session_look.guest, site)
    others = left_over(golden_facts, session_facts, launch_overlay, site)
    for line in launch_difference.lines[:MOST_ADVICE]:
        advice(f"a launch changes: {line}")
    if (more := len(launch_difference.lines) - MOST_ADVICE) > 0:
        advice(f"a launch changes {more} things more: launch-difference.txt in the evidence has them")
    why = [f"{check} holds in the golden snapshot, and not in the session's VM" for check in broken]
    if others:
        why.append(
            "what experiments prove does not hold for the session's VM, whose agent is another than the one "
            f"that they are made on ({launch_overlay.why}): {', '.join(others[:10])}\n  {SET}"
        )
    changed = beginning(launch_difference.text, SHOWN)
    assert not why, "\n".join([*why, f"what the launch changed:\n{changed}", *broken.values()])
