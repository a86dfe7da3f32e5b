"""A session's note: there before the session is, and gone only when it is seen to be over."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from harness.custodian import exchange, launches, sessions
from harness.custodian.exchange import NoAnswer
from tests.unit.peers.crooked_controller import CROOKED, Behaviour, crooked_controller, says
from tests.unit.peers.ports import free_port
from tests.unit.peers.small_controller import BODY, FINISHED, SmallController, own, small_controller


def start(note: Path, url: str, limit_s: float = 60) -> dict[str, Any]:
    """Ask whoever listens there for a session."""
    return sessions.start_session(
        note,
        url=f"{url}/start",
        session_url=f"{url}/{{session}}",
        cancel_url=f"{url}/{{session}}/cancel",
        body=BODY,
        finished=FINISHED,
        limit_s=limit_s,
        end_s=60,
    )


def record(note: Path, url: str, end_s: float = 60) -> None:
    """Put a session on record that is said to be there."""
    launches.Launch(
        show=f"{url}/{{session}}",
        cancel=f"{url}/{{session}}/cancel",
        finished=FINISHED,
        end_s=end_s,
        limit_s=1,
        asked=0,
        body=BODY,
        user="u",
        session="s1",
    ).write(note)


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


@pytest.mark.usefixtures("timed_once_reached")
def test_a_request_without_an_answer_is_told_until_it_is_settled(
    tmp_path: Path, controller: SmallController
) -> None:
    controller.hold.clear()
    note = tmp_path / "session-1.json"
    assert "error" in own(note, controller, limit_s=0.2)
    for _ in range(2):
        over, line = sessions.end_session(note)
        assert not over
        assert "whether there is one was never heard: TimeIsUp: POST http://" in line
        assert line.endswith(f"then: sudo rm -f -- {note}")
    (launch,) = launches.unsettled(tmp_path).values()
    assert (launch.user, launch.ended) == ("u", False)
    assert sessions.settle(note, []) == []
    assert list(tmp_path.iterdir()) == []


@dataclass(frozen=True)
class Answered:
    """What a request for a session may be answered, and what is known by it."""

    text: bytes
    session: str | None = None
    refused: bool = False
    ended: bool = False


def http(status: str, body: str, *headers: str) -> bytes:
    """An answer as it goes over the wire."""
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body.encode())}", *headers, "", body]
    return "\r\n".join(lines).encode()


ANSWERS = {
    "200 with an id": Answered(http("200 OK", '{"sessionId": "s1"}'), session="s1"),
    "201 with an id": Answered(http("201 Created", '{"sessionId": "s1"}'), session="s1"),
    "500 with an id": Answered(http("500 X", '{"error": "no", "sessionId": "s1"}'), session="s1"),
    "409 with an id": Answered(http("409 X", '{"error": "no", "sessionId": "s1"}'), session="s1"),
    "200 without an id": Answered(http("200 OK", "{}")),
    "200 with an empty id": Answered(http("200 OK", '{"sessionId": ""}')),
    "200 with a number for an id": Answered(http("200 OK", '{"sessionId": 7}')),
    "200 with an id of 5,000 characters": Answered(http("200 OK", f'{{"sessionId": "{"x" * 5000}"}}')),
    "200 with a list": Answered(http("200 OK", "[]")),
    "200 with a page": Answered(http("200 OK", "<html>log in</html>")),
    "200 nested 5,000 deep": Answered(http("200 OK", "[" * 5000)),
    "200 cut short in its headers": Answered(b"HTTP/1.1 200 OK\r\nX: "),
    "204": Answered(http("204 No Content", "")),
    "301": Answered(http("301 X", "", "Location: http://127.0.0.1:1/")),
    "307": Answered(http("307 X", '{"error": "elsewhere"}', "Location: http://127.0.0.1:1/")),
    "400 by the API": Answered(http("400 X", '{"error": "userId is required"}'), refused=True),
    "401 by the API": Answered(http("401 X", '{"error": "who are you"}'), refused=True),
    "409 by the API": Answered(http("409 X", '{"error": "one is enough"}'), refused=True),
    "429 by the API": Answered(http("429 X", '{"error": "too many"}'), refused=True),
    "408": Answered(http("408 X", '{"error": "too slow"}')),
    "403 by a proxy": Answered(http("403 X", "<html>no</html>")),
    "404 by the API": Answered(http("404 X", '{"error": "no such user"}'), refused=True),
    "404 by a proxy, in JSON": Answered(http("404 X", '{"message": "no Route matched"}')),
    "409 by a proxy, in JSON": Answered(http("409 X", '{"message": "asked twice", "retry": true}')),
    "409 without an error": Answered(http("409 X", '{"error": "", "code": 409}')),
    "422 in other words": Answered(http("422 X", '{"detail": "userId is missing"}'), refused=True),
    "403 by a proxy, in JSON": Answered(http("403 X", '{"message": "no"}'), refused=True),
    "404 by another server": Answered(http("404 X", "<pre>Cannot POST</pre>")),
    "413 without a word": Answered(http("413 X", "")),
    "500 by the API": Answered(http("500 X", '{"error": "VM health check timeout"}'), ended=True),
    "500 by a proxy": Answered(http("500 X", "<html>oops</html>")),
    "502": Answered(http("502 X", "<html>bad gateway</html>")),
    "503": Answered(http("503 X", '{"error": "busy"}')),
    "504": Answered(http("504 X", '{"error": "upstream timed out"}')),
}


@pytest.mark.parametrize("answered", ANSWERS.values(), ids=ANSWERS)
def test_only_a_refusal_of_the_apis_own_takes_a_launch_off_the_record(
    tmp_path: Path, answered: Answered
) -> None:
    note = tmp_path / "session-1.json"
    with crooked_controller(says(answered.text)) as url:
        launch = start(note, url)
    assert "status" in launch
    assert note.exists() is not answered.refused
    if not answered.refused:
        on_record = launches.Launch.read(note)
        assert (on_record.session, on_record.ended) == (answered.session, answered.ended)
        assert (on_record.heard is None) is (answered.session is not None)


@pytest.mark.usefixtures("timed_once_reached")
@pytest.mark.parametrize("behaviour", CROOKED.values(), ids=CROOKED)
def test_no_answer_leaves_a_launch_on_record(tmp_path: Path, behaviour: Behaviour) -> None:
    note = tmp_path / "session-1.json"
    with crooked_controller(behaviour) as url:
        answer = start(note, url, limit_s=0.5)
    launch = launches.Launch.read(note)
    assert (launch.session, launch.heard, launch.ended) == (None, answer["error"], False)


@pytest.mark.parametrize("behaviour", CROOKED.values(), ids=CROOKED)
def test_a_cancel_that_is_not_answered_is_no_end(tmp_path: Path, behaviour: Behaviour) -> None:
    note = tmp_path / "session-1.json"
    with crooked_controller(behaviour) as url:
        record(note, url, end_s=0.5)
        over, line = sessions.end_session(note)
    assert (over, note.exists()) == (False, True)
    assert line.startswith("could not cancel session s1: ")


def test_a_page_in_place_of_an_answer_is_no_end(tmp_path: Path) -> None:
    """As one gets from a proxy that wants a login."""
    note = tmp_path / "session-1.json"
    with crooked_controller(says(http("200 OK", "<html>log in</html>"))) as url:
        record(note, url)
        over, line = sessions.end_session(note)
    assert (over, note.exists()) == (False, True)
    assert "answered 200: <html>log in</html>" in line


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A folder on a disk of a few pages."""
    folder = tmp_path / "small"
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=32k", "none", str(folder)], check=True)
    try:
        yield folder
    finally:
        subprocess.run(["umount", str(folder)], check=True)


