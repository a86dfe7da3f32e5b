"""Sessions that a run launched: on record before they exist, cancelled in the end. Part of the custodian.

Sent to the host: standard library only, Python 3.9 or newer. The request that makes a session is sent from
here, so that its answer is heard even when the run that asked is gone by then. Its note is there before the
request, and goes when the API itself has refused, or when the session is over. A refusal to cancel is no end:
the session itself must be seen to be over. Nor is an answer without a session a refusal: a proxy gives up on
a launch that goes on, and a controller may fail after it has made one. Such a launch stays on record until it
is settled: whoever has the database looks for what came of it.
"""

from __future__ import annotations

import contextlib
import json
import shlex
import threading
import time
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import quote

from harness.custodian import notes
from harness.custodian.exchange import NoAnswer, Unheard, ask
from harness.custodian.launches import Launch

PERHAPS_OVER = (404, 409)
"""What cancelling a session answers that is over already; also where there is no such route, or where a
controller has forgotten a session that goes on."""

_NO_REFUSAL = (408, 499)
"""Said of a request that was given up, and perhaps not by everybody."""
_A_PROXYS_TOO = (404, 409)
"""What proxies say, too, some of them in JSON, of a launch that may go on behind them."""
_SHOWN = 300  # characters of an answer
_RETRY_S = 0.2
_ROW_POLL_S = 0.5
_SHOW_TIMEOUT_S = 5.0
_LONGEST_END_S = 600.0
_LONGEST_ID = 200

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
    stop: threading.Event | None = None,
) -> HttpAnswer:
    """Ask for a session; whatever comes of it is on record before anybody hears of it.

    :param session_url: where it is shown, with ``{session}`` for its id.
    :param cancel_url: where it is cancelled, likewise.
    :param finished: the statuses of a session that is over.
    :param limit_s: for all of the answer.
    :param stop: gives the answer up when set; the session, if there is one, is then to be looked for.
    :returns: ``status``, ``headers`` and ``body``, or ``error`` where there was no answer; ``asked`` is this
        host's time at the request.
    """
    user = _table(body).get("userId")
    launch = Launch(
        show=session_url,
        cancel=cancel_url,
        finished=finished,
        end_s=end_s,
        limit_s=limit_s,
        asked=time.time(),
        body=body[:500],
        user=user if isinstance(user, str) else "",
    )
    launch.write(note)
    try:
        answer = ask("POST", url, body, timeout_s=limit_s, stop=stop)
    except Unheard as error:
        note.unlink()
        return {"error": str(error), "asked": launch.asked}
    except NoAnswer as error:
        _note_what_came(note, replace(launch, heard=str(error)))
        return {"error": str(error), "asked": launch.asked}
    return {**_owned(note, launch, answer), "asked": launch.asked}


def _owned(note: Path, launch: Launch, answer: HttpAnswer) -> HttpAnswer:
    """Put on record what an answer makes of a launch; the answer."""
    session = _session_in(answer["body"])
    if session is not None:
        launch = replace(launch, session=session)
        try:
            launch.write(note)
        except OSError as error:
            return {"error": _given_up(note, launch, f"session {session} could not be recorded: {error}")}
    elif _made_nothing(answer):
        note.unlink()
    else:
        ended = answer["status"] == 500 and _is_refusal(answer)
        _note_what_came(note, replace(launch, heard=_answer_text(answer), ended=ended))
    return answer


def _made_nothing(answer: HttpAnswer) -> bool:
    """Whether an answer without a session's id says that there is none."""
    status = answer["status"]
    if not 400 <= status < 500 or status in _NO_REFUSAL:
        return False
    # In whatever words, as a rule: a proxy's are no JSON object.
    return _is_refusal(answer) if status in _A_PROXYS_TOO else bool(_table(answer["body"]))


def _note_what_came(note: Path, launch: Launch) -> None:
    """A full disk keeps the word from being added, and the launch is on record without it."""
    with contextlib.suppress(OSError):
        launch.write(note)


def _given_up(note: Path, launch: Launch, why: str) -> str:
    """A session that nobody would find is ended at once."""
    over, line = _ended(launch, 0)
    if over:
        note.unlink()
    return f"{why}; {line or 'it is over'}"


