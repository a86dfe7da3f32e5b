"""The controller says of every page but a VM's first that it was opened, and opens none."""

from __future__ import annotations

from contextlib import AbstractContextManager

from lab.faults.controller import defective
from lab.faults.patient import Patient

REDS = {
    "session.window_is_not_frozen",
}
LAYERS = ("session/test_window.py",)
_DEFECT = """
from lab.controller.agents import Agents
opened, begin = set(), Agents.open_url
async def once(self, machine, url):
    if machine.vm_id in opened:
        return {"success": True}
    opened.add(machine.vm_id)
    return await begin(self, machine, url)
Agents.open_url = once
"""


def inject(patient: Patient) -> AbstractContextManager[None]:
    """For whoever looks on, the window is frozen."""
    return defective(patient, _DEFECT)
