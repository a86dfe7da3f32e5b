"""A session is launched: what the API answers, and what then is there."""

from __future__ import annotations

from ipaddress import IPv4Address, ip_address
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

import pytest

from fixtures.session import Launched
from harness.control_api import path_of
from harness.session import Session
from harness.site import Site

pytestmark = [pytest.mark.acceptance, pytest.mark.item("session-launches")]


@pytest.mark.smoke
@pytest.mark.mend(step=6, how="launch one from the dashboard, and follow the controller's journal")
def test_session_starts(launched: Launched, site: Site) -> None:
    """A session that a user asks for is answered 200, with a healthy VM, in time."""
    session = launched.session
    assert session is not None, launched.error
    assert session.took_s <= site.session.launch_s, (
        f"the request for a session took {session.took_s:.1f} s; expected at most {site.session.launch_s:g} s"
    )


@pytest.mark.smoke
@pytest.mark.mend(step="troubleshooting", how="compare the controller's answer with its documentation")
def test_start_answer_is_complete(session: Session, site: Site) -> None:
    """The answer to a request for a session holds every documented field, each of its kind."""
    faults = _faults(session.answer, session.provider, site)
    assert not faults, f"POST /api/auth/start answered {session.answer}\n" + "\n".join(faults)


def _faults(answer: dict[str, Any], provider: str, site: Site) -> list[str]:
    window = path_of(site.session.window_path, str(answer.get("sessionId")))
    holds = {
        "success": (answer.get("success") is True, "true"),
        "sessionId": (_is_uuid(answer.get("sessionId")), "a UUID"),
        "provider": (answer.get("provider") == provider, f'"{provider}"'),
        "novncURL": (_leads_to(answer.get("novncURL"), window), f"an http(s) URL of {window}"),
        "browserIP": (
            _is_vms(answer.get("browserIP"), site),
            f"an address of {site.network.first_vm} to {site.network.last_vm}",
        ),
    }
    return [
        f"  {name}: {answer.get(name)!r}, expected {wanted}"
        for name, (held, wanted) in holds.items()
        if not held
    ]


def _is_uuid(value: object) -> bool:
    try:
        return isinstance(value, str) and str(UUID(value)) == value.lower()
    except ValueError:
        return False


def _leads_to(value: object, path: str) -> bool:
    url = urlsplit(value) if isinstance(value, str) else urlsplit("")
    return url.scheme in ("http", "https") and bool(url.netloc) and url.path == path


def _is_vms(value: object, site: Site) -> bool:
    try:
        address = ip_address(str(value))
    except ValueError:
        return False
    return (
        isinstance(value, str)
        and isinstance(address, IPv4Address)
        and (site.network.first_vm <= address <= site.network.last_vm)
    )
