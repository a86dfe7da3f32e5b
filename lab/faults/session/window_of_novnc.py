"""Nothing is broken: the dashboard's window is noVNC's own page, which says nothing of its state."""

from __future__ import annotations

from contextlib import AbstractContextManager

from lab.faults.controller import defective
from lab.faults.patient import Patient

REDS: set[str] = set()
LAYERS = ("session/test_window.py",)
_DEFECT = """
async def defect(request, handler):
    if request.path.endswith("/novnc"):
        websocket = request.path.strip("/") + "/websock"
        raise web.HTTPFound(f"/novnc/vnc_lite.html?path={websocket}")
    answer = await handler(request)
    if request.path.startswith("/novnc/"):  # that page has its script in itself
        answer.headers["Content-Security-Policy"] = ""
    return answer
"""


def inject(patient: Patient) -> AbstractContextManager[None]:
    """Whatever client shows the VM's screen, the window is well."""
    return defective(patient, _DEFECT)
