"""The agent's server.js: every documented request, every way to go wrong, driven from outside."""

from __future__ import annotations

import json
import os
import signal
import socket
import time
from base64 import urlsafe_b64decode
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import unquote

import httpx
import pytest

from harness.run import run
from harness.wait import wait_until
from tests.unit.peers.agent_process import Agent, installed, listener, started
from tests.unit.peers.ports import free_port

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Type: application/json\r\n\r\n{}"


@pytest.fixture
def agent(tmp_path: Path) -> Iterator[Agent]:
    """An agent without a database."""
    with started(tmp_path, {}) as agent:
        agent.wait_listening()
        yield agent


def login(agent: Agent, session: str = "s-1", provider: str = "codex") -> httpx.URL:
    """Start a login; returns the authorization URL."""
    answer = agent.client.post(f"/auth/{provider}", json={"sessionId": session})
    assert answer.status_code == 200, answer.text
    return httpx.URL(answer.json()["oauthUrl"])


def status(agent: Agent, session: str = "s-1") -> dict[str, object]:
    """What the agent says of a session's credentials."""
    said: dict[str, object] = agent.client.get("/credentials/status", params={"sessionId": session}).json()
    return said


def test_health_says_ok_the_time_and_the_number_of_sessions(agent: Agent) -> None:
    login(agent)
    said = agent.client.get("/health").json()
    assert (said["status"], said["activeSessions"]) == ("ok", 1)
    assert abs((datetime.now(UTC) - datetime.fromisoformat(said["timestamp"])).total_seconds()) < 60


@pytest.mark.parametrize("provider", ["codex", "claude_code", "gemini_cli"])
def test_a_login_begins_with_a_pkce_authorization_url(agent: Agent, provider: str) -> None:
    asked = login(agent, provider=provider).params
    assert asked["response_type"] == "code"
    assert asked["code_challenge_method"] == "S256"
    assert len(urlsafe_b64decode(asked["code_challenge"] + "=")) == 32
    assert len(urlsafe_b64decode(asked["state"] + "=")) == 32


def test_no_two_logins_share_a_secret(agent: Agent) -> None:
    urls = [login(agent, session=f"s-{number}").params for number in range(5)]
    assert len({url["state"] for url in urls}) == len({url["code_challenge"] for url in urls}) == 5


def test_the_endpoint_and_client_of_a_provider_are_settings(tmp_path: Path) -> None:
    settings = {"CODEX_AUTHORIZE_URL": "http://127.0.0.1:9/start", "CODEX_CLIENT_ID": "mine"}
    with started(tmp_path, settings) as agent:
        agent.wait_listening()
        url = login(agent)
    assert str(url).startswith("http://127.0.0.1:9/start?")
    assert url.params["client_id"] == "mine"


def test_the_url_of_a_session_can_be_asked_again(agent: Agent) -> None:
    url = login(agent)
    assert agent.client.get("/oauth-url", params={"sessionId": "s-1"}).json()["oauthUrl"] == str(url)


@pytest.mark.parametrize("path", ["/oauth-url", "/credentials/status", "/credentials/get"])
@pytest.mark.parametrize(("query", "status"), [("", 400), ("?sessionId=", 400), ("?sessionId=nobody", 404)])
def test_a_session_must_be_named_and_known(agent: Agent, path: str, query: str, status: int) -> None:
    answer = agent.client.get(path + query)
    assert answer.status_code == status
    assert answer.json()["success"] is False


@pytest.mark.parametrize("path", ["/auth/codex", "/open-url"])
@pytest.mark.parametrize("body", ["", "{", "[]", "null", "{}", '{"sessionId": 7, "url": 7}'])
def test_a_bad_body_is_a_400_in_json(agent: Agent, path: str, body: str) -> None:
    answer = agent.client.post(path, content=body)
    assert answer.status_code == 400
    assert answer.json()["error"]


def test_a_body_too_big_is_refused(agent: Agent) -> None:
    answer = agent.client.post("/auth/codex", content=b" " * 200_000)
    assert answer.status_code == 413


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/"),
        ("GET", "/nothing"),
        ("POST", "/health"),
        ("POST", "/auth/nobody"),
        ("GET", "/auth/codex"),
    ],
)
def test_anything_else_is_a_404_in_json(agent: Agent, method: str, path: str) -> None:
    answer = agent.client.request(method, path, content='{"sessionId": "s-1"}' if method == "POST" else None)
    assert answer.status_code == 404
    assert answer.json()["error"]


