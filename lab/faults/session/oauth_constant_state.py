"""Every session's address has the same state and the same challenge."""

from __future__ import annotations

from contextlib import AbstractContextManager

from lab.faults.controller import defective, on
from lab.faults.patient import Patient

REDS = {
    "session.state_and_challenge_are_fresh",
}
LAYERS = (
    "session/test_oauth.py::test_state_and_challenge_are_fresh",
    "session/test_oauth.py::test_address_asks_for_a_code_with_pkce",
)
_WHAT = """
import re
url = re.sub("([?&])(state|code_challenge)=[^&]*", lambda m: f"{m[1]}{m[2]}={'x' * 43}", body["oauthUrl"])
return web.json_response({"oauthUrl": url})
"""


def inject(patient: Patient) -> AbstractContextManager[None]:
    """As a snapshot of a login would, restored twice."""
    return defective(patient, on("GET", "/oauth-url", _WHAT))
