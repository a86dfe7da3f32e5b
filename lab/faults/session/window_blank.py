"""The dashboard's page connects, and its canvas stays blank."""

from __future__ import annotations

from contextlib import AbstractContextManager

from lab.faults.controller import defective
from lab.faults.patient import Patient

REDS = {
    "session.window_shows_a_browser",
    "session.window_shows_the_page_opened",
    "session.window_is_not_frozen",
    "session.two_windows_at_once_show_their_own_vms",
}
LAYERS = ("session/test_window.py",)
_DEFECT = """
PAGE = "<!doctype html><canvas width=1024 height=768></canvas>" \
    "<script>new WebSocket(location.href.replace('http', 'ws') + '/websock', 'binary')</script>"
async def defect(request, handler):
    if request.path.endswith("/novnc"):
        return web.Response(text=PAGE, content_type="text/html", headers={"Content-Security-Policy": ""})
    return await handler(request)
"""


def inject(patient: Patient) -> AbstractContextManager[None]:
    """A page that only looks like the window."""
    return defective(patient, _DEFECT)