def test_credentials_of_an_earlier_login_are_not_this_ones(agent: Agent, tmp_path: Path) -> None:
    login(agent)
    asked = {"sessionId": "s-1"}
    (tmp_path / ".codex").mkdir()
    (tmp_path / ".codex/auth.json").write_text('{"access_token": "x"}')
    assert agent.client.get("/credentials/status", params=asked).json() == {"authenticated": False}
    assert agent.client.get("/credentials/get", params=asked).status_code == 404


def test_a_later_login_takes_the_place_of_the_one_before(agent: Agent) -> None:
    login(agent, session="s-1")
    login(agent, session="s-2", provider="gemini_cli")
    assert status(agent, "s-1") == {"authenticated": False, "error": "replaced by a later login"}
    assert status(agent, "s-2") == {"authenticated": False}


def test_logins_that_come_together_are_started_in_turn(agent: Agent) -> None:
    with ThreadPoolExecutor() as pool:
        names = [f"s-{number}" for number in range(5)]
        urls = list(pool.map(lambda name: login(agent, session=name), names))
    assert len({url.params["state"] for url in urls}) == 5
    assert [status(agent, name).get("error") for name in names].count(None) == 1


def test_a_login_that_cannot_be_started_is_a_502_with_the_reason(tmp_path: Path) -> None:
    with listener(OK) as (port, _), started(tmp_path, {"CLI_CALLBACK_PORT": str(port)}) as agent:
        agent.wait_listening()
        answer = agent.client.post("/auth/codex", json={"sessionId": "s-1"})
    assert answer.status_code == 502
    assert "EADDRINUSE" in answer.json()["error"]


def test_a_login_tool_that_dies_is_a_failed_login(agent: Agent) -> None:
    login(agent)
    for pid in agent.children():
        os.kill(pid, signal.SIGKILL)
    said = wait_until(lambda: status(agent).get("error"), what="the login's end", timeout_s=60)
    assert said == "the login tool ended by SIGKILL"


def test_a_login_ends_with_its_agent(agent: Agent) -> None:
    login(agent)
    (tool,) = agent.children()
    agent.signal(signal.SIGKILL)
    wait_until(lambda: not Path(f"/proc/{tool}").exists(), what="the login tool's end", timeout_s=60)


def test_a_login_opens_its_page_in_the_browser(tmp_path: Path) -> None:
    with listener(OK) as (port, heard), started(tmp_path, {"BROWSER_DEBUG_PORT": str(port)}) as agent:
        agent.wait_listening()
        url = login(agent)
        wait_until(lambda: heard, what="the page to be opened", timeout_s=60)
    assert unquote(heard[0].split()[1]) == f"/json/new?{url}"


def test_a_browser_that_starts_after_the_agent_shows_the_page_all_the_same(tmp_path: Path) -> None:
    """A VM that has just been booted has its agent first; nobody waits for it who wants to log in."""
    port = free_port()
    with started(tmp_path, {"BROWSER_DEBUG_PORT": str(port)}) as agent:
        agent.wait_listening()
        url = login(agent)
        with listener(OK, port=port) as (_, heard):
            wait_until(lambda: heard, what="the page to be opened", timeout_s=60)
    assert unquote(heard[0].split()[1]) == f"/json/new?{url}"


def test_a_browser_that_hangs_delays_no_login(tmp_path: Path) -> None:
    with listener(None) as (port, _), started(tmp_path, {"BROWSER_DEBUG_PORT": str(port)}) as agent:
        agent.wait_listening()
        login(agent)
        assert "not shown" not in agent.log()


def test_the_callback_is_handed_to_the_login_tool(tmp_path: Path) -> None:
    with listener(OK) as (port, heard), started(tmp_path, {"CLI_CALLBACK_PORT": str(port)}) as agent:
        agent.wait_listening()
        assert agent.client.get("/auth/callback?code=1&state=2").status_code == 200
    assert heard[0].startswith("GET /auth/callback?code=1&state=2 ")


def test_a_callback_that_nobody_waits_for_is_a_502(agent: Agent) -> None:
    assert agent.client.get("/auth/callback?code=1").status_code == 502


@pytest.mark.parametrize(
    "url", ["file:///etc/passwd", "javascript:alert(1)", "nonsense", "http://" + "a" * 9000]
)
def test_only_web_pages_are_opened(agent: Agent, url: str) -> None:
    assert agent.client.post("/open-url", json={"url": url}).status_code == 400


