"""Logging in at a provider's pages by the profile's selectors, up to the callback that goes nowhere."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness import redact
from harness.errors import BrowserError, SessionError, UnreadableError
from harness.login.provider_pages import opened_provider
from harness.session.authorization import Authorization, read_authorization, read_callback
from harness.site.profile import SessionSection
from harness.wait import wait_until
from harness.window.chromium import Chromium
from tests.unit.peers.web_peer import Answer, web_peer

pytestmark = pytest.mark.usefixtures("forgetful")
BACK = "http://localhost:1455/auth/callback"
URL = (
    "http://192.0.2.9:9090/auth?client_id=codex&response_type=code&state=st4te&code_challenge=abc"
    "&code_challenge_method=S256&redirect_uri=http%3A%2F%2Flocalhost%3A1455%2Fauth%2Fcallback"
)
LOGIN = """<!doctype html><form method="post" action="/login"><input name="login"><input name="password">
<button type="submit">Log in</button></form>"""
CONSENT = """<!doctype html><form method="post" action="/consent">
<button name="decision" value="allow">Allow</button>
<button name="decision" value="deny">Deny</button></form>"""
ANSWERS: dict[str, Answer] = {
    "/auth": (200, {}, LOGIN),
    "/consent": (200, {}, CONSENT),
    "POST /login": (303, {"Location": "/consent"}, ""),
    "POST /consent": (303, {"Location": f"{BACK}?code=c0de&state=st4te"}, ""),
}


def goes_on() -> None:
    """A session that is not over."""


@pytest.fixture(scope="module")
def browser() -> Iterator[Chromium]:
    """One for all."""
    with Chromium() as running:
        yield running


@pytest.fixture
def authorization() -> Authorization:
    """The address, read."""
    return read_authorization(URL)


def test_an_address_is_read_and_its_state_remembered(authorization: Authorization) -> None:
    assert authorization.address == ("192.0.2.9", 9090)
    assert authorization.origin == "http://192.0.2.9:9090"
    assert (authorization.state, authorization.challenge) == ("st4te", "abc")
    assert (authorization.challenge_method, authorization.redirect_uri) == ("S256", BACK)
    assert "st4te" not in redact.redact("the state is st4te")


NO_ADDRESSES: list[object] = [
    *("", "file:///etc/passwd", "http://", "ws://192.0.2.9/auth", "http://192.0.2.9:99999/", "http://[::1"),
    *("http://\u2100.example/", "http://a..b/", "http://me:pw@192.0.2.9/", "http://192.0.2.9:\u0663/"),
    *("http://192.0.2.9/\ud800", "http://192.0.2.9/ x", "ht\ntp://192.0.2.9/", "http://-x;reboot/", "//x"),
    *("http://192.0.2.9:0/", "http://" + "x" * 300 + "/", None, 7, True, [], {}),
]


@pytest.mark.parametrize("url", NO_ADDRESSES, ids=ascii)
def test_what_is_no_address_is_said(url: object) -> None:
    with pytest.raises(UnreadableError, match=r"no http\(s\) address|no URL") as told:
        read_authorization(url)
    assert "pw@" not in str(told.value)


def test_a_name_is_looked_up_in_ascii() -> None:
    assert read_authorization("http://B\u00fccher.example/auth").address == ("xn--bcher-kva.example", 80)


BAD_BACKS = ["", "http://[", "http://localhost:99999/cb", "http://me@localhost/cb", "\ud800", "x:y"]


@pytest.mark.parametrize("back", BAD_BACKS, ids=ascii)
def test_a_login_that_nobody_could_be_sent_back_from_is_not_begun(
    browser: Chromium, authorization: Authorization, back: str
) -> None:
    odd = dataclasses.replace(authorization, redirect_uri=back)
    with (
        pytest.raises(SessionError, match="no redirect_uri"),
        opened_provider(browser, odd, SessionSection(), goes_on),
    ):
        pytest.fail("it was begun")


def test_a_callback_is_read_and_handed_on_as_it_was() -> None:
    callback = read_callback(f"{BACK}?error=access_denied&state=a%2Bb&iss=x")
    assert (callback.code, callback.error) == ("", "access_denied")
    assert callback.query == "state=a%2Bb&error=access_denied"


@pytest.mark.parametrize("decision", ["allow", "deny"])
def test_a_login_ends_in_its_callback(
    browser: Chromium, authorization: Authorization, tmp_path: Path, decision: str
) -> None:
    with web_peer(tmp_path / "web", ANSWERS) as asked:
        browser.allow(authorization.address, tmp_path / "web")
        with opened_provider(browser, authorization, SessionSection(), goes_on) as pages:
            pages.log_in("me", "s3cret")
            callback = pages.allow() if decision == "allow" else pages.deny()
            wait_until(lambda: ("localhost", 1455) in browser.refused, what="the end of it", timeout_s=60)
    assert (callback.code, callback.state, callback.error) == ("c0de", "st4te", "")
    assert "/login login=me&password=s3cret" in asked
    assert f"/consent decision={decision}" in asked


def test_wrong_passwords_are_tried_until_the_provider_gives_up(
    browser: Chromium, authorization: Authorization, tmp_path: Path
) -> None:
    again = {**ANSWERS, "POST /login": (303, {"Location": "/auth"}, "")}
    with web_peer(tmp_path / "web", again) as asked:
        browser.allow(authorization.address, tmp_path / "web")
        settings = SessionSection(wrong_password_tries=3, window_s=0.5)
        with opened_provider(browser, authorization, settings, goes_on) as pages:
            pages.refuse_to_log_in("me", "wrong")
            with pytest.raises(BrowserError, match=r"sent us nowhere within 0.5 s"):
                pages.callback()
            posted = "/login login=me&password=wrong"
            wait_until(lambda: asked.count(posted) >= 3, what="the last of them", timeout_s=60)
    assert asked.count(posted) == 3


def test_nobody_waits_for_a_callback_of_a_session_that_is_over(
    browser: Chromium, authorization: Authorization, tmp_path: Path
) -> None:
    """The provider shows its page again and sends nobody anywhere, and there is all the time in the world."""

    def is_over() -> None:
        raise SessionError("session 7 is over: it is failed (the VM went)")

    again = {**ANSWERS, "POST /login": (303, {"Location": "/auth"}, "")}
    with web_peer(tmp_path / "web", again):
        browser.allow(authorization.address, tmp_path / "web")
        settings = SessionSection(window_s=600)
        with opened_provider(browser, authorization, settings, is_over) as pages:
            pages.log_in("me", "s3cret")
            with pytest.raises(SessionError, match=r"it is failed \(the VM went\)"):
                pages.callback()


def test_a_callback_that_came_counts_though_the_session_is_over(
    browser: Chromium, authorization: Authorization, tmp_path: Path
) -> None:
    """What it then comes to is said by whom it is handed to."""

    def is_over() -> None:
        if seen:
            raise SessionError("session 7 is over")

    seen: list[str] = []
    with web_peer(tmp_path / "web", ANSWERS):
        browser.allow(authorization.address, tmp_path / "web")
        with opened_provider(browser, authorization, SessionSection(window_s=600), is_over) as pages:
            pages.log_in("me", "s3cret")
            seen.append(pages.allow().code)
            assert pages.callback().code == seen[0] == "c0de"
