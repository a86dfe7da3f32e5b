"""Whole logins: the agent, its login tool, and the lab's OpenID provider, by a person with a browser."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from harness.wait import wait_until
from tests.unit.peers.agent_process import Agent, started
from tests.unit.peers.ports import free_port
from tests.unit.peers.provider_process import PASSWORD, WRONG, Person, Provider, person, provider, redirect

FILES = {
    "codex": ".codex/auth.json",
    "claude_code": ".claude/.credentials.json",
    "gemini_cli": ".gemini/oauth_creds.json",
}


@pytest.fixture(scope="module")
def op(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Provider]:
    """A running provider."""
    with provider(tmp_path_factory.mktemp("provider")) as op:
        yield op


@pytest.fixture
def agent(op: Provider, tmp_path: Path) -> Iterator[Agent]:
    """An agent whose providers are all the same one."""
    with started(tmp_path, {f"{name.upper()}_ISSUER": op.issuer for name in FILES}) as agent:
        agent.wait_listening()
        yield agent


@pytest.fixture
def user() -> Iterator[Person]:
    """Somebody with a fresh browser."""
    with person() as somebody:
        yield somebody


def begin(agent: Agent, name: str = "codex") -> str:
    """Start a login; returns the URL."""
    url: str = agent.client.post(f"/auth/{name}", json={"sessionId": "s-1"}).json()["oauthUrl"]
    return url


def status(agent: Agent) -> dict[str, object]:
    """What the agent says of the session, once its login is over."""

    def ask() -> dict[str, object]:
        said: dict[str, object] = agent.client.get("/credentials/status?sessionId=s-1").json()
        return said

    return wait_until(
        ask,
        what="the login's end",
        timeout_s=60,
        until=lambda said: said["authenticated"] is True or "error" in said,
    )


@pytest.mark.parametrize("name", FILES)
def test_a_login_that_is_allowed_leaves_credentials(
    agent: Agent, user: Person, tmp_path: Path, op: Provider, name: str
) -> None:
    page = user.browser.get(user.allowed(begin(agent, name)))
    assert (page.status_code, "Login complete" in page.text, "#5b21b6" in page.text) == (200, True, True)
    assert status(agent) == {"authenticated": True}
    file = tmp_path / FILES[name]
    assert file.stat().st_mode & 0o777 == 0o600
    assert list(file.parent.iterdir()) == [file]
    held = json.loads(file.read_text())
    assert (held["provider"], held["issuer"]) == (name, op.issuer)
    assert held["access_token"]
    assert held["refresh_token"]
    assert ("id_token" in held) == (name != "claude_code")
    said = agent.client.get("/credentials/get?sessionId=s-1").json()
    assert said == {"success": True, "provider": name, "credentials": held}


def test_the_agent_hands_the_redirect_on(agent: Agent, user: Person) -> None:
    url = user.allowed(begin(agent))
    page = agent.client.get(f"/auth/callback?{url.query.decode()}")
    assert "Login complete" in page.text
    assert status(agent) == {"authenticated": True}


def test_one_wrong_password_is_forgiven(agent: Agent, user: Person) -> None:
    page = user.logs_in(user.opens(begin(agent)), WRONG)
    user.browser.get(redirect(user.decides(user.logs_in(page, PASSWORD), "allow")))
    assert status(agent) == {"authenticated": True}


def test_three_wrong_passwords_fail_the_login(agent: Agent, user: Person) -> None:
    page = user.opens(begin(agent))
    for _ in range(3):
        page = user.logs_in(page, WRONG)
    failed(agent, user.browser.get(redirect(page)), "access_denied (too many wrong passwords)")


def test_a_denied_consent_fails_the_login(agent: Agent, user: Person) -> None:
    page = user.decides(user.logs_in(user.opens(begin(agent)), PASSWORD), "deny")
    failed(agent, user.browser.get(redirect(page)), "access_denied (the user denied the consent)")


def test_a_wrong_state_fails_the_login(agent: Agent, user: Person) -> None:
    url = user.allowed(begin(agent))
    failed(agent, user.browser.get(url.copy_set_param("state", "forged")), "state mismatch")
    assert not_there(agent, url)


def test_a_redirect_without_anything_fails_the_login(agent: Agent, user: Person) -> None:
    url = user.allowed(begin(agent))
    failed(agent, user.browser.get(url.copy_with(query=None)), "state missing from the response")


def test_a_code_of_another_login_is_refused(agent: Agent, user: Person) -> None:
    other = user.allowed(begin(agent))
    url = user.allowed(begin(agent))
    mixed = url.copy_set_param("code", other.params["code"])
    failed(agent, user.browser.get(mixed), "invalid_grant (grant request is invalid)")


def test_a_redirect_counts_once(agent: Agent, user: Person) -> None:
    url = user.allowed(begin(agent))
    user.browser.get(url)
    assert status(agent) == {"authenticated": True}
    assert not_there(agent, url)
    assert status(agent) == {"authenticated": True}


def test_a_redirect_of_an_earlier_login_fails_the_later_one(agent: Agent, user: Person) -> None:
    url = user.allowed(begin(agent))
    user.browser.get(url)
    assert status(agent) == {"authenticated": True}
    begin(agent)
    failed(agent, user.browser.get(url), "state mismatch")


def test_a_provider_that_is_gone_fails_the_login(tmp_path: Path) -> None:
    nowhere = f"127.0.0.1:{free_port()}"
    with started(tmp_path, {"CODEX_ISSUER": f"http://{nowhere}"}) as agent:
        agent.wait_listening()
        query = {"code": "x", "state": httpx.URL(begin(agent)).params["state"]}
        page = agent.client.get("/auth/callback", params=query)
        failed(agent, page, f"connect ECONNREFUSED {nowhere}")


def test_what_else_a_browser_asks_for_ends_no_login(agent: Agent, user: Person) -> None:
    url = user.allowed(begin(agent))
    assert user.browser.get(url.join("/favicon.ico")).status_code == 404
    assert user.browser.post(url).status_code == 404
    user.browser.get(url)
    assert status(agent) == {"authenticated": True}


def test_a_reason_cannot_bring_markup_or_lines(agent: Agent) -> None:
    url = httpx.URL(begin(agent))
    evil = {"error": "x", "error_description": "<b>\nforged", "state": url.params["state"]}
    page = agent.client.get("/auth/callback", params=evil)
    assert "<b>\n" not in page.text
    assert "&lt;b&gt; forged" in page.text
    assert status(agent) == {"authenticated": False, "error": "x (<b> forged)"}


def test_nothing_secret_is_logged(agent: Agent, user: Person, op: Provider, tmp_path: Path) -> None:
    urls = [user.allowed(begin(agent, name)) for name in FILES]
    user.browser.get(urls[-1].copy_set_param("state", "forged"))
    status(agent)
    url = user.allowed(begin(agent))
    user.browser.get(url)
    status(agent)
    held = json.loads((tmp_path / FILES["codex"]).read_text())
    secrets = [held[key] for key in ("access_token", "refresh_token", "id_token")]
    secrets += [url.params[key] for url in [*urls, url] for key in ("code", "state")]
    logs = agent.log() + op.log()
    assert [secret for secret in [*secrets, PASSWORD, WRONG] if secret in logs] == []


def failed(agent: Agent, page: httpx.Response, reason: str) -> None:
    """The page says why, the agent says why, and there are no credentials."""
    assert (page.status_code, "Login failed" in page.text, "#b91c1c" in page.text) == (400, True, True)
    assert reason in page.text
    assert status(agent) == {"authenticated": False, "error": reason}
    assert agent.client.get("/credentials/get?sessionId=s-1").status_code == 404
    assert f"login of session s-1 failed: {reason}" in agent.log()


def not_there(agent: Agent, url: httpx.URL) -> bool:
    """Whether nobody waits for a redirect any more: not on loopback, and not behind the agent."""
    with pytest.raises(httpx.ConnectError):
        httpx.get(url)
    return agent.client.get(f"/auth/callback?{url.query.decode()}").status_code == 502
