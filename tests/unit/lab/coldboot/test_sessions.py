"""Sessions of the Node controller: told from memory while they go on, and from their rows afterwards."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import httpx
import pytest

from harness.wait import wait_until
from tests.unit.lab.coldboot.host import LOGIN_URL, USER, Host


def alive(pid: int) -> bool:
    """Whether a process runs."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False
    return stat.rpartition(")")[2].split()[0] not in "ZX"


def test_a_launch_is_answered_before_its_vm_is_ready(host: Host) -> None:
    """And its session comes to wait for its user by itself."""
    host.launch()  # the first one waits for another VM
    host.agent.answers["/health"] = (503, {"error": "starting"})
    session_id = host.launch()
    assert host.session(session_id)["status"] == "vm_created"
    host.agent.answers["/health"] = (200, {"status": "ok"})
    host.comes_to(session_id, "awaiting_user_auth")
    assert host.ask("GET", f"/session/{session_id}/oauth-url") == (
        200,
        {"success": True, "oauthUrl": LOGIN_URL},
    )


def test_a_session_is_told_from_memory_and_then_from_its_row(host: Host) -> None:
    session_id = host.launch()
    told = host.comes_to(session_id, "awaiting_user_auth")
    names = {"userId", "provider", "browserVMId", "browserIP", "novncURL", "status", "startedAt"}
    assert set(told) == names
    assert host.ask("POST", f"/session/{session_id}/cancel") == (200, {"success": True})
    row = host.session(session_id)
    assert (row["session_id"], row["browser_vm_id"], row["vm_ip"], row["status"]) == (
        session_id,
        told["browserVMId"],
        told["browserIP"],
        "cancelled",
    )
    assert row["completed_at"]
    assert "browserVMId" not in row


def test_of_a_cancelled_session_nothing_is_left(host: Host) -> None:
    """Whoever cancels it again is told that all is well, too."""
    session_id = host.launch()
    ((vm_id, _, pid),) = host.vms("browser")
    assert alive(pid)
    for _ in range(2):
        assert host.ask("POST", f"/session/{session_id}/cancel") == (200, {"success": True})
    assert not alive(pid)
    assert host.vms("browser") == [(vm_id, "destroyed", pid)]
    left = [*(host.state / "users").iterdir(), *(host.state / "sockets").iterdir()]
    assert [path for path in left if vm_id in path.name] == []


def test_a_users_first_session_makes_a_second_vm_that_stays(host: Host) -> None:
    session_id = host.launch()
    ((cli, status, pid),) = host.vms("cli")
    assert status == "running"
    host.ask("POST", f"/session/{session_id}/cancel")
    host.launch()
    assert host.vms("cli") == [(cli, "running", pid)]
    assert alive(pid)


def test_a_completed_session_outlives_its_vm(host: Host) -> None:
    """Whether it has credentials is told by its row."""
    session_id = host.launch()
    host.agent.answers["/credentials/status"] = (200, {"authenticated": True})
    host.comes_to(session_id, "completed")
    assert host.ask("GET", f"/session/{session_id}/credentials/status") == (200, {"authenticated": True})
    wait_until(
        lambda: host.vms("browser")[0][1],
        what="the end of its VM",
        timeout_s=60,
        until=lambda status: status == "destroyed",
    )


@pytest.mark.parametrize(
    ("path", "answer", "reason"),
    [
        ("/auth/codex", (500, {"error": "no tool"}), "the login could not be started: no tool"),
        ("/credentials/status", (200, {"authenticated": False, "error": "denied"}), "denied"),
    ],
)
def test_a_login_that_fails_ends_the_session_with_its_reason(
    host: Host, path: str, answer: tuple[int, object], reason: str
) -> None:
    host.agent.answers[path] = answer
    row = host.comes_to(host.launch(), "failed")
    assert row["error_message"] == reason
    assert [status for _, status, _ in host.vms("browser")] == ["destroyed"]


