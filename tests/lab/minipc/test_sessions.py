"""Sessions on the real twin: login, window, and what a restart or a sick VM means to them."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from harness.wait import wait_until
from lab.minipc import access
from lab.paths import LabPaths
from tests.lab.minipc.conftest import USER, Minipc
from tests.lab.minipc.person import decide
from tests.lab.minipc.test_controller import traces

pytestmark = pytest.mark.lab

GREETING = """
import asyncio, sys
sys.path.insert(0, "/opt/acceptance-lab/current/python")
import aiohttp

async def main(url):
    async with aiohttp.ClientSession() as client, client.ws_connect(url, protocols=("binary",)) as window:
        print((await window.receive(timeout=30)).data.decode().strip())

asyncio.run(main(sys.argv[1]))
"""
DROP_IN = "/run/systemd/system/master-controller.service.d/impatient.conf"


def comes_to(minipc: Minipc, session: str, status: str) -> dict[str, Any]:
    """The session's row once it has this status."""
    return wait_until(
        lambda: minipc.api("GET", f"/api/auth/session/{session}").body["session"],
        what=f"session {session} to be {status}",
        timeout_s=60,
        interval_s=0.5,
        until=lambda row: row["status"] == status,
    )


@pytest.fixture
def sick_vms(minipc: Minipc) -> Iterator[None]:
    """No VM's agent can be reached, and the controller gives up soon."""
    rule = "OUTPUT -o fcbr0 -p tcp --dport 8080 -j REJECT --reject-with tcp-reset"
    minipc.sh(
        f"mkdir -p $(dirname {DROP_IN}); printf '[Service]\\nEnvironment=HEALTH_TIMEOUT_S=3\\n' >{DROP_IN}"
    )
    try:
        minipc.sh(f"iptables -I {rule}; systemctl daemon-reload; systemctl restart master-controller")
        yield
    finally:
        minipc.sh(
            f"iptables -D {rule}; rm {DROP_IN}; systemctl daemon-reload; systemctl restart master-controller"
        )


def test_a_login_waits_for_its_user(minipc: Minipc, session: str) -> None:
    """It has begun without being asked for, at the address that the row and the agent name."""
    row = comes_to(minipc, session, "awaiting_user_auth")
    assert row["auth_url"].startswith("http")
    asked = minipc.api("GET", f"/api/auth/session/{session}/oauth-url")
    assert (asked.status, asked.body["oauthUrl"]) == (200, row["auth_url"])
    status = minipc.api("GET", f"/api/auth/session/{session}/credentials/status")
    assert (status.status, status.body["authenticated"]) == (200, False)


def test_a_complete_login_ends_its_session_and_its_vm(paths: LabPaths, minipc: Minipc, session: str) -> None:
    """The VM leaves nothing; that the login is complete is known for ever."""
    vm = minipc.vm(session)
    url = comes_to(minipc, session, "awaiting_user_auth")["auth_url"]
    assert decide(paths, url=url, address=vm["ip_address"], decision="allow") == 200
    comes_to(minipc, session, "completed")
    wait_until(
        lambda: minipc.vm(session)["status"],
        what="the VM to be destroyed",
        timeout_s=60,
        interval_s=0.5,
        until=lambda status: status == "destroyed",
    )
    assert not any(traces(minipc, vm).values()), traces(minipc, vm)
    status = minipc.api("GET", f"/api/auth/session/{session}/credentials/status")
    assert (status.status, status.body) == (200, {"authenticated": True})
    assert minipc.api("POST", f"/api/auth/session/{session}/cancel").status == 409


def test_a_denied_login_fails_its_session(paths: LabPaths, minipc: Minipc, session: str) -> None:
    """With the provider's reason, and without a trace of its VM."""
    vm = minipc.vm(session)
    url = comes_to(minipc, session, "awaiting_user_auth")["auth_url"]
    assert decide(paths, url=url, address=vm["ip_address"], decision="deny") == 400
    assert "access_denied" in comes_to(minipc, session, "failed")["error_message"]
    assert not any(traces(minipc, vm).values()), traces(minipc, vm)


def test_a_restart_loses_neither_login_nor_address(
    paths: LabPaths, minipc: Minipc, session: str, start_session: Callable[[], str]
) -> None:
    """The next VM gets another address, and the login that was under way is followed to its end."""
    before = minipc.vm(session)
    url = comes_to(minipc, session, "awaiting_user_auth")["auth_url"]
    minipc.sh("systemctl restart master-controller")
    after = minipc.vm(start_session())
    assert before["ip_address"] != after["ip_address"]
    assert decide(paths, url=url, address=before["ip_address"], decision="allow") == 200
    comes_to(minipc, session, "completed")


@pytest.mark.usefixtures("sick_vms")
def test_a_vm_whose_health_check_fails_is_destroyed(minipc: Minipc) -> None:
    """Its user hears why, its session says so, and the host has forgotten it."""
    answer = minipc.api("POST", "/api/auth/start", json.dumps({"userId": USER, "provider": "codex"}))
    reason = "VM health check timeout after 3 s (last: ECONNREFUSED)"
    assert (answer.status, answer.body) == (500, {"error": reason})
    (vm,) = minipc.rows(
        "SELECT v.*, s.status AS session, s.error_message FROM vms v JOIN auth_sessions s"  # noqa: S608
        f" ON s.browser_vm_id = v.vm_id WHERE s.user_id = '{USER}' ORDER BY s.started_at DESC LIMIT 1"
    )
    assert (vm["session"], vm["error_message"], vm["status"]) == ("failed", reason, "destroyed")
    assert not any(traces(minipc, vm).values()), traces(minipc, vm)


def test_the_window_shows_the_vms_screen(minipc: Minipc, session: str) -> None:
    """Page, noVNC and the WebSocket through which VNC greets."""
    window = f"/api/auth/session/{session}/novnc"
    for path in ("/", window, "/novnc/core/rfb.js", "/web/window.js"):
        minipc.sh(f"curl -fsS --max-time 60 -o /dev/null http://127.0.0.1:4000{path}")
    url = f"ws://127.0.0.1:4000{window}/websock"
    assert access.ask(minipc.host, "python3", "-c", GREETING, url).stdout.startswith("RFB 003.00")


def test_a_page_can_be_opened_in_the_vm(minipc: Minipc, session: str) -> None:
    """What is no web page is the caller's fault."""
    path = f"/api/auth/session/{session}/open-url"
    good = minipc.api("POST", path, json.dumps({"url": "http://192.168.100.1:4000/"}))
    assert (good.status, good.body) == (200, {"success": True})
    assert minipc.api("POST", path, json.dumps({"url": "file:///etc/passwd"})).status == 400
