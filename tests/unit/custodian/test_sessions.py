"""A session's note: there before the session is, and gone only when it is seen to be over."""

from __future__ import annotations

import json
import socket
from pathlib import Path
from typing import Any

import pytest

from harness.custodian import sessions
from tests.unit.peers.small_controller import FINISHED, SmallController, own, small_controller

NO_ROUTE = (404, "<pre>Cannot POST /api/auth/session/s1/cancel</pre>")
UNKNOWN: tuple[int, dict[str, object]] = (404, {"error": "no such session"})
OVER: tuple[int, dict[str, object]] = (409, {"error": "over already"})


def test_a_session_is_on_record_until_it_is_over(tmp_path: Path, controller: SmallController) -> None:
    note = tmp_path / "session-1.json"
    answer = own(note, controller)
    assert (answer["status"], json.loads(answer["body"])) == (200, {"sessionId": "s1"})
    assert json.loads(note.read_text())["session"] == "s1"
    assert sessions.end_session(note) == (True, "cancelled session s1")
    assert (controller.live, list(tmp_path.iterdir())) == ([], [])


def test_a_refused_request_leaves_no_record(tmp_path: Path, controller: SmallController) -> None:
    answer = own(tmp_path / "session-1.json", controller, body="{}")
    assert (answer["status"], list(tmp_path.iterdir())) == (400, [])


def test_a_request_that_nobody_heard_leaves_no_record(tmp_path: Path) -> None:
    with small_controller() as gone:
        pass
    answer = own(tmp_path / "session-1.json", gone)
    assert "ConnectionRefusedError" in answer["error"]
    assert list(tmp_path.iterdir()) == []


def test_a_request_without_an_answer_is_told_once(tmp_path: Path, controller: SmallController) -> None:
    controller.hold.clear()
    note = tmp_path / "session-1.json"
    assert "error" in own(note, controller, limit_s=0.2)
    over, line = sessions.end_session(note)
    assert not over
    assert "whether there is one was never heard" in line
    assert not note.exists()


def end(
    folder: Path, controller: SmallController, *, patience_s: float = 0, **then: Any
) -> tuple[bool, bool, str]:
    """Own a session, and end it as the controller then is: over or not, on record or not, and a line."""
    note = folder / "session-1.json"
    own(note, controller)
    for name, value in then.items():
        setattr(controller, name, value)
    over, line = sessions.end_session(note, patience_s=patience_s)
    return over, note.exists(), line


@pytest.mark.parametrize("refusal", [NO_ROUTE, UNKNOWN, OVER])
def test_a_session_that_is_seen_to_be_over_is_nothing_to_tell(
    tmp_path: Path, controller: SmallController, refusal: tuple[int, dict[str, object] | str]
) -> None:
    seen = end(tmp_path, controller, sessions={"s1": "completed"}, cancels=refusal)
    assert seen == (True, False, "")


@pytest.mark.parametrize("refusal", [NO_ROUTE, UNKNOWN, OVER])
def test_a_refusal_to_cancel_is_no_end_of_a_session_that_goes_on(
    tmp_path: Path, controller: SmallController, refusal: tuple[int, dict[str, object] | str]
) -> None:
    """There is no such route, or the controller has started anew and forgotten what it had launched."""
    over, kept, line = end(tmp_path, controller, cancels=refusal)
    assert (over, kept) == (False, True)
    assert line.startswith("could not cancel session s1: ")
    assert f"/cancel answered {refusal[0]}: " in line
    assert '"status": "ready"' in line


def test_a_row_that_follows_the_end_of_its_vm_is_waited_for(
    tmp_path: Path, controller: SmallController
) -> None:
    rows = ["ready", "cancelled"]
    assert end(tmp_path, controller, patience_s=5, cancels=OVER, shows=rows) == (True, False, "")


def test_a_look_that_nobody_answers_is_taken_again(
    tmp_path: Path, controller: SmallController, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As a busy controller answers one too late."""
    asked, ask = [], sessions.ask

    def once_late(method: str, url: str, *words: Any, **limits: Any) -> dict[str, Any]:
        asked.append(url.rpartition("/")[2])
        if asked == ["start", "cancel", "s1"]:
            raise TimeoutError("timed out")
        return ask(method, url, *words, **limits)

    monkeypatch.setattr(sessions, "ask", once_late)
    seen = end(tmp_path, controller, patience_s=5, sessions={"s1": "completed"}, cancels=OVER)
    assert seen == (True, False, "")
    assert asked == ["start", "cancel", "s1", "s1"]


def test_the_next_run_waits_for_no_row(tmp_path: Path, controller: SmallController) -> None:
    """There may be many such notes, and each is asked about again and again."""
    over, kept, line = end(tmp_path, controller, cancels=OVER, shows=["ready", "cancelled"])
    assert (over, kept) == (False, True)
    assert '"status": "ready"' in line


def test_a_session_that_the_controller_forgot_is_told_once(
    tmp_path: Path, controller: SmallController
) -> None:
    """Nobody can cancel it any more, and that its VM is gone was not seen."""
    told = "the controller no longer knows session s1; whether its VM is gone was not seen"
    assert end(tmp_path, controller, sessions={}) == (True, False, told)


def test_a_server_that_has_none_of_the_routes_ends_no_session(
    tmp_path: Path, controller: SmallController
) -> None:
    over, kept, line = end(tmp_path, controller, sessions={}, cancels=NO_ROUTE)
    assert (over, kept) == (False, True)
    assert "Cannot POST" in line


def test_a_session_that_cannot_be_cancelled_stays_on_record(
    tmp_path: Path, controller: SmallController
) -> None:
    over, kept, line = end(tmp_path, controller, refuse_cancel=True)
    assert (over, kept) == (False, True)
    assert "could not cancel session s1" in line
    assert "it clings to life" in line


def test_a_controller_that_comes_back_is_waited_for(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    note = tmp_path / "session-1.json"
    url = f"http://127.0.0.1:{port}/{{session}}"
    urls = {"show": url, "cancel": f"{url}/cancel", "finished": FINISHED}
    note.write_text(json.dumps({**urls, "session": "s1", "end_s": 5, "asked": 0, "body": ""}))
    over, line = sessions.end_session(note, patience_s=0.3)
    assert (over, note.exists()) == (False, True)
    assert "ConnectionRefusedError" in line
