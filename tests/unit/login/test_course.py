"""Logins followed to their end, against a small control API."""

from __future__ import annotations

import io
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from rich.console import Console

from harness.database.whole_rows import SessionRows
from harness.errors import NoAnswerError, SessionError, TransportError
from harness.login.attended import wait_for_person
from harness.login.course import LoginEnd, ask_afterwards, follow, has_credentials, with_its_end
from harness.session import launch
from harness.session.authorization import login_address
from harness.session.control_api import ControlApi
from harness.session.launch import Session
from harness.site.profile import Site
from harness.transport.http import transport_over
from harness.world.vm_end import VmEnd
from tests.unit.peers.web_peer import Answer, web_peer

pytestmark = pytest.mark.usefixtures("forgetful")
VM = "vm-6b03852d-0631-4f91-ae8a-fd352348e9c2"
ID = "11111111-2222-4333-8444-555555555555"
PATH = f"/api/auth/session/{ID}"
URL = "http://192.0.2.9/auth?state=st4te&code_challenge=abc"
SITE = Site.model_validate({"name": "nowhere", "session": {"window_s": 0.4, "attended_s": 1.5}})


def json_answer(body: Any, status: int = 200) -> Answer:
    """A prepared answer."""
    return status, {"Content-Type": "application/json"}, json.dumps(body)


@pytest.fixture
def answers() -> dict[str, Answer]:
    """What the API answers now."""
    return {
        PATH: json_answer({"session": {"status": "awaiting_user_auth", "browser_vm_id": VM}}),
        f"{PATH}/oauth-url": json_answer({"oauthUrl": URL}),
        f"{PATH}/credentials/status": json_answer({"authenticated": False}),
    }


@pytest.fixture
def session(answers: dict[str, Answer], tmp_path: Path) -> Iterator[Session]:
    """A session of that API."""
    with web_peer(tmp_path / "api", answers):
        transport = transport_over(tmp_path / "api", "http://controller")
        answer = httpx.Response(200, json={"sessionId": ID, "novncURL": "http://h/novnc"})
        yield Session(
            ControlApi(transport, base_url="http://controller"),
            SITE,
            user_id="user",
            provider="codex",
            answer=answer,
            took_s=1,
        )


def test_an_address_is_waited_for(session: Session) -> None:
    assert login_address(session, timeout_s=1).challenge == "abc"


def test_no_address_is_an_error_that_says_what_was_answered(
    session: Session, answers: dict[str, Answer]
) -> None:
    answers[f"{PATH}/oauth-url"] = json_answer({"error": "not yet"}, 409)
    with pytest.raises(SessionError, match=r"no address to log in at: oauth-url answered 409.*not yet"):
        login_address(session, timeout_s=0.3)


def test_the_address_of_a_session_that_is_over_is_not_waited_for(
    session: Session, answers: dict[str, Answer]
) -> None:
    """Its reason is told at once, in either spelling."""
    answers[f"{PATH}/oauth-url"] = json_answer({"error": "no VM"}, 409)
    answers[PATH] = json_answer({"session": {"status": "failed", "errorMessage": "lost"}})
    began = time.monotonic()
    with pytest.raises(SessionError, match=r"no address to log in at: it is 'failed' \(lost\)"):
        login_address(session, timeout_s=60)
    assert time.monotonic() - began < 30


def test_an_answer_without_an_address_is_not_asked_for_again_once_the_session_is_over(
    session: Session, answers: dict[str, Answer]
) -> None:
    answers[f"{PATH}/oauth-url"] = json_answer({"success": True, "oauthUrl": None})
    answers[PATH] = json_answer({"session": {"status": "timeout"}})
    with pytest.raises(SessionError, match=r"it is 'timeout' \(no reason\)"):
        login_address(session, timeout_s=600)


