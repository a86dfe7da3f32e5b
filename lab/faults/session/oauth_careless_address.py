"""The address to log in at asks for a code without S256, and has it sent to another machine."""

from __future__ import annotations

from contextlib import AbstractContextManager

from lab.faults.controller import defective, on
from lab.faults.patient import Patient

REDS = {
    "session.address_asks_for_a_code_with_pkce",
}
LAYERS = ("session/test_oauth.py::test_address_asks_for_a_code_with_pkce",)
_WHAT = """
url = body["oauthUrl"].replace("S256", "plain").replace("localhost", "192.168.100.1")
return web.json_response({"oauthUrl": url})
"""


def inject(patient: Patient) -> AbstractContextManager[None]:
    """As a careless client makes it."""
    return defective(patient, on("GET", "/oauth-url", _WHAT))
