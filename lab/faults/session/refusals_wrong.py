"""What must be refused is refused otherwise than documented, and not in JSON."""

from __future__ import annotations

from contextlib import AbstractContextManager

from lab.faults.controller import SESSION, defective
from lab.faults.patient import Patient

REDS = {
    "session.bad_start_is_a_json_400",
    "session.unknown_session_is_a_json_404",
    "session.second_cancel_is_a_json_409",
}
LAYERS = SESSION
_DEFECT = """
async def defect(request, handler):
    try:
        return await handler(request)
    except web.HTTPException as refusal:
        return web.Response(text="no")
"""


def inject(patient: Patient) -> AbstractContextManager[None]:
    """Every refusal is a 200."""
    return defective(patient, _DEFECT)