def test_a_session_that_is_over_says_how_to_those_who_wait_for_it(
    session: Session, answers: dict[str, Answer], monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that goes on, is not shown, or whose controller says nothing, does not."""
    monkeypatch.setattr(launch, "_GOING_POLL_S", 0)
    for answer in (answers[PATH], json_answer({"error": "?"}, 404), (0, {}, "")):
        answers[PATH] = answer
        session.must_go_on()
    answers[PATH] = json_answer({"session": {"status": "failed", "error_message": "lost"}})
    with pytest.raises(SessionError, match=rf"session {ID} is over: it is 'failed' \(lost\)"):
        session.must_go_on()


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        ({"status": "failed", "error_message": "lost"}, "it is failed already (lost): no SSH"),
        ({"status": "cancelled"}, "it is cancelled already (no reason): no SSH"),
        ({"status": "ready"}, "no SSH"),
        (None, "no SSH"),
    ],
)
def test_trouble_with_a_vm_is_told_with_the_end_of_its_session(
    session: Session, answers: dict[str, Answer], row: dict[str, str] | None, expected: str
) -> None:
    answers[PATH] = json_answer({"session": row} if row else {"error": "?"}, 200 if row else 500)
    assert with_its_end(session, SessionError("no SSH")) == expected


def test_our_own_trouble_is_no_finding(session: Session, answers: dict[str, Answer]) -> None:
    """Unless the session is over: then it has lost its VM, and that is."""
    with pytest.raises(TransportError, match="no way"):
        with_its_end(session, TransportError("no way"))
    assert with_its_end(session, NoAnswerError("silence")) == "silence"
    answers[PATH] = json_answer({"session": {"status": "failed", "error_message": "lost"}})
    assert with_its_end(session, TransportError("no way")) == "it is failed already (lost): no way"


def test_a_failed_login_ends_with_its_reason(session: Session, answers: dict[str, Answer]) -> None:
    answers[PATH] = json_answer({"session": {"status": "failed", "error_message": "access_denied"}})
    ended = LoginEnd(session.id)
    follow(session, ended, timeout_s=1)
    assert (ended.status, ended.reason, ended.authenticated, ended.error) == (
        *("failed", "access_denied"),
        False,
        "",
    )


def test_credentials_that_were_ever_seen_are_not_forgotten(
    session: Session, answers: dict[str, Answer]
) -> None:
    answers[f"{PATH}/credentials/status"] = json_answer({"authenticated": True})
    ended = LoginEnd(session.id)
    follow(session, ended, timeout_s=0.3)
    answers[f"{PATH}/credentials/status"] = json_answer({"error": "gone"}, 409)
    assert ended.authenticated
    assert not has_credentials(session)
    assert ended.error == "0.3 s later the session was not over"


def test_credentials_that_could_not_be_asked_for_are_told_from_none(
    session: Session, answers: dict[str, Answer]
) -> None:
    answers[PATH] = json_answer({"session": {"status": "completed"}})
    answers[f"{PATH}/credentials/status"] = json_answer({"error": "gone"}, 409)
    ended = LoginEnd(session.id)
    follow(session, ended, timeout_s=1)
    assert (ended.authenticated, ended.no_word) == (False, 'answered 409: {"error": "gone"}')
    answers[f"{PATH}/credentials/status"] = json_answer({"authenticated": False})
    follow(session, ended, timeout_s=1)
    assert (ended.authenticated, ended.no_word) == (False, "")


def test_credentials_are_seen_while_a_person_logs_in(session: Session, answers: dict[str, Answer]) -> None:
    """The VM may be gone when the session is over, and nobody left to ask."""
    answers[f"{PATH}/credentials/status"] = json_answer({"authenticated": True})
    asked: list[str] = []

    def over() -> None:
        asked.append("")
        if len(asked) == 2:
            answers[PATH] = json_answer({"session": {"status": "completed"}})
            answers[f"{PATH}/credentials/status"] = json_answer({"error": "gone"}, 409)

    ended = LoginEnd(session.id)
    follow(session, ended, timeout_s=60, each=over)
    assert (ended.status, ended.authenticated) == ("completed", True)


def test_a_person_is_told_where_and_how_long(session: Session, answers: dict[str, Answer]) -> None:
    answers[PATH] = json_answer({"session": {"status": "completed", "browser_vm_id": VM}})
    answers[f"{PATH}/credentials/status"] = json_answer({"authenticated": True})
    shown = io.StringIO()
    ended = wait_for_person(session, Console(file=shown, width=80))
    assert URL in shown.getvalue()
    assert "http://h/novnc" in shown.getvalue()
    assert "within 1.5 s" in shown.getvalue()
    assert (ended.status, ended.authenticated, ended.error) == ("completed", True, "")
    assert ended.vm_id == VM


def test_a_person_who_does_not_come_leaves_it_as_it_is(session: Session) -> None:
    ended = wait_for_person(session, Console(file=io.StringIO()))
    assert (ended.status, ended.authenticated) == ("awaiting_user_auth", False)


GONE = VmEnd({}, SessionRows(None, {"status": "destroyed", "destroyed_at": "2026-01-01T00:00:00Z"}))
LASTING = f"{PATH}/credentials/status"


@pytest.fixture
def lasting(session: Session) -> Session:
    """That session, where the API promises its credentials for good."""
    fields = {"session": {"lasting_credentials_path": "/api/auth/session/{session}/credentials/status"}}
    session.site = Site.model_validate({"name": "nowhere", **fields})
    return session


@pytest.mark.parametrize(
    "told",
    [
        {"authenticated": True},
        {"success": True, "credentials": {"access_token": "t0ken"}},
        {"access_token": "t0ken"},
    ],
)
def test_credentials_that_outlive_their_vm_are_found(
    lasting: Session, answers: dict[str, Answer], told: dict[str, Any]
) -> None:
    answers[LASTING] = json_answer(told)
    assert ask_afterwards(lasting, LoginEnd(ID, vm_end=GONE)).afterwards == ""


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (json_answer({"error": "the VM is gone"}, 409), "answered 409: "),
        (json_answer({"authenticated": False}), "denies them: authenticated"),
        (json_answer({"success": True, "credentials": None}), "denies them: credentials"),
        (json_answer({"success": False, "error": "no VM"}), "denies them: success, error"),
        (json_answer({}), "without a JSON object that holds anything"),
        ((200, {}, "<html>t0ken</html>"), "without a JSON object that holds anything"),
        ((0, {}, ""), "no answer"),
    ],
)
def test_credentials_that_went_with_their_vm_are_missed(
    lasting: Session, answers: dict[str, Answer], answer: Answer, why: str
) -> None:
    answers[LASTING] = answer
    said = ask_afterwards(lasting, LoginEnd(ID, vm_end=GONE)).afterwards
    assert said is not None
    assert why in said
    assert "t0ken" not in said


def test_credentials_are_asked_for_once_the_vm_is_gone_and_where_they_are_promised(
    session: Session, lasting: Session
) -> None:
    there = VmEnd({"process": ["pid 7"]}, GONE.rows)
    for end in (there, None, SessionError("not watched")):
        assert ask_afterwards(lasting, LoginEnd(ID, vm_end=end)).afterwards is None
    session.site = SITE
    assert ask_afterwards(session, LoginEnd(ID, vm_end=GONE)).afterwards is None