def test_a_page_is_opened_in_the_browser(tmp_path: Path) -> None:
    with listener(OK) as (port, heard), started(tmp_path, {"BROWSER_DEBUG_PORT": str(port)}) as agent:
        agent.wait_listening()
        answer = agent.client.post("/open-url", json={"url": "https://a.invalid/x?y=1#z"})
    assert answer.json() == {"success": True}
    assert heard[0].startswith("PUT /json/new?https%3A%2F%2Fa.invalid%2Fx%3Fy%3D1%23z ")


def test_a_browser_that_is_not_there_is_a_502(agent: Agent) -> None:
    assert agent.client.post("/open-url", json={"url": "http://a.invalid/"}).status_code == 502


def test_a_login_is_written_to_the_database(tmp_path: Path) -> None:
    with listener(OK) as (port, heard), started(tmp_path, database(port)) as agent:
        agent.wait_listening()
        url = login(agent)
    head, _, body = heard[0].partition("\r\n\r\n")
    assert head.startswith("PATCH /rest/v1/auth_sessions?session_id=eq.s-1 ")
    assert json.loads(body) == {"auth_url": str(url), "status": "awaiting_user_auth"}


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_database_that_never_answers_costs_five_seconds_and_a_log_line(tmp_path: Path, scheme: str) -> None:
    with listener(None) as (port, _), started(tmp_path, database(port, scheme)) as agent:
        agent.wait_listening()
        began = time.monotonic()
        login(agent)
        took = time.monotonic() - began
        assert 4.5 < took < 60
        assert "[DB] update of session s-1 failed: Operation timed out" in agent.log()
        assert agent.client.get("/health").status_code == 200


@pytest.mark.parametrize(
    ("answer", "said"),
    [(b"HTTP/1.1 500 Oops\r\nContent-Length: 3\r\n\r\nbad", "status 500: bad"), (b"", "socket hang up")],
)
def test_a_database_that_fails_costs_a_log_line(tmp_path: Path, answer: bytes, said: str) -> None:
    with listener(answer) as (port, _), started(tmp_path, database(port)) as agent:
        agent.wait_listening()
        login(agent)
        assert "[DB] update of session s-1 failed: " + said in agent.log()


def test_settings_are_read_from_a_file_beside_the_agent(tmp_path: Path) -> None:
    (installed(tmp_path) / ".env").write_text("# the browser\nCODEX_CLIENT_ID = from-file\nPORT=1\n")
    with started(tmp_path, {}) as agent:
        agent.wait_listening()
        assert login(agent).params["client_id"] == "from-file"


@pytest.mark.parametrize(
    ("number", "said"),
    [
        (signal.SIGUSR1, "[FATAL] Uncaught Exception: Error: thrown on purpose"),
        (signal.SIGUSR2, "[FATAL] Unhandled Rejection at: Promise"),
    ],
)
def test_a_crash_is_logged_and_ends_the_process(agent: Agent, number: signal.Signals, said: str) -> None:
    assert agent.signal(number) == 1
    assert said in agent.log()


def test_a_taken_port_is_logged_and_ends_the_process(tmp_path: Path) -> None:
    with socket.create_server(("0.0.0.0", 0)) as taken:  # noqa: S104 - the address the agent listens on
        port = taken.getsockname()[1]
        with started(tmp_path, {"PORT": str(port)}) as agent:
            assert agent.wait_ended() == 1
            assert "[SERVER-ERROR] Failed to start server: Error: listen EADDRINUSE" in agent.log()


def test_old_sessions_make_room_for_new_ones(tmp_path: Path) -> None:
    script = """
        const { SessionTable } = require('./sessions');
        const table = new SessionTable();
        for (let number = 0; number < 105; number += 1) table.put(`s-${number}`, number);
        console.log(table.size, table.require('s-5'));
        try { table.require('s-4') } catch (error) { console.log(error.status) }
    """
    said = run(["node", "-e", script], cwd=installed(tmp_path), timeout_s=60).stdout
    assert said.split() == ["100", "5", "404"]


def database(port: int, scheme: str = "http") -> dict[str, str]:
    """Settings that name a database on loopback."""
    return {"SUPABASE_URL": f"{scheme}://127.0.0.1:{port}", "SUPABASE_SERVICE_KEY": "key"}
