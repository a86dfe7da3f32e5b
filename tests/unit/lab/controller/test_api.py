"""The control API: what it answers for a session in each state, and what bad input gets."""

from __future__ import annotations

import asyncio
import json
from typing import Any
from uuid import uuid4

import pytest

from tests.unit.lab.controller.conftest import USER, Host
from tests.unit.lab.controller.guest import LOGIN_URL


async def ask(host: Host, method: str, path: str, **content: Any) -> tuple[int, Any]:
    """One request under the API's prefix: status and JSON."""
    answer = await host.api.request(method, f"/api/auth{path}", **content)
    return answer.status, await answer.json()


async def test_the_agents_answers_are_handed_on(host: Host) -> None:
    """As they are, each for its own session."""
    session_id, _ = await host.session()
    assert await ask(host, "GET", f"/session/{session_id}/oauth-url") == (
        200,
        {"success": True, "oauthUrl": LOGIN_URL},
    )
    assert await ask(host, "GET", f"/session/{session_id}/credentials/status") == (
        200,
        {"authenticated": False},
    )
    opened = await ask(host, "POST", f"/session/{session_id}/open-url", json={"url": "http://x/"})
    assert opened == (200, {"success": True})
    session = {"sessionId": str(session_id)}
    assert host.agent.asked == [
        ("/oauth-url", session),
        ("/credentials/status", session),
        ("/open-url", {"url": "http://x/"}),
    ]


REFUSALS = {
    "the caller's fault": (400, {"error": "url must be http or https"}, 400, "url must be http or https"),
    "nothing to ask for yet": (404, {"error": "No such session: x"}, 409, "the login has not started yet"),
    "the agent's fault": (502, {"error": "The browser refused"}, 502, "The browser refused"),
    "no JSON": (200, "<html>", 502, "the agent answered 200 and no JSON object"),
    "no object": (200, [1], 502, "the agent answered 200 and no JSON object"),
}


@pytest.mark.parametrize(("status", "body", "expected", "reason"), REFUSALS.values(), ids=REFUSALS.keys())
async def test_an_agents_refusal_is_told_in_our_terms(
    host: Host, status: int, body: Any, expected: int, reason: str
) -> None:
    """The status says whose fault it is."""
    session_id, _ = await host.session()
    host.agent.answers["/open-url"] = (status, body)
    answer = await ask(host, "POST", f"/session/{session_id}/open-url", json={"url": "ftp://x/"})
    assert answer == (expected, {"error": reason})


async def test_an_agent_that_cannot_be_reached_is_a_502(host: Host) -> None:
    """With what was seen, and no trace of the inside."""
    session_id, machine = await host.session()
    machine.address += 1
    status, body = await ask(host, "GET", f"/session/{session_id}/oauth-url")
    assert (status, body["error"]) == (502, "the agent cannot be reached (Connection refused)")


async def test_credentials_of_a_completed_session_outlive_its_vm(host: Host) -> None:
    """Its login is complete for ever; what only a VM could tell is a conflict."""
    session_id, machine = await host.session(status="completed")
    await host.service.launcher.destroy(machine)
    assert await ask(host, "GET", f"/session/{session_id}/credentials/status") == (
        200,
        {"authenticated": True},
    )
    assert await ask(host, "GET", f"/session/{session_id}/oauth-url") == (
        409,
        {"error": "the session is completed"},
    )


async def test_a_session_without_a_vm_is_a_conflict(host: Host) -> None:
    """Before its VM is ready, and once it failed, with the reason."""
    session_id = uuid4()
    await host.service.rows.insert_session(session_id, USER, "codex", 60)
    resources = [
        ("GET", "/oauth-url"),
        ("GET", "/credentials/status"),
        ("GET", "/novnc"),
        ("POST", "/open-url"),
    ]
    reasons = []
    for method, resource in resources:
        body = {"json": {"url": "http://x/"}} if method == "POST" else {}
        status, answer = await ask(host, method, f"/session/{session_id}{resource}", **body)
        assert status == 409
        reasons.append(answer["error"])
    assert set(reasons) == {"the session's VM is not ready (the session is started)"}
    await host.service.rows.session_over(session_id, "failed", "no room")
    assert (await ask(host, "GET", f"/session/{session_id}/oauth-url"))[1] == {
        "error": "the session is failed: no room"
    }


async def test_a_cancel_ends_the_vm_and_a_second_one_is_a_conflict(host: Host) -> None:
    """The first is answered when the VM is gone."""
    session_id, machine = await host.session()
    assert await ask(host, "POST", f"/session/{session_id}/cancel") == (
        200,
        {"success": True, "sessionId": str(session_id)},
    )
    assert not machine.alive
    assert await ask(host, "POST", f"/session/{session_id}/cancel") == (
        409,
        {"error": "the session is cancelled already"},
    )


async def test_a_question_ends_with_its_vm(host: Host) -> None:
    """A VM that is destroyed while its agent is asked never answers."""
    session, _ = await host.session(status="awaiting_user_auth")
    host.agent.silent.add("/credentials/status")
    try:
        async with asyncio.timeout(40):
            asked = asyncio.create_task(host.api.get(f"/api/auth/session/{session}/credentials/status"))
            while not host.agent.asked:
                await asyncio.sleep(0.01)
            assert (await host.api.post(f"/api/auth/session/{session}/cancel")).status == 200
            answer = await asked
            assert answer.status == 502
            assert (await answer.json())["error"] == "the VM is being destroyed"
    finally:
        host.agent.speaks.set()


