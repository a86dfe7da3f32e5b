"""The dashboard has no page with the browser window."""

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
}
LAYERS = ("session/test_window.py",)
_DEFECT = """
async def defect(request, handler):
    if request.path.endswith("/novnc"):
        raise web.HTTPNotFound(text="{}")
    return await handler(request)
"""


def inject(patient: Patient) -> AbstractContextManager[None]:
    """The VM shows the page all the same, and each hop up to the controller's does."""
    return defective(patient, _DEFECT)
