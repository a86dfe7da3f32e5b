"""Sessions that a run launched: on record before they exist, cancelled in the end. Part of the custodian.

Sent to the host: standard library only, Python 3.9 or newer. The request that makes a session is sent from
here, so that its answer is heard even when the run that asked is gone by then. A note in the run's directory
is there before the request, and goes when the session is over: by it the next run's reaper finds what a
killed custodian left. A refusal to cancel is no end: the session itself must be seen to be over.
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
PERHAPS_OVER = (404, 409)
"""What cancelling a session answers that is over already; also where there is no such route, or where a
controller has forgotten a session that goes on."""

_RETRY_S = 0.2
_ROW_POLL_S = 0.5
_SHOW_TIMEOUT_S = 5.0

HttpAnswer = dict[str, Any]


def start_session(
    note: Path,
    *,
    url: str,
    body: str,
    session_url: str,
    cancel_url: str,
    finished: list[str],
    limit_s: float,
    end_s: float,
) -> HttpAnswer:
    """Ask for a session; whatever comes of it is on record before anybody hears of it.

    :param session_url: where it is shown, with ``{session}`` for its id.
    :param cancel_url: where it is cancelled, likewise.
    :param finished: the statuses of a session that is over.
    :returns: ``status``, ``headers`` and ``body``, or ``error`` where there was no answer; ``asked`` is this
        host's time at the request.
    """
    urls = {"show": session_url, "cancel": cancel_url, "finished": finished}
    noted = {**urls, "end_s": end_s, "asked": time.time(), "body": body[:500], "session": None}
    _write(note, noted)
    try:
        answer = ask("POST", url, body, timeout_s=limit_s)
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


def end_session(note: Path, *, patience_s: float = 0) -> tuple[bool, str]:
    """Cancel the session that a note names; whether the session is over, and a line about it.

    The note is removed once the session is over.

    :param patience_s: how long to go on asking where nobody answers, or where the session's row lags behind
        its end.
    """
    deadline = time.monotonic() + patience_s
    try:
        noted = json.loads(note.read_text())
        session, finished, end_s = noted["session"], noted["finished"], noted["end_s"]
        show_url, cancel_url = (_url(noted[name], session or "") for name in ("show", "cancel"))
    except (OSError, ValueError, KeyError) as error:
        return False, f"{note}: cannot be read: {_described(error)}"
    if session is None:
        note.unlink()
        return False, (
            f"a session was asked for at {time.strftime('%H:%M:%S UTC', time.gmtime(noted['asked']))} with"
            f" {noted['body']}, and whether there is one was never heard"
        )
    try:
        refusal = _cancel(cancel_url, deadline, timeout_s=end_s)
        if refusal is None:
            over, line = True, f"cancelled session {session}"
        elif refusal["status"] in PERHAPS_OVER:
            over, line = _seen(session, refusal, _shown(show_url, finished, deadline), finished)
        else:
            over, line = False, f"could not cancel session {session}: {_answer_text(refusal)}"
    except (OSError, http.client.HTTPException) as error:
        return False, f"could not cancel session {session}: {_described(error)}"
    if over:
        note.unlink()
    return over, line


def _cancel(url: str, deadline: float, *, timeout_s: float) -> HttpAnswer | None:
    """Ask for a session's end; what was answered instead of 200."""
    answer = _answer("POST", url, "{}", deadline, timeout_s=timeout_s)
    return None if answer["status"] == 200 else answer


def _shown(url: str, finished: list[str], deadline: float) -> HttpAnswer:
    """A session as the API shows it, once it is over: the row may be written after the end of the VM."""
    while True:
        answer = _answer("GET", url, None, deadline, timeout_s=_SHOW_TIMEOUT_S)
        status = _status_in(answer)
        if status is None or status in finished or time.monotonic() >= deadline:
            return answer
        time.sleep(_ROW_POLL_S)


def _seen(session: str, refusal: HttpAnswer, shown: HttpAnswer, finished: list[str]) -> tuple[bool, str]:
    """Whether a session that could not be cancelled is over, and a line about it."""
    if _status_in(shown) in finished:
        return True, ""
    if shown["status"] == 404 and _is_refusal(shown) and _is_refusal(refusal):
        # Nobody can cancel it any more, and nothing says that its VM is gone.
        return True, f"the controller no longer knows session {session}; whether its VM is gone was not seen"
    return (
        False,
        f"could not cancel session {session}: {_answer_text(refusal)}; {_answer_text(shown)}",
    )


def _answer(method: str, url: str, body: str | None, deadline: float, *, timeout_s: float) -> HttpAnswer:
    """The answer to a request, which is sent again until the deadline as long as nobody answers."""
    while True:
        try:
            return ask(method, url, body, timeout_s=timeout_s)
        except (OSError, http.client.HTTPException):
            if time.monotonic() >= deadline:
                raise
            time.sleep(_RETRY_S)


def ask(method: str, url: str, body: str | None = None, *, timeout_s: float) -> HttpAnswer:
    """One request as it is: nothing is followed, no proxy is used."""
    parts = urlsplit(url)
    kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    with contextlib.closing(kind(parts.netloc, timeout=timeout_s)) as connection:
        target = parts.path + (f"?{parts.query}" if parts.query else "")
        content = None if body is None else body.encode()
        connection.request(method, target, content, {"Content-Type": "application/json"})
        answer = connection.getresponse()
        text = answer.read().decode("utf-8", "replace")
        return {"url": url, "status": answer.status, "headers": answer.getheaders(), "body": text}


def _session_in(body: str) -> str | None:
    """The id that an answer names, whatever its status: where there is one, there may be a session."""
    session = _table(body).get("sessionId")
    return session if isinstance(session, str) and session else None


def _status_in(answer: HttpAnswer) -> str | None:
    """The status of the session that an answer shows; None where it shows none."""
    session = _table(answer["body"]).get("session")
    status = session.get("status") if answer["status"] == 200 and isinstance(session, dict) else None
    return status if isinstance(status, str) else None


def _is_refusal(answer: HttpAnswer) -> bool:
    """Whether it is the API that refuses: a server that has no such route says so in HTML."""
    return bool(_table(answer["body"]).get("error"))


def _table(body: str) -> dict[str, Any]:
    try:
        found = json.loads(body)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _url(template: str, session: str) -> str:
    return template.replace("{session}", quote(session, safe=""))


def _answer_text(answer: HttpAnswer) -> str:
    return f"{answer['url']} answered {answer['status']}: {answer['body'][:300]}"


def _write(note: Path, content: dict[str, Any]) -> None:
    """Whole or not at all: a kill may come at any moment."""
    fresh = note.with_name(f".{note.name}")
    fresh.write_text(json.dumps(content))
    fresh.rename(note)


def _described(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}"
