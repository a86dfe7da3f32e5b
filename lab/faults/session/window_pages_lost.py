"""The controller says of every page that it was opened, and opens none."""

from __future__ import annotations

from contextlib import AbstractContextManager

from lab.faults.controller import defective
from lab.faults.patient import Patient

REDS = {
    "session.vm_opens_the_page_it_is_told_to",
    "session.two_sessions_at_once_have_their_own_addresses",
    "session.window_shows_the_page_opened",
    "session.window_is_not_frozen",
    "session.two_windows_at_once_show_their_own_vms",
    "session.hop_shows_the_page",
}
LAYERS = ("session/test_window.py",)
_DEFECT = """
from lab.controller.agents import Agents
async def never(self, machine, url):
    return {"success": True}
Agents.open_url = never
"""


def inject(patient: Patient) -> AbstractContextManager[None]:
    """No VM ever asks for one."""
    return defective(patient, _DEFECT)
