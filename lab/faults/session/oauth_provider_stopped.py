"""The provider is down."""

from __future__ import annotations

from contextlib import AbstractContextManager

from lab.faults.patient import Patient

REDS = {
    "session.vm_reaches_the_provider",
    "session.provider_page_is_in_the_window",
    "session.login_in_the_window_completes",
    "session.completed_sessions_vm_is_gone",
    "session.callback_to_the_agent_completes",
    "session.credentials_are_the_sessions_own",
    "session.bad_login_fails_cleanly",
    "session.bad_login_leaves_no_credentials",
}
LAYERS = ("session/test_oauth.py",)


def inject(patient: Patient) -> AbstractContextManager[None]:
    """Nobody can log in."""
    return patient.on_host(
        do="systemctl stop lab-provider",
        undo="systemctl start lab-provider",
    )