@pytest.mark.parametrize("refuse_cancel", [False, True])
def test_a_session_whose_id_no_disk_has_room_for_is_ended_at_once(
    small_disk: Path, controller: SmallController, monkeypatch: pytest.MonkeyPatch, refuse_cancel: bool
) -> None:
    note = small_disk / "session-1.json"
    answer = controller.answer

    def fill(path: str, body: str) -> Any:
        with (small_disk / "fill").open("ab", buffering=0) as file, contextlib.suppress(OSError):
            while True:
                file.write(b"x" * 512)
        return answer(path, body)

    monkeypatch.setattr(controller, "answer", fill)
    controller.refuse_cancel = refuse_cancel
    said = own(note, controller)
    assert "session s1 could not be recorded: [Errno 28] No space left" in said["error"]
    assert ("it clings to life" in said["error"]) is refuse_cancel
    assert controller.live == (["s1"] if refuse_cancel else [])
    assert note.exists() is refuse_cancel
    assert [path.name for path in small_disk.glob(".*")] == []


def test_nothing_is_asked_for_where_it_cannot_be_recorded(
    small_disk: Path, controller: SmallController
) -> None:
    with (small_disk / "fill").open("ab", buffering=0) as file, contextlib.suppress(OSError):
        while True:
            file.write(b"x" * 512)
    with pytest.raises(OSError, match="No space left"):
        own(small_disk / "session-1.json", controller)
    assert controller.requests == []
    assert [path.name for path in small_disk.iterdir()] == ["fill"]