async def test_the_list_begins_with_the_newest_session(host: Host) -> None:
    """Each with its user's address, and no more than fifty."""
    first, _ = await host.session()
    second, _ = await host.session()
    for _ in range(50):
        await host.service.rows.insert_session(uuid4(), USER, "codex", 60)
    third, _ = await host.session()
    status, body = await ask(host, "GET", "/sessions")
    listed = [session["session_id"] for session in body["sessions"]]
    assert (status, len(listed), listed[0]) == (200, 50, str(third))
    assert not {str(first), str(second)} & set(listed)
    assert body["sessions"][0]["email"] == "a@example.com"


async def test_the_choices_are_the_users_and_the_providers(host: Host) -> None:
    """All that a session can be started for."""
    status, body = await ask(host, "GET", "/choices")
    assert (status, body["users"]) == (200, [{"user_id": str(USER), "email": "a@example.com"}])
    assert body["providers"] == ["codex", "claude_code", "gemini_cli"]


BODIES: dict[str, dict[str, Any]] = {
    "none": {},
    "no JSON": {"data": "{x"},
    "no UTF-8": {"data": b"\xff\xfe{"},
    "unknown charset": {"data": b"{}", "headers": {"Content-Type": "application/json; charset=no"}},
    "charset that decodes nothing": {"data": b"{}", "headers": {"Content-Type": "a/b; charset=undefined"}},
    "no gzip, though said to be": {"data": b"{}", "headers": {"Content-Encoding": "gzip"}},
    "a number of too many digits": {"data": f'{{"url": {"1" * 5000}}}'},
    "no object": {"json": ["http://x/"]},
    "too deep": {"data": "[" * 60_000},
    "no url": {"json": {}},
    "an empty url": {"json": {"url": ""}},
    "a url of another type": {"json": {"url": 1}},
}


@pytest.mark.parametrize("content", BODIES.values(), ids=BODIES.keys())
async def test_a_bad_body_is_a_400(host: Host, content: dict[str, Any]) -> None:
    """One line of reason; the agent is not even asked."""
    session_id, _ = await host.session()
    status, body = await ask(host, "POST", f"/session/{session_id}/open-url", **content)
    assert (status, set(body)) == (400, {"error"})
    assert host.agent.asked == []


@pytest.mark.parametrize("resource", ["", "/oauth-url", "/credentials/status", "/novnc", "/novnc/websock"])
@pytest.mark.parametrize("session", ["'", "5b0f3c1e-8d5a-4c8e-9b57-000000000000"], ids=["no UUID", "unknown"])
async def test_an_unknown_session_is_a_404(host: Host, resource: str, session: str) -> None:
    """Whatever is asked of it."""
    assert await ask(host, "GET", f"/session/{session}{resource}") == (404, {"error": "no such session"})


@pytest.mark.parametrize(
    "path", ["/web/nothing.js", "/novnc/nothing.js", "/novnc/../secret", "/web/%2e%2e/api.py", "/web/%00"]
)
async def test_a_missing_file_is_a_404(host: Host, path: str) -> None:
    """And nothing outside the folders is served."""
    assert (await host.api.get(path)).status == 404


@pytest.mark.parametrize("folder", ["web", "novnc"])
@pytest.mark.parametrize("name", ["x" * 300, "x/" * 3000], ids=["name", "path"])
async def test_a_name_that_no_file_can_have_is_a_404(host: Host, folder: str, name: str) -> None:
    """It is too long, and that is no fault of ours."""
    answer = await host.api.get(f"/{folder}/{name}")
    assert (answer.status, await answer.json()) == (404, {"error": "no such file"})


async def raw(host: Host, *lines: bytes, body: bytes = b"") -> tuple[int, Any]:
    """A request that no client would send: status and JSON."""
    server = host.api.server
    reader, writer = await asyncio.open_connection(server.host, server.port)
    writer.write(b"\r\n".join([*lines, b"Content-Length: %d" % len(body), b"Connection: close", b"", body]))
    answer = await asyncio.wait_for(reader.read(), 60)
    writer.close()
    return int(answer.split()[1]), json.loads(answer.partition(b"\r\n\r\n")[2])


@pytest.mark.parametrize("name", [b"", b"host:port", b"host:99999", b"\xff"])
@pytest.mark.usefixtures("programs")
async def test_a_launch_for_a_bad_host_header_is_a_400(host: Host, name: bytes) -> None:
    """Nothing is launched whose window nobody could be told to open."""
    body = json.dumps({"userId": str(USER), "provider": "codex"}).encode()
    before = await host.service.rows.newest_sessions(1)
    status, answer = await raw(host, b"POST /api/auth/start HTTP/1.1", b"Host: " + name, body=body)
    assert (status, set(answer)) == (400, {"error"})
    assert await host.service.rows.newest_sessions(1) == before
