"""The controller itself fetches every page that it has a VM open."""

from __future__ import annotations

from contextlib import AbstractContextManager

from lab.faults.controller import defective
from lab.faults.patient import Patient

REDS = {
    "session.vm_opens_the_page_it_is_told_to",
    "session.two_sessions_at_once_have_their_own_addresses",
}
LAYERS = ("session/test_window.py",)
_DEFECT = """
from lab.controller.agents import Agents
begin = Agents.open_url
async def previewed(self, machine, url):
    async with ClientSession() as client, client.get(url):
        return await begin(self, machine, url)
Agents.open_url = previewed
"""


def inject(patient: Patient) -> AbstractContextManager[None]:
    """Pages are asked for by more than the VM that is to show them."""
    return defective(patient, _DEFECT)
