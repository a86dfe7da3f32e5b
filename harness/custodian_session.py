"""Sessions that a run launched: on record before they exist, cancelled in the end. Part of the custodian.

Sent to the host: standard library only, Python 3.9 or newer. The request that makes a session is sent from
here, so that its answer is heard even when the run that asked is gone by then. A note in the run's directory
is there before the request, and goes when the session is over: by it the next run's reaper finds what a
killed custodian left.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import time
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

NOTES = "session-*.json"
OVER = (404, 409)
"""What cancelling a session answers that is over already, or gone with its row."""

_RETRY_S = 0.2


def start(
    note: Path, *, url: str, body: str, cancel_url: str, limit_s: float, end_s: float
) -> dict[str, Any]:
    """Ask for a session; whatever comes of it is on record before anybody hears of it.

    :param cancel_url: where it is cancelled, with ``{session}`` for its id.
    :returns: ``status``, ``headers`` and ``body``, or ``error`` where there was no answer; ``asked`` is this
        host's time at the request.
    """
    noted = {"cancel": cancel_url, "end_s": end_s, "asked": time.time(), "body": body[:500], "session": None}
    _write(note, noted)
    try:
        answer = post(url, body, timeout_s=limit_s)
    except ConnectionRefusedError as error:
        note.unlink()  # nobody heard it
        return {"error": _described(error), "asked": noted["asked"]}
    except (OSError, http.client.HTTPException) as error:
        return {"error": _described(error), "asked": noted["asked"]}
    session = _session_in(answer["body"])
    if session is None:
        note.unlink()
    else:
        _write(note, {**noted, "session": session})
    return {**answer, "asked": noted["asked"]}


def end(note: Path, *, patience_s: float = 0) -> tuple[bool, str]:
    """Cancel what a note names, and remove the note once it is over; whether it is, and a line about it.

    :param patience_s: how long to go on asking where nobody answers.
    """
    try:
        noted = json.loads(note.read_text())
        session, url, timeout_s = noted["session"], noted["cancel"], noted["end_s"]
    except (OSError, ValueError, KeyError) as error:
        return False, f"{note}: cannot be read: {_described(error)}"
    if session is None:
        note.unlink()
        return False, (
            f"a session was asked for at {time.strftime('%H:%M:%S UTC', time.gmtime(noted['asked']))} with"
            f" {noted['body']}, and whether there is one was never heard"
        )
    return _cancelled(note, session, url.replace("{session}", quote(session, safe="")), timeout_s, patience_s)


def _cancelled(note: Path, session: str, url: str, timeout_s: float, patience_s: float) -> tuple[bool, str]:
    deadline = time.monotonic() + patience_s
    while True:
        try:
            answer = post(url, "{}", timeout_s=timeout_s)
            break
        except (OSError, http.client.HTTPException) as error:
            if time.monotonic() >= deadline:
                return False, f"could not cancel session {session}: {_described(error)}"
            time.sleep(_RETRY_S)
    if answer["status"] == 200:
        note.unlink()
        return True, f"cancelled session {session}"
    if answer["status"] in OVER:
        note.unlink()
        return True, ""
    said = f"answered {answer['status']}: {answer['body'][:300]}"
    return False, f"could not cancel session {session}: {url} {said}"


def post(url: str, body: str, *, timeout_s: float) -> dict[str, Any]:
    """One request as it is: nothing is followed, no proxy is used."""
    parts = urlsplit(url)
    kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    with contextlib.closing(kind(parts.netloc, timeout=timeout_s)) as connection:
        target = parts.path + (f"?{parts.query}" if parts.query else "")
        connection.request("POST", target, body.encode(), {"Content-Type": "application/json"})
        answer = connection.getresponse()
        text = answer.read().decode("utf-8", "replace")
        return {"status": answer.status, "headers": answer.getheaders(), "body": text}


def _session_in(body: str) -> str | None:
    """The id that an answer names, whatever its status: where there is one, there may be a session."""
    try:
        session = json.loads(body)["sessionId"]
    except (ValueError, KeyError, TypeError):
        return None
    return session if isinstance(session, str) and session else None


def _write(note: Path, content: dict[str, Any]) -> None:
    """Whole or not at all: a kill may come at any moment."""
    fresh = note.with_name(f".{note.name}")
    fresh.write_text(json.dumps(content))
    fresh.rename(note)


def _described(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}"
