"""The address at which a session's user logs in: what it asks for, and what in it must be kept secret."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlencode

import httpx

from harness.errors import NoAnswerError, SessionError, UnreadableError, WaitTimeoutError
from harness.redact import remember
from harness.session.control_api import table_of
from harness.session.launch import Session, answer_text
from harness.session.told import how
from harness.transport.http import Endpoint
from harness.urls import Url, read_url
from harness.wait import wait_until

_ADDRESS_POLL_S = 0.25


@dataclass(frozen=True)
class Authorization:
    """An OAuth authorization request, as the address has it; what the address lacks is empty."""

    url: str
    origin: str
    response_type: str
    client_id: str
    redirect_uri: str
    state: str
    challenge: str
    challenge_method: str
    address: Endpoint
    """Where the provider listens."""

    @property
    def redirect(self) -> Url | None:
        """Where the provider is to send its user; None where that is no address."""
        try:
            return read_url(self.redirect_uri, whose="redirect_uri")
        except UnreadableError:
            return None


def read_authorization(url: object) -> Authorization:
    """Read an address; its state is a secret from now on.

    :raises UnreadableError: it is no http(s) URL; the text says what it is.
    """
    read = read_url(url, whose="oauthUrl")
    if not read.scheme.startswith("http"):
        raise UnreadableError(f"oauthUrl: no http(s) address: scheme {read.scheme!r}")
    fields = read.first_values()
    if state := fields.get("state", ""):
        remember(state)
    return Authorization(
        url=read.text,
        origin=read.origin,
        address=(read.host, read.port),
        response_type=fields.get("response_type", ""),
        client_id=fields.get("client_id", ""),
        redirect_uri=fields.get("redirect_uri", ""),
        state=state,
        challenge=fields.get("code_challenge", ""),
        challenge_method=fields.get("code_challenge_method", ""),
    )


@dataclass(frozen=True)
class Callback:
    """Where a provider sent its user back to: with a code, or with an error."""

    code: str
    state: str
    error: str

    @property
    def query(self) -> str:
        """As a query string."""
        fields = {"code": self.code, "state": self.state, "error": self.error}
        return urlencode({name: value for name, value in fields.items() if value})


def read_callback(url: str) -> Callback:
    """Read an address; its code and state are secrets from now on.

    :raises UnreadableError: it is none.
    """
    fields = read_url(url, whose="a callback").first_values()
    for name in ("code", "state"):
        if name in fields:
            remember(fields[name])
    return Callback(fields.get("code", ""), fields.get("state", ""), fields.get("error", ""))


def login_address(session: Session, *, timeout_s: float) -> Authorization:
    """The address at which a session's user logs in, once there is one.

    :raises SessionError: there is no address, or what is given for one is none; or the session is over.
    """

    def ask() -> object:
        answer = session.api.oauth_url(session.id)
        seen.append(answer_text(answer))
        url = table_of(answer).get("oauthUrl") if answer.status_code == httpx.codes.OK else None
        if url:
            return url
        if session.is_over():
            raise SessionError(
                f"session {session.id} has no address to log in at: it is {how(session.row())}"
            )
        return None

    seen: list[str] = []
    try:
        url = wait_until(
            ask, what="an address", timeout_s=timeout_s, interval_s=_ADDRESS_POLL_S, retry_on=(NoAnswerError,)
        )
        return read_authorization(url)
    except (WaitTimeoutError, UnreadableError) as error:
        why = f"oauth-url {seen[-1]}" if seen and isinstance(error, WaitTimeoutError) else error.message
        raise SessionError(f"session {session.id} has no address to log in at: {why}") from error
