"""Following a login: started once, watched to its end, and its VM gone afterwards."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from lab.controller.logins import Logins
from lab.controller.vm import Vm
from tests.unit.lab.controller.conftest import Host
from tests.unit.lab.controller.guest import LOGIN_URL


def paths(host: Host) -> list[str]:
    """What the agent was asked, in order."""
    return [path for path, _ in host.agent.asked]


async def test_a_login_waits_for_its_user(host: Host) -> None:
    """It is started at the agent, and its address is in the session's row."""
    session_id, machine = await host.session()
    host.service.logins.follow(session_id, machine)
    row = await host.comes_to(session_id, "awaiting_user_auth")
    assert row["auth_url"] == LOGIN_URL
    assert host.agent.asked[0] == ("/auth/codex", {"sessionId": str(session_id)})


async def test_a_complete_login_ends_its_session_and_then_its_vm(
    host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The VM stays a little longer than the login, so that its user sees how it ended."""
    session_id, machine = await host.session()
    seen, pause, linger_s = asyncio.Event(), Logins._pause, host.service.launcher.settings.completed_linger_s

    async def pause_until_seen(machine: Vm, seconds: float) -> None:
        await (seen.wait() if seconds == linger_s else pause(machine, seconds))

    monkeypatch.setattr(host.service.logins, "_pause", pause_until_seen)
    host.agent.logs_in()
    host.service.logins.follow(session_id, machine)
    row = await host.comes_to(session_id, "completed")
    assert (row["error_message"], bool(row["completed_at"])) == (None, True)
    assert machine.alive
    seen.set()
    await asyncio.wait_for(machine.gone.wait(), 60)


FAILURES: dict[str, tuple[str, int, Any, str]] = {
    "the login failed": (
        "/credentials/status",
        200,
        {"authenticated": False, "error": "access_denied: no"},
        "access_denied: no",
    ),
    "the agent forgot it": (
        "/credentials/status",
        404,
        {"error": "No such session"},
        "the agent no longer knows the login",
    ),
    "the agent makes no sense": (
        "/credentials/status",
        200,
        "<html>",
        "the agent answered 200 and no JSON object",
    ),
    "the login tool did not start": (
        "/auth/codex",
        500,
        {"error": "no tool"},
        "the login could not be started: no tool",
    ),
    "no address": ("/auth/codex", 200, {"success": True}, "the agent's answer has no oauthUrl"),
    "an address of another type": ("/auth/codex", 200, {"oauthUrl": 7}, "the agent's answer has no oauthUrl"),
}


@pytest.mark.parametrize(("path", "status", "body", "reason"), FAILURES.values(), ids=FAILURES.keys())
async def test_a_login_that_fails_says_why(
    host: Host, path: str, status: int, body: Any, reason: str
) -> None:
    """The session is failed with the reason, and its VM is gone by then."""
    session_id, machine = await host.session()
    host.agent.answers[path] = (status, body)
    host.service.logins.follow(session_id, machine)
    row = await host.comes_to(session_id, "failed")
    assert reason in row["error_message"]
    assert not machine.alive
    assert not machine.folder.exists()


async def test_a_login_whose_vm_died_says_so(host: Host) -> None:
    """Whatever the connection to its agent said is only what followed from that."""
    session_id, machine = await host.session()
    host.kill(machine)
    host.agent.answers["/auth/codex"] = (500, "")
    host.service.logins.follow(session_id, machine)
    assert (await host.comes_to(session_id, "failed"))["error_message"] == "VM process ended"


async def test_a_short_silence_of_the_agent_loses_no_login(
    host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An agent that answers nothing of use, and then does, has its login followed on."""
    patient = replace(host.service.launcher.settings, login_silence_s=60)
    monkeypatch.setattr(host.service.logins, "_settings", patient)
    session_id, machine = await host.session(status="awaiting_user_auth")
    host.agent.first["/credentials/status"] = [(503, "busy"), (200, "<html>")]
    host.agent.logs_in()
    host.service.logins.follow(session_id, machine)
    await host.comes_to(session_id, "completed")


async def test_a_cancelled_session_is_followed_no_more(host: Host) -> None:
    """Whatever the agent says later, the session stays cancelled."""
    session_id, machine = await host.session()
    host.service.logins.follow(session_id, machine)
    await host.comes_to(session_id, "awaiting_user_auth")
    assert await host.service.launcher.end_session(session_id, "cancelled", None)
    assert not machine.alive
    host.agent.logs_in()
    await host.service.logins.stop()
    assert (await host.row(session_id))["status"] == "cancelled"


async def test_only_one_end_counts(host: Host) -> None:
    """Of two that end a session at once, the second waits, and hears that it is over."""
    session_id, machine = await host.session()
    end = host.service.launcher.end_session
    ended = await asyncio.gather(end(session_id, "cancelled", None), end(session_id, "failed", "late"))
    assert tuple(ended) == (True, False)
    assert (await host.row(session_id))["status"] == "cancelled"
    assert not machine.alive


async def test_a_restarted_service_follows_on(host: Host) -> None:
    """A login that waits is not started a second time, and the VM of one that is over is cleared away."""
    waiting, _ = await host.session(status="awaiting_user_auth")
    over, left = await host.session(status="completed")
    await host.service.logins.resume()
    assert left.gone.is_set()
    assert not left.alive
    host.agent.logs_in()
    await host.comes_to(waiting, "completed")
    assert "/auth/codex" not in paths(host)
    assert (await host.row(over))["status"] == "completed"