def end_session(note: Path, *, patience_s: float = 0) -> tuple[bool, str]:
    """Cancel the session that a note names; whether the session is over, and a line about it.

    The note is removed once the session is over.

    :param patience_s: how long to go on asking where nobody answers, or where the session's row lags behind
        its end.
    """
    try:
        launch = Launch.read(note)
    except notes.Unreadable as why:
        return False, f"{note}: {why}; look whether a session goes on, cancel it, then: {_removal(note)}"
    if launch.session is None:
        return False, _unknown(note, launch)
    over, line = _ended(launch, patience_s)
    if over:
        note.unlink(missing_ok=True)
    return over, line


def settle(note: Path, found: list[str]) -> list[str]:
    """Own the sessions that were found to have come of a launch, and cancel them; a line for each.

    :param found: none where it is known that the launch came to nothing.
    """
    launch = Launch.read(note)
    named = {note.with_name(f"{note.stem}-{number}.json"): one for number, one in enumerate(found, 1)}
    for one, session in named.items():
        replace(launch, session=session).write(one)
    note.unlink(missing_ok=True)
    return [line for _, line in map(end_session, named) if line]


def _unknown(note: Path, launch: Launch) -> str:
    asked = time.strftime("%H:%M:%S UTC", time.gmtime(min(max(launch.asked, 0), 1e11)))
    return (
        f"a session was asked for at {asked} with {launch.body}, and whether there is one was never heard:"
        f" {launch.heard or 'no answer came'}; look for it, cancel it, then: {_removal(note)}"
    )


def _removal(note: Path) -> str:
    return f"sudo rm -f -- {shlex.quote(str(note))}"


def _ended(launch: Launch, patience_s: float) -> tuple[bool, str]:
    """Cancel a session; whether it is over, and a line about it."""
    session, deadline = launch.session or "", time.monotonic() + patience_s
    end_s = min(launch.end_s, _LONGEST_END_S)
    try:
        show_url, cancel_url = _url(launch.show, session), _url(launch.cancel, session)
        refusal = _cancel(cancel_url, deadline, timeout_s=end_s)
        if refusal is None:
            return True, f"cancelled session {session}"
        if refusal["status"] in PERHAPS_OVER or refusal["status"] == 200:
            shown = _shown(show_url, launch.finished, deadline)
            return _seen(session, refusal, shown, launch.finished)
    except (NoAnswer, ValueError) as error:
        return False, f"could not cancel session {session}: {error}"
    return False, f"could not cancel session {session}: {_answer_text(refusal)}"


def _cancel(url: str, deadline: float, *, timeout_s: float) -> HttpAnswer | None:
    """Ask for a session's end; what was answered instead of 200."""
    answer = _answer("POST", url, "{}", deadline, timeout_s=timeout_s)
    return None if answer["status"] == 200 and _is_table(answer["body"]) else answer


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
        except NoAnswer:
            if time.monotonic() >= deadline:
                raise
            time.sleep(_RETRY_S)


def _session_in(body: str) -> str | None:
    """The id that an answer names, whatever its status: where there is one, there may be a session."""
    session = _table(body).get("sessionId")
    return session if isinstance(session, str) and 0 < len(session) <= _LONGEST_ID else None


def _status_in(answer: HttpAnswer) -> str | None:
    """The status of the session that an answer shows; None where it shows none."""
    session = _table(answer["body"]).get("session")
    status = session.get("status") if answer["status"] == 200 and isinstance(session, dict) else None
    return status if isinstance(status, str) else None


def _is_refusal(answer: HttpAnswer) -> bool:
    """Whether it is the API that refuses: a server that has no such route says so in HTML."""
    return bool(_table(answer["body"]).get("error"))


def _table(body: str) -> dict[str, Any]:
    found = _json(body)
    return found if isinstance(found, dict) else {}


def _is_table(body: str) -> bool:
    return isinstance(_json(body), dict)


def _json(body: str) -> Any:
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return None


def _url(template: str, session: str) -> str:
    return template.replace("{session}", quote(session, safe=""))


def _answer_text(answer: HttpAnswer) -> str:
    return f"{answer['url']} answered {answer['status']}: {_start(answer['body'])}"


def _start(body: str) -> str:
    """Its mark lets the suite know half a secret for one."""
    return body if len(body) <= _SHOWN else f"{body[:_SHOWN]}…"
