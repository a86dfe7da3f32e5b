"""master-controller: what a launch makes, what an end leaves, and what bad input gets."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

from harness.errors import CommandError
from harness.wait import wait_until
from tests.lab.minipc.conftest import USER, Minipc

pytestmark = pytest.mark.lab

INCIDENT = "86549de0-c3bf-4803-8ef6-af99e2436023"
MARKERS = (
    "[LAUNCH-BROWSER-VM] Starting Browser VM",
    "[WAIT-VM-READY] Attempting health check",
    "[WAIT-VM-READY] Health check successful",
)


def traces(minipc: Minipc, vm: dict[str, Any]) -> dict[str, bool]:
    """Whether the host still has a VM's process, TAP, socket and folder."""
    looks = {
        "process": f"grep -qs {vm['vm_id']} /proc/{vm['firecracker_pid']}/cmdline",
        "tap": f"test -e /sys/class/net/{vm['tap_device']}/master",
        "socket": f"test -S {vm['socket_path']}",
        "folder": f"test -d /var/lib/firecracker/vms/{vm['vm_id']}",
    }
    return {name: minipc.ask("sh", "-c", look).status == 0 for name, look in looks.items()}


def test_a_launch_leaves_rows_process_tap_socket_and_markers(minipc: Minipc, session: str) -> None:
    """Everything that the service promises of a running VM is there."""
    vm = minipc.vm(session)
    assert vm["status"] == "running"
    assert vm["tap_device"] == f"fc-{vm['vm_id'][:8]}"
    assert all(traces(minipc, vm).values()), traces(minipc, vm)
    lines = minipc.sh(f"journalctl -u master-controller -o cat --no-pager | grep {vm['vm_id']}")
    assert [lines.find(marker) for marker in MARKERS] == sorted(lines.find(marker) for marker in MARKERS)
    assert all(marker in lines for marker in MARKERS), lines
    answer = minipc.api("GET", f"/api/auth/session/{session}")
    assert answer.status == 200
    assert answer.body["session"]["status"] in ("ready", "awaiting_user_auth")


def test_a_cancelled_session_leaves_nothing_on_the_host(minipc: Minipc, session: str) -> None:
    """The rows say how it ended, and the host has forgotten it."""
    vm = minipc.vm(session)
    assert minipc.api("POST", f"/api/auth/session/{session}/cancel").status == 200
    assert not any(traces(minipc, vm).values()), traces(minipc, vm)
    after = minipc.vm(session)
    assert (after["status"], bool(after["destroyed_at"])) == ("destroyed", True)
    assert minipc.api("GET", f"/api/auth/session/{session}").body["session"]["status"] == "cancelled"


def test_two_vms_have_nothing_in_common(minipc: Minipc, start_session: Callable[[], str]) -> None:
    """Addresses, TAPs, processes and sockets are each VM's own, and both answer."""
    one, two = (minipc.vm(start_session()) for _ in range(2))
    for column in ("ip_address", "tap_device", "firecracker_pid", "socket_path"):
        assert one[column] != two[column]
    for vm in (one, two):
        # Both are drawing their desktops yet, on the same processors: that each answers is waited for.
        health = f"curl -fsS --max-time 10 http://{vm['ip_address']}:8080/health"
        wait_until(
            partial(minipc.sh, health),
            what=f"an answer of VM {vm['vm_id']}",
            timeout_s=90,
            retry_on=(CommandError,),
        )


def test_a_vm_outlives_the_controller(minipc: Minipc, session: str) -> None:
    """A restarted controller takes its VM over and can still end it."""
    before = minipc.vm(session)
    minipc.sh("systemctl restart master-controller")
    assert minipc.vm(session)["firecracker_pid"] == before["firecracker_pid"]
    assert all(traces(minipc, before).values())
    assert minipc.api("POST", f"/api/auth/session/{session}/cancel").status == 200
    assert not any(traces(minipc, before).values())


def test_a_killed_vm_is_cleared_away(minipc: Minipc, session: str) -> None:
    """Rows and host agree again soon after a VM's process was killed."""
    vm = minipc.vm(session)
    minipc.sh(f"kill -9 {vm['firecracker_pid']}")
    wait_until(
        lambda: minipc.vm(session)["status"],
        what="the killed VM's row",
        timeout_s=60,
        interval_s=0.5,
        until=lambda status: status == "destroyed",
    )
    assert not any(traces(minipc, vm).values()), traces(minipc, vm)
    row = minipc.api("GET", f"/api/auth/session/{session}").body["session"]
    assert (row["status"], row["error_message"]) == ("failed", "VM process ended")


BAD = {
    "no body": ("POST", "/api/auth/start", None, 400),
    "no JSON": ("POST", "/api/auth/start", "{x", 400),
    "no object": ("POST", "/api/auth/start", "[1]", 400),
    "too deep": ("POST", "/api/auth/start", "[" * 60_000, 400),
    "too large": ("POST", "/api/auth/start", "x" * 100_000, 413),
    "no user": ("POST", "/api/auth/start", json.dumps({"provider": "codex"}), 400),
    "no provider": ("POST", "/api/auth/start", json.dumps({"userId": USER}), 400),
    "unknown provider": ("POST", "/api/auth/start", json.dumps({"userId": USER, "provider": "x"}), 400),
    "user of another type": ("POST", "/api/auth/start", json.dumps({"userId": 1, "provider": "codex"}), 400),
    "user no UUID": ("POST", "/api/auth/start", json.dumps({"userId": "'; --", "provider": "codex"}), 400),
    "unknown user": ("POST", "/api/auth/start", json.dumps({"userId": INCIDENT, "provider": "codex"}), 400),
    "unknown session": ("GET", f"/api/auth/session/{USER}", None, 404),
    "session no UUID": ("GET", "/api/auth/session/%27", None, 404),
    "session over": ("POST", f"/api/auth/session/{INCIDENT}/cancel", None, 409),
    "login over": ("GET", f"/api/auth/session/{INCIDENT}/oauth-url", None, 409),
    "credentials of a failed login": ("GET", f"/api/auth/session/{INCIDENT}/credentials/status", None, 409),
    "window of a dead VM": ("GET", f"/api/auth/session/{INCIDENT}/novnc", None, 409),
    "WebSocket of a dead VM": ("GET", f"/api/auth/session/{INCIDENT}/novnc/websock", None, 409),
    "no page to open": ("POST", f"/api/auth/session/{INCIDENT}/open-url", "{}", 400),
    "page for a dead VM": ("POST", f"/api/auth/session/{INCIDENT}/open-url", '{"url": "http://x/"}', 409),
    "unknown path": ("GET", "/api/nothing", None, 404),
    "wrong method": ("DELETE", "/api/auth/start", None, 405),
}


@pytest.mark.parametrize(("method", "path", "body", "status"), BAD.values(), ids=BAD.keys())
def test_bad_input_gets_an_error_in_json(
    minipc: Minipc, method: str, path: str, body: str | None, status: int
) -> None:
    """One line of reason, and never a trace of the inside."""
    answer = minipc.api(method, path, body)
    assert answer.status == status
    assert set(answer.body) == {"error"}
    assert "Traceback" not in answer.body["error"]