@pytest.mark.usefixtures("timed_once_reached")
def test_sessions_that_were_found_are_owned_and_cancelled(
    tmp_path: Path, controller: SmallController
) -> None:
    note = tmp_path / "session-1.json"
    controller.hold.clear()
    own(note, controller, limit_s=0.2)
    controller.hold.set()
    controller.sessions |= {"s8": "ready", "s9": "ready"}
    controller.refuse_cancel = True
    lines = sessions.settle(note, ["s8", "s9"])
    assert [line[:27] for line in lines] == ["could not cancel session s8", "could not cancel session s9"]
    assert (launches.unsettled(tmp_path), launches.sessions_on_record(tmp_path)) == ({}, ["s8", "s9"])
    controller.refuse_cancel = False
    assert [sessions.end_session(one)[0] for one in sorted(tmp_path.iterdir())] == [True, True]


CROOKED_NOTES: dict[str, Callable[[Path], object]] = {
    "empty": lambda note: note.touch(),
    "half": lambda note: note.write_text('{"session": "s'),
    "a list": lambda note: note.write_text("[]"),
    "nothing in it": lambda note: note.write_text("{}"),
    "other types": lambda note: note.write_text('{"session": ["s1"], "finished": 1, "show": 2}'),
    "an older one": lambda note: note.write_text(
        '{"session": null, "finished": [], "show": "", "cancel": "", "end_s": 1, "asked": 0, "body": ""}'
    ),
    "bytes": lambda note: note.write_bytes(bytes(range(256))),
    "deep": lambda note: note.write_text("[" * 50_000),
    "long": lambda note: note.write_text('{"session": "' + "x" * 1_000_000 + '"}'),
    "a folder": lambda note: note.mkdir(),
    "a link to nowhere": lambda note: note.symlink_to("/nowhere"),
    "a link to a device": lambda note: note.symlink_to("/dev/zero"),
    "a pipe": os.mkfifo,
}


@pytest.mark.parametrize("lay", CROOKED_NOTES.values(), ids=CROOKED_NOTES)
def test_a_note_that_is_none_is_told_and_left(tmp_path: Path, lay: Callable[[Path], object]) -> None:
    note = tmp_path / "session-1.json"
    lay(note)
    over, line = sessions.end_session(note)
    assert not over
    assert os.path.lexists(note)
    assert line.startswith(f"{note}: session-1.json")
    assert line.endswith(f"then: sudo rm -f -- {note}")
    assert (launches.unsettled(tmp_path), launches.sessions_on_record(tmp_path)) == ({}, [])


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
    assert end(tmp_path, controller, patience_s=60, cancels=OVER, shows=rows) == (True, False, "")


def test_a_look_that_nobody_answers_is_taken_again(
    tmp_path: Path, controller: SmallController, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As a busy controller answers one too late."""
    asked, ask = [], exchange.ask

    def once_late(method: str, url: str, *words: Any, **limits: Any) -> dict[str, Any]:
        asked.append(url.rpartition("/")[2])
        if asked == ["start", "cancel", "s1"]:
            raise NoAnswer("timed out")
        return ask(method, url, *words, **limits)

    monkeypatch.setattr(sessions, "ask", once_late)
    seen = end(tmp_path, controller, patience_s=60, sessions={"s1": "completed"}, cancels=OVER)
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
    port = free_port()
    note = tmp_path / "session-1.json"
    record(note, f"http://127.0.0.1:{port}")
    over, line = sessions.end_session(note, patience_s=0.3)
    assert (over, note.exists()) == (False, True)
    assert "ConnectionRefusedError" in line
