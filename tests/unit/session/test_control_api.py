"""The client of the control API: each call as documented, each answer as it came; and a session of it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import httpx
import pytest

from harness.errors import NoAnswerError, SessionError, TransportError
from harness.session.control_api import ControlApi, table_of
from harness.session.launch import Session, launch
from harness.site.profile import SessionSection, Site
from harness.transport.http import transport_over
from tests.unit.peers.fake_peer import FakePeer, answer, fake_peer

ID = "11111111-2222-4333-8444-555555555555"
VM = "vm-6b03852d-0631-4f91-ae8a-fd352348e9c2"
SITE = Site(name="x")
STARTED = json.dumps({"success": True, "sessionId": ID, "provider": "codex", "browserIP": "192.168.100.7"})

CALLS: dict[str, tuple[Callable[[ControlApi], httpx.Response], str]] = {
    "start": (lambda api: api.start({"userId": "u"}), 'POST /api/auth/start {"userId":"u"}'),
    "session": (lambda api: api.session("s"), "GET /api/auth/session/s"),
    "sessions": (lambda api: api.sessions(), "GET /api/auth/sessions"),
    "oauth_url": (lambda api: api.oauth_url("s"), "GET /api/auth/session/s/oauth-url"),
    "credentials": (lambda api: api.credentials_status("s"), "GET /api/auth/session/s/credentials/status"),
    "open_url": (
        lambda api: api.open_url("s", "http://x/"),
        'POST /api/auth/session/s/open-url {"url":"http://x/"}',
    ),
    "cancel": (lambda api: api.cancel("s"), "POST /api/auth/session/s/cancel {}"),
    "odd id": (lambda api: api.session("a/../b?c"), "GET /api/auth/session/a%2F..%2Fb%3Fc"),
}


@contextmanager
def controller(folder: Path, *answers: bytes) -> Iterator[tuple[ControlApi, FakePeer]]:
    """A client, and the controller it talks to, which gives these answers and hangs up."""
    path = folder / "s"
    with fake_peer(path, *answers) as peer:
        transport = transport_over(path, "http://127.0.0.1:4000")
        with closing(ControlApi(transport, base_url="http://127.0.0.1:4000", timeout_s=60)) as api:
            yield api, peer


def session(api: ControlApi) -> Session:
    """A session that was launched."""
    return launch(api, SITE, user_id="u")


def row(**columns: object) -> bytes:
    """The API's answer with a session's row."""
    return answer(200, json.dumps({"session": columns}))


@pytest.mark.parametrize(("call", "asked"), CALLS.values(), ids=CALLS.keys())
@pytest.mark.parametrize("status", [200, 404, 500])
def test_a_call_is_one_request_and_its_answer(
    tmp_path: Path, call: Callable[[ControlApi], httpx.Response], asked: str, status: int
) -> None:
    with controller(tmp_path, answer(status, '{"a": 1}')) as (api, peer):
        got = call(api)
        assert (got.status_code, table_of(got)) == (status, {"a": 1})
        assert peer.requests == [asked]
        assert len(api.traffic) == 1


def test_no_answer_says_where_it_was_looked_for(tmp_path: Path) -> None:
    with (
        controller(tmp_path) as (api, _),
        pytest.raises(NoAnswerError, match=r"GET http://127\.0\.0\.1:4000/api/auth/session/s"),
    ):
        api.session("s")


def test_a_launch_without_an_answer_is_no_session(tmp_path: Path) -> None:
    with controller(tmp_path) as (api, _), pytest.raises(SessionError, match="no answer: RemoteProtocol"):
        session(api)


def test_where_there_is_no_way_nothing_is_said_of_the_controller(tmp_path: Path) -> None:
    transport = transport_over(tmp_path / "nowhere", "http://127.0.0.1:4000")
    with closing(ControlApi(transport, base_url="http://127.0.0.1:4000")) as api:
        with pytest.raises(TransportError) as caught:
            session(api)
        assert not isinstance(caught.value, NoAnswerError)


def test_what_went_well_is_not_kept_in_the_traffic(tmp_path: Path) -> None:
    with controller(tmp_path, answer(200, '{"oauthUrl": "https://x/?state=hush"}')) as (api, _):
        api.oauth_url("s")
        assert "hush" not in "".join(api.traffic)


@pytest.mark.parametrize("body", ["", "[]", "no", '"x"'])
def test_an_answer_without_an_object_has_no_fields(tmp_path: Path, body: str) -> None:
    with controller(tmp_path, answer(200, body or " ")) as (api, _):
        assert table_of(api.session("s")) == {}


def test_a_launch_is_a_session(tmp_path: Path) -> None:
    with controller(tmp_path, answer(200, STARTED), row(browser_vm_id=VM)) as (api, peer):
        made = session(api)
        assert (made.id, made.address, made.vm_id) == (ID, "192.168.100.7", VM)
        assert made.vm_id == VM
        assert peer.requests == [
            'POST /api/auth/start {"userId":"u","provider":"codex"}',
            f"GET /api/auth/session/{ID}",
        ]


@pytest.mark.parametrize(("status", "body"), [(500, '{"error": "no room"}'), (200, "{}"), (200, "<html>")])
def test_a_launch_without_a_session_says_what_came(tmp_path: Path, status: int, body: str) -> None:
    with (
        controller(tmp_path, answer(status, body)) as (api, _),
        pytest.raises(SessionError, match=f"answered {status}: {body}"),
    ):
        session(api)


def test_a_session_told_from_memory_names_its_vm(tmp_path: Path) -> None:
    """In the spelling of a program, not of a table."""
    with controller(tmp_path, answer(200, STARTED), row(browserVMId=VM, status="ready")) as (api, _):
        assert session(api).vm_id == VM


def test_a_vm_that_the_api_does_not_tell_is_that_of_the_row(tmp_path: Path) -> None:
    asked: list[str] = []

    def find_row(session_id: str) -> dict[str, str]:
        asked.append(session_id)
        return {"browser_vm_id": VM}

    with controller(tmp_path, answer(200, STARTED), row(status="ready")) as (api, _):
        assert launch(api, SITE, user_id="u", find_row=find_row).vm_id == VM
    assert asked == [ID]


def test_a_launch_that_is_answered_at_once_is_waited_for(tmp_path: Path) -> None:
    """Until the session is ready, which counts as what the launch took."""
    answers = (answer(200, STARTED), row(status="vm_created"), row(status="vm_created"), row(status="ready"))
    with controller(tmp_path, *answers) as (api, peer):
        made = session(api)
        answered_s = made.took_s
        made.wait_ready()
        assert len(peer.requests) == 4
        assert made.took_s - answered_s > 0.9


def test_a_session_that_is_answered_when_it_is_ready_took_no_longer(tmp_path: Path) -> None:
    with controller(tmp_path, answer(200, STARTED), row(status="awaiting_user_auth")) as (api, _):
        made = session(api)
        answered_s = made.took_s
        made.wait_ready()
        assert made.took_s == answered_s


def test_a_session_that_ends_is_not_waited_for(tmp_path: Path) -> None:
    """Its status and its reason are told at once, in either spelling."""
    answers = (answer(200, STARTED), row(status="vm_created"), row(status="failed", errorMessage="no room"))
    with controller(tmp_path, *answers) as (api, _):
        made = session(api)
        with pytest.raises(SessionError, match=r"ended before it was ready: 'failed' \(no room\)"):
            made.wait_ready()


@pytest.mark.parametrize("unshown", [answer(404, '{"error": "unknown"}'), answer(200, "<html>")])
def test_a_session_that_is_not_shown_is_not_waited_for(tmp_path: Path, unshown: bytes) -> None:
    """Whoever looks at it says so."""
    with controller(tmp_path, answer(200, STARTED), unshown) as (api, peer):
        session(api).wait_ready()
        assert len(peer.requests) == 2


@pytest.mark.parametrize("busy", [429, 500, 503])
def test_a_controller_that_is_busy_for_a_moment_is_asked_again(tmp_path: Path, busy: int) -> None:
    answers = (answer(200, STARTED), answer(busy, '{"error": "later"}'), row(status="ready"))
    with controller(tmp_path, *answers) as (api, peer):
        session(api).wait_ready()
        assert len(peer.requests) == 3


@pytest.mark.parametrize("launch_s", [0.6, 1e-6], ids=["later", "as it is answered"])
def test_a_launch_whose_time_is_over_is_waited_for_no_longer(tmp_path: Path, launch_s: float) -> None:
    """That it took too long is what it is then held against."""
    impatient = Site(name="x", session=SessionSection(launch_s=launch_s))
    with controller(tmp_path, answer(200, STARTED), *[row(status="started")] * 9) as (api, _):
        made = launch(api, impatient, user_id="u")
        answered_s = made.took_s
        made.wait_ready()
        assert max(answered_s, launch_s) < made.took_s < 60


def test_the_end_of_a_session_is_asked_once(tmp_path: Path) -> None:
    with controller(tmp_path, answer(200, STARTED), answer(200, "{}")) as (api, peer):
        with session(api) as made:
            pass
        made.close()
        assert peer.requests[1:] == [f"POST /api/auth/session/{ID}/cancel {{}}"]


REFUSALS = [(404, '{"error": "unknown"}'), (404, "<pre>Cannot POST</pre>"), (409, '{"error": "over"}')]


@pytest.mark.parametrize(("status", "body"), REFUSALS)
def test_a_session_that_cannot_be_cancelled_is_over_where_its_row_says_so(
    tmp_path: Path, status: int, body: str
) -> None:
    answers = (answer(200, STARTED), answer(status, body), row(status="completed"))
    with controller(tmp_path, *answers) as (api, peer):
        with session(api) as made:
            pass
        made.close()
        assert peer.requests[2:] == [f"GET /api/auth/session/{ID}"]


@pytest.mark.parametrize(("status", "body"), REFUSALS)
@pytest.mark.parametrize(
    ("shown", "told"),
    [
        (row(status="ready"), "it is 'ready'"),
        (answer(404, '{"error": "unknown"}'), 'answered 404: {"error": "unknown"}; expected its row'),
    ],
)
def test_a_refusal_to_cancel_is_no_end(
    tmp_path: Path, status: int, body: str, shown: bytes, told: str
) -> None:
    """Also where nobody knows the session any more: nothing says that its VM is gone."""
    with controller(tmp_path, answer(200, STARTED), answer(status, body), shown) as (api, _):
        made = session(api)
        with pytest.raises(SessionError, match=f"could not be cancelled: answered {status}: ") as caught:
            made.close()
        assert told in caught.value.message


def test_a_session_that_was_seen_to_end_is_not_cancelled(tmp_path: Path) -> None:
    with controller(tmp_path, answer(200, STARTED), row(status="completed")) as (api, peer):
        with session(api) as made:
            made.row()
        assert len(peer.requests) == 2


def test_a_session_that_cannot_be_cancelled_is_trouble(tmp_path: Path) -> None:
    answers = (answer(200, STARTED), answer(500, '{"error": "no"}'), answer(200, "{}"))
    with controller(tmp_path, *answers) as (api, _):
        made = session(api)
        with pytest.raises(SessionError, match="could not be cancelled: answered 500"):
            made.close()
        made.close()


def test_a_session_cancelled_by_hand_is_not_cancelled_again(tmp_path: Path) -> None:
    with controller(tmp_path, answer(200, STARTED), answer(200, "{}")) as (api, peer):
        with session(api) as made:
            assert made.cancel().status_code == 200
        assert len(peer.requests) == 2
