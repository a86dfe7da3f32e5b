"""master-controller's control API, one small method a call, and no policy."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

import httpx

from harness.answers import read_json
from harness.errors import NoAnswerError, TransportError, UnreadableError
from harness.text import beginning
from harness.transport.http import client_by

START = "/api/auth/start"
SESSION = "/api/auth/session/{session}"
CANCEL = f"{SESSION}/cancel"

_TRAFFIC_CHARACTERS = 300


class ControlApi:
    """A client; every answer is given as it came, whatever its status. Safe to use from several threads.

    :param transport: how to reach it.
    :param base_url: its address as seen from the host.
    :param start_timeout_s: for the call that launches a VM.
    :param end_timeout_s: for the call that ends a VM.
    :param page_timeout_s: for the call that a VM's browser must hear.
    """

    def __init__(
        self,
        transport: httpx.BaseTransport,
        *,
        base_url: str,
        timeout_s: float = 10,
        start_timeout_s: float = 90,
        end_timeout_s: float = 30,
        page_timeout_s: float = 30,
    ) -> None:
        self._client = client_by(transport, base_url, timeout_s=timeout_s)
        self._start_timeout_s = start_timeout_s
        self._end_timeout_s = end_timeout_s
        self._page_timeout_s = page_timeout_s
        self.traffic: list[str] = []
        """A line for each request: method, path, status, duration, and what an error said."""

    def close(self) -> None:
        """Close the connections; no session ends by it."""
        self._client.close()

    def start(self, body: Mapping[str, Any]) -> httpx.Response:
        """POST /api/auth/start — a session with a VM of its own; ``userId`` and ``provider``."""
        return self._request("POST", START, body, timeout_s=self._start_timeout_s)

    def session(self, session: str) -> httpx.Response:
        """GET /api/auth/session/:id — ``{"session": {...}}``."""
        return self._request("GET", path_of(SESSION, session))

    def sessions(self) -> httpx.Response:
        """GET /api/auth/sessions — the newest ones."""
        return self._request("GET", "/api/auth/sessions")

    def oauth_url(self, session: str) -> httpx.Response:
        """GET /api/auth/session/:id/oauth-url — the VM's answer."""
        return self._request("GET", path_of(f"{SESSION}/oauth-url", session))

    def credentials_status(self, session: str) -> httpx.Response:
        """GET /api/auth/session/:id/credentials/status — the VM's answer."""
        return self._request("GET", path_of(f"{SESSION}/credentials/status", session))

    def lasting_credentials(self, path: str, session: str) -> httpx.Response:
        """GET a path of the profile's: what is told of a session's credentials once its VM is gone."""
        return self._request("GET", path_of(path, session))

    def open_url(self, session: str, url: str) -> httpx.Response:
        """POST /api/auth/session/:id/open-url — navigate the VM's browser."""
        path = path_of(f"{SESSION}/open-url", session)
        return self._request("POST", path, {"url": url}, timeout_s=self._page_timeout_s)

    def cancel(self, session: str) -> httpx.Response:
        """POST /api/auth/session/:id/cancel — end a session and destroy its VM."""
        return self._request("POST", path_of(CANCEL, session), {}, timeout_s=self._end_timeout_s)

    def _request(
        self, method: str, path: str, body: Mapping[str, Any] | None = None, *, timeout_s: float | None = None
    ) -> httpx.Response:
        """One request.

        :raises NoAnswerError: the controller said nothing.
        :raises TransportError: there is no way to it.
        """
        began = time.perf_counter()
        timeout = httpx.USE_CLIENT_DEFAULT if timeout_s is None else httpx.Timeout(timeout_s)
        try:
            answer = self._client.request(method, path, json=body, timeout=timeout)
        except httpx.TransportError as error:
            said = f"{type(error).__name__}: {error}"
            self.traffic.append(f"{method} {path} -> {said}")
            # What we connect to is a socket of our own, with a controller behind it or not.
            kind = TransportError if isinstance(error, httpx.ConnectError) else NoAnswerError
            raise kind(
                f"{method} {self._client.base_url.join(path)} (from the host): no answer: {said}",
                hint="on the host: is the controller up, and what does its journal say?",
                behind="host.controller_api_answers",
            ) from error
        took_ms = (time.perf_counter() - began) * 1000
        # What went well may hold codes and tokens; what went wrong is worth reading.
        said = f" {beginning(answer.text, _TRAFFIC_CHARACTERS)}" if answer.is_error else ""
        self.traffic.append(f"{method} {path} -> {answer.status_code}{said} ({took_ms:.1f} ms)")
        return answer


def path_of(template: str, session: str) -> str:
    """A path of the API, or of the profile, for a session."""
    return template.replace("{session}", quote(session, safe=""))


def table_of(answer: httpx.Response) -> dict[str, Any]:
    """The JSON object that an answer holds; an empty one where it holds none that can be read."""
    try:
        found = read_json(answer.content, whose="the controller")
    except UnreadableError:
        return {}
    return found if isinstance(found, dict) else {}
