"""No session has an address to log in at."""

from __future__ import annotations

from contextlib import AbstractContextManager

from lab.faults.controller import defective
from lab.faults.patient import Patient

REDS = {
    "session.login_has_an_address",
    "session.provider_page_is_in_the_window",
    "session.login_in_the_window_completes",
    "session.completed_sessions_vm_is_gone",
    "session.callback_to_the_agent_completes",
    "session.credentials_are_the_sessions_own",
    "session.bad_login_fails_cleanly",
    "session.bad_login_leaves_no_credentials",
}
BROKEN = {
    "session.address_asks_for_a_code_with_pkce",
    "session.state_and_challenge_are_fresh",
    "session.vm_reaches_the_provider",
}
LAYERS = ("session/test_oauth.py",)
_DEFECT = """
async def defect(request, handler):
    if request.path.endswith("/oauth-url"):
        raise web.HTTPConflict(text="{}")
    return await handler(request)
"""


def inject(patient: Patient) -> AbstractContextManager[None]:
    """The VM's answer is kept from whoever asks."""
    return defective(patient, _DEFECT)
