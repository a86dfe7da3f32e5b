"""The controller's proxy of the window's WebSocket refuses everybody."""

from __future__ import annotations

from contextlib import AbstractContextManager

from lab.faults.controller import defective
from lab.faults.patient import Patient

REDS = {
    "session.page_connects",
    "session.window_shows_a_browser",
    "session.window_shows_the_page_opened",
    "session.window_is_not_frozen",
    "session.two_windows_at_once_show_their_own_vms",
    "session.hop_shows_the_page[controller_proxy]",
}
LAYERS = ("session/test_window.py",)
_DEFECT = """
async def defect(request, handler):
    if request.path.endswith("/novnc/websock"):
        raise web.HTTPBadGateway(text="{}")
    return await handler(request)
"""


def inject(patient: Patient) -> AbstractContextManager[None]:
    """Page and VM are well: nothing comes through in between."""
    return defective(patient, _DEFECT)
