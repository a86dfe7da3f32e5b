"""The health of a session's VM, against an agent and a controller that are laid down."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import httpx
import pytest

from harness.host.hypervisor import Hypervisor
from harness.session import launch
from harness.session.control_api import ControlApi
from harness.session.launch import Session
from harness.session.life import health_in_time
from harness.site.profile import Site
from harness.transport.http import transport_over
from tests.unit.peers.web_peer import Answer, web_peer

SITE = Site.model_validate({"name": "nowhere", "session": {"launch_s": 600}, "guest": {"request_s": 60}})
ROW = "/api/auth/session/s"
OK: Answer = (200, {}, "{}")
BUSY: Answer = (503, {}, "not yet")


@pytest.fixture
def answers() -> dict[str, Answer]:
    """What agent and controller answer now."""
    return {"/health": BUSY, ROW: (200, {}, '{"session": {"status": "ready"}}')}


@pytest.fixture
def session(answers: dict[str, Answer], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Session]:
    """A session that was just answered."""
    monkeypatch.setattr(launch, "_GOING_POLL_S", 0)
    with web_peer(tmp_path / "peer", answers):
        api = ControlApi(transport_over(tmp_path / "peer", "http://controller"), base_url="http://controller")
        answer = httpx.Response(200, json={"sessionId": "s", "browserIP": "192.168.100.7"})
        yield Session(api, SITE, user_id="user", provider="codex", answer=answer, took_s=0)


@pytest.fixture
def host(tmp_path: Path) -> Hypervisor:
    """A host from which every way leads to that peer."""
    there: Any = SimpleNamespace(forward=lambda _: tmp_path / "peer")
    return cast("Hypervisor", there)


def test_a_ready_session_whose_agent_still_comes_up_has_its_time(
    session: Session, host: Hypervisor, answers: dict[str, Answer]
) -> None:
    timer = threading.Timer(0.2, lambda: answers.update({"/health": OK}))
    timer.start()
    assert health_in_time(session, host) == (200, "{}")
    timer.join()


def test_the_time_for_the_launch_is_all_it_has(session: Session, host: Hypervisor) -> None:
    """And then it is looked at once."""
    session.born_at -= 601
    assert health_in_time(session, host) == (503, "not yet")


def test_the_health_of_a_session_that_is_over_is_not_waited_for(
    session: Session, host: Hypervisor, answers: dict[str, Answer]
) -> None:
    answers[ROW] = (200, {}, '{"session": {"status": "failed", "error_message": "lost"}}')
    assert health_in_time(session, host) == (0, "session s is over: it is 'failed' (lost)")
