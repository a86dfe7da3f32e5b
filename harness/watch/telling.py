"""Telling of a change: to a web hook, and to a command."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import httpx
import tenacity

from harness.errors import CommandError
from harness.outward import told
from harness.run import run
from harness.watch.standing import Change

_REQUEST_S = 20.0
_COMMAND_S = 60.0
_TRIES = 3


@dataclass(frozen=True)
class Teller:
    """To whom changes are told."""

    webhook: str | None = None
    """A URL: it is posted a change as JSON. It may well be a secret."""
    command: Path | None = None
    """A program: it reads a change as JSON from its standard input."""

    def tell(self, change: Change) -> list[str]:
        """Tell of it; returns what went wrong, a line each: whoever was not told is told next time."""
        body = told(change.model_dump_json())
        return [
            *([why] if self.webhook and (why := _post(self.webhook, body)) else []),
            *([why] if self.command and (why := _call(self.command, body)) else []),
        ]


def _post(url: str, body: str) -> str:
    """Post it; why it was not taken, without the URL."""
    headers = {"content-type": "application/json"}
    try:
        with httpx.Client(timeout=_REQUEST_S) as client:
            for attempt in tenacity.Retrying(
                stop=tenacity.stop_after_attempt(_TRIES),
                wait=tenacity.wait_exponential(max=5),
                retry=tenacity.retry_if_exception_type(httpx.TransportError),
                reraise=True,
            ):
                with attempt:
                    answer = client.post(url, content=body.encode(), headers=headers)
    except (httpx.HTTPError, httpx.InvalidURL, UnicodeError) as error:
        return f"the web hook was not reached: {type(error).__name__}"
    return "" if answer.is_success else f"the web hook answered {answer.status_code}"


def _call(program: Path, body: str) -> str:
    try:
        run([program], timeout_s=_COMMAND_S, input_text=body)
    except CommandError as error:
        return f"the command failed: {error.message}"
    return ""