def test_a_vm_that_ends_fails_its_session(host: Host) -> None:
    session_id = host.launch()
    host.comes_to(session_id, "awaiting_user_auth")
    os.kill(host.vms("browser")[0][2], signal.SIGKILL)
    assert host.comes_to(session_id, "failed")["error_message"] == "VM process ended"


def test_a_launch_that_fails_leaves_nothing(host: Host) -> None:
    """Neither VM, nor a session that goes on."""
    host.refuse_vms()
    status, body = host.ask("POST", "/start", json={"userId": USER, "provider": "codex"})
    assert (status, body) == (500, {"error": "VM process ended before the agent was healthy"})
    ((session_status, reason),) = host.rows("SELECT status, error_message FROM auth_sessions")
    assert (session_status, reason) == ("failed", body["error"])
    assert {status for _, status, _ in host.vms("cli")} == {"destroyed"}
    assert list((host.state / "users").iterdir()) == []


BAD = {
    "no user": {"provider": "codex"},
    "no provider": {"userId": USER},
    "unknown provider": {"userId": USER, "provider": "x"},
    "unknown user": {"userId": "00000000-0000-4000-8000-000000000000", "provider": "codex"},
    "no json": "{",
}


@pytest.mark.parametrize("body", BAD.values(), ids=BAD.keys())
def test_a_bad_request_is_a_json_400(host: Host, body: object) -> None:
    content = {"content": body, "headers": {"Content-Type": "application/json"}}
    status, answer = host.ask("POST", "/start", **(content if isinstance(body, str) else {"json": body}))
    assert status == 400
    assert answer["error"]


def test_an_unknown_session_is_a_json_404(host: Host) -> None:
    assert host.ask("GET", "/session/00000000-0000-4000-8000-000000000000") == (
        404,
        {"error": "no such session"},
    )


def test_an_idle_connection_is_told_to_last_five_seconds(host: Host) -> None:
    """Node's default, and Express leaves it as it is."""
    answer = httpx.get(f"{host.base_url}/health", timeout=60)
    assert answer.headers["keep-alive"] == "timeout=5"
    assert answer.headers["x-content-type-options"] == "nosniff"


def test_a_restarted_controller_goes_on_with_what_runs(host: Host) -> None:
    """A VM outlives it, and so does the session on it; what died meanwhile is put away."""
    first, second = host.launch(), host.launch()
    for session_id in (first, second):
        host.comes_to(session_id, "awaiting_user_auth")
    assert host.stop() == 0
    vm_id = host.rows("SELECT browser_vm_id FROM auth_sessions WHERE session_id = %s", first)[0][0]
    pids = {vm: pid for vm, _, pid in host.vms("browser")}
    os.kill(pids[vm_id], signal.SIGKILL)
    host.start()
    assert host.session(first)["error_message"] == "controller restarted"
    assert not (host.state / "users" / vm_id).exists()
    told = host.session(second)
    assert (told["status"], alive(pids[told["browserVMId"]])) == ("awaiting_user_auth", True)
    assert host.ask("POST", f"/session/{second}/cancel")[0] == 200
    assert not alive(pids[told["browserVMId"]])


def test_what_hibernates_is_kept_by_a_restarted_controller(host: Host) -> None:
    """Its row promises that it can be woken: its folder is no remains, whoever has no row is."""
    session_id = host.launch()
    host.comes_to(session_id, "awaiting_user_auth")
    assert host.ask("POST", f"/session/{session_id}/cancel")[0] == 200
    assert host.stop() == 0
    ((vm_id, _, pid),) = host.vms("cli")
    os.kill(pid, signal.SIGKILL)
    host.rows("UPDATE vms SET status = 'hibernated' WHERE vm_id = %s RETURNING vm_id", vm_id)
    users = host.state / "users"
    (users / vm_id / "memory.mem").write_text("memory")
    remains = users / "vm-00000000-0000-4000-8000-000000000000"
    remains.mkdir()
    host.start()
    assert not remains.exists()
    assert (users / vm_id / "memory.mem").read_text() == "memory"
    assert host.vms("cli")[0][:2] == (vm_id, "hibernated")
