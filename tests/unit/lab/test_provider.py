"""The lab's OpenID provider: its pages, and what it refuses."""

from __future__ import annotations

import re
from collections.abc import Iterator
from urllib.parse import urlencode

import httpx
import pytest

from tests.unit.peers.provider_process import (
    PASSWORD,
    USER,
    WRONG,
    Person,
    Provider,
    person,
    provider,
    redirect,
)

REDIRECT = "http://localhost:1455/auth/callback"
CHALLENGE = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"
VERIFIER = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
"""The pair in RFC 7636's appendix."""


@pytest.fixture(scope="module")
def op(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Provider]:
    """A running provider."""
    with provider(tmp_path_factory.mktemp("provider")) as op:
        yield op


@pytest.fixture
def user() -> Iterator[Person]:
    """Somebody with a fresh browser."""
    with person() as somebody:
        yield somebody


def request(op: Provider, **changes: str | None) -> str:
    """An authorization request as the login tool makes it, but for the changes."""
    usual: dict[str, str | None] = {
        "client_id": "codex",
        "response_type": "code",
        "redirect_uri": REDIRECT,
        "scope": "openid email",
        "state": "s",
        "code_challenge": CHALLENGE,
        "code_challenge_method": "S256",
    }
    query = {key: value for key, value in {**usual, **changes}.items() if value is not None}
    return f"{op.issuer}/oauth/authorize?{urlencode(query)}"


def tokens(op: Provider, code: str, *, verifier: str = VERIFIER) -> httpx.Response:
    """Exchange a code."""
    form = {"grant_type": "authorization_code", "client_id": "codex", "redirect_uri": REDIRECT}
    return httpx.post(f"{op.issuer}/oauth/token", data={**form, "code": code, "code_verifier": verifier})


def test_the_login_page_is_made_for_the_keyboard(op: Provider, user: Person) -> None:
    page = user.opens(request(op)).text
    assert "background: #14532d" in page
    controls = re.findall(r"<(?:input|button)[^>]*>", page)
    assert [re.findall(r'(?:name|type)="(\w+)"', control) for control in controls] == [
        ["login", "text"],
        ["password", "password"],
        ["submit"],
    ]
    assert ["autofocus" in control for control in controls] == [True, False, False]
    assert 'role="alert"' not in page


def test_the_consent_page_is_made_for_the_keyboard(op: Provider, user: Person) -> None:
    page = user.logs_in(user.opens(request(op)), PASSWORD).text
    assert "background: #1e3a8a" in page
    buttons = re.findall(r"<button[^>]*>", page)
    assert [re.findall(r'(?:name|value)="(\w+)"', button) for button in buttons] == [
        ["decision", "allow"],
        ["decision", "deny"],
    ]
    assert ["autofocus" in button for button in buttons] == [True, False]
    assert USER in page


def test_the_pages_load_nothing(op: Provider, user: Person) -> None:
    login = user.opens(request(op))
    consent = user.logs_in(login, PASSWORD)
    for page in (login, consent):
        assert page.headers["content-security-policy"].startswith("default-src 'none'")
        assert not re.search(r"<(script|img|iframe|link(?! rel=\"icon\" href=\"data:,\"))", page.text)


@pytest.mark.parametrize(("name", "password"), [(USER, WRONG), ("nobody@example.com", PASSWORD), ("", "")])
def test_a_wrong_login_shows_the_same_page_with_an_error(
    op: Provider, user: Person, name: str, password: str
) -> None:
    page = user.logs_in(user.opens(request(op)), password, name=name).text
    assert 'role="alert"' in page
    assert "2 tries left" in page
    assert "value=" not in page


def test_the_third_wrong_login_ends_it(op: Provider, user: Person) -> None:
    page = user.opens(request(op))
    for _ in range(3):
        page = user.logs_in(page, WRONG)
    said = redirect(page).params
    assert (said["error"], said["error_description"]) == ("access_denied", "too many wrong passwords")


def test_a_form_that_is_sent_twice_is_no_step_ahead(op: Provider, user: Person) -> None:
    login = user.opens(request(op))
    user.logs_in(login, PASSWORD)
    again = user.logs_in(login, PASSWORD)
    assert again.status_code in {200, 400}
    assert again.next_request is None


def test_an_interaction_belongs_to_its_browser(op: Provider, user: Person) -> None:
    page = user.opens(request(op))
    with person() as other:
        answer = other.opens(page.url)
    assert answer.status_code == 400
    assert "Log in" not in answer.text


@pytest.mark.parametrize(
    "changes",
    [
        {"client_id": "nobody"},
        {"redirect_uri": "http://a.invalid/auth/callback"},
        {"redirect_uri": "http://localhost:1455/elsewhere"},
    ],
)
def test_a_stranger_is_sent_nowhere(op: Provider, user: Person, changes: dict[str, str]) -> None:
    answer = user.opens(request(op, **changes))
    assert answer.status_code == 400
    assert answer.next_request is None


@pytest.mark.parametrize(
    "changes", [{"code_challenge": None, "code_challenge_method": None}, {"code_challenge_method": "plain"}]
)
def test_pkce_is_required(op: Provider, user: Person, changes: dict[str, str | None]) -> None:
    assert redirect(user.opens(request(op, **changes))).params["error"] == "invalid_request"


def test_a_code_is_good_once(op: Provider, user: Person) -> None:
    code = user.allowed(request(op)).params["code"]
    assert tokens(op, code).status_code == 200
    assert tokens(op, code).json()["error"] == "invalid_grant"


def test_a_code_wants_its_verifier(op: Provider, user: Person) -> None:
    code = user.allowed(request(op)).params["code"]
    assert tokens(op, code, verifier=VERIFIER[::-1]).json()["error"] == "invalid_grant"
