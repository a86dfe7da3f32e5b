"""A second session at once is refused."""

from __future__ import annotations

from contextlib import AbstractContextManager

from lab.faults.controller import SESSION, defective, on
from lab.faults.patient import Patient

REDS = {"session.second_session_starts"}
BROKEN = {"session.sessions_share_nothing", "session.other_session_goes_on"}
LAYERS = SESSION
_WHAT = """
asked = await request.json()
if asked["userId"].endswith("3") and answer.status == 200:
    async with ClientSession() as client:
        await client.post(f"{request.url.origin()}/api/auth/session/{body['sessionId']}/cancel", json={})
    answer = web.json_response({"error": "one session at a time"}, status=500)
"""


def inject(patient: Patient) -> AbstractContextManager[None]:
    """The second user's session is ended at once, and the request answered 500."""
    return defective(patient, on("POST", "/api/auth/start", _WHAT))
