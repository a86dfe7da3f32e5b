"""No session of a run outlives it: cancelled by its custodian, or by the next run's reaper; and no other."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import ssl
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from harness import custodian, custodian_session, netns, reaper
from harness.custodian import Custodian
from harness.errors import SshError, TransportError
from harness.host import Host
from harness.owned_sessions import control_api
from harness.site import Site
from tests.unit.small_controller import SmallController, small_controller
from tests.unit.web_peer import web_peer

BODY = json.dumps({"userId": "u", "provider": "codex"})
FINISHED = ["completed", "cancelled"]
NO_ROUTE = (404, "<pre>Cannot POST /api/auth/session/s1/cancel</pre>")
UNKNOWN: tuple[int, dict[str, object]] = (404, {"error": "no such session"})
OVER: tuple[int, dict[str, object]] = (409, {"error": "over already"})


@pytest.fixture
def controller() -> Iterator[SmallController]:
    """A controller."""
    with small_controller() as running:
        yield running


def request(controller: SmallController, body: str = BODY, limit_s: float = 10) -> dict[str, Any]:
    """A request for a session."""
    show = f"{controller.url}/api/auth/session/{{session}}"
    urls = {"url": f"{controller.url}/api/auth/start", "session_url": show, "cancel_url": f"{show}/cancel"}
    return {**urls, "finished": FINISHED, "body": body, "limit_s": limit_s, "end_s": 1}


def start(note: Path, controller: SmallController, **changed: Any) -> dict[str, Any]:
    """Ask for a session, and own it."""
    return custodian_session.start(note, **request(controller, **changed))


def test_a_session_is_on_record_until_it_is_over(tmp_path: Path, controller: SmallController) -> None:
    note = tmp_path / "session-1.json"
    answer = start(note, controller)
    assert (answer["status"], json.loads(answer["body"])) == (200, {"sessionId": "s1"})
    assert json.loads(note.read_text())["session"] == "s1"
    assert custodian_session.end(note) == (True, "cancelled session s1")
    assert (controller.live, list(tmp_path.iterdir())) == ([], [])


def test_a_refused_request_leaves_no_record(tmp_path: Path, controller: SmallController) -> None:
    answer = start(tmp_path / "session-1.json", controller, body="{}")
    assert (answer["status"], list(tmp_path.iterdir())) == (400, [])


def test_a_request_that_nobody_heard_leaves_no_record(tmp_path: Path) -> None:
    with small_controller() as gone:
        pass
    answer = start(tmp_path / "session-1.json", gone)
    assert "ConnectionRefusedError" in answer["error"]
    assert list(tmp_path.iterdir()) == []


def test_a_request_without_an_answer_is_told_once(tmp_path: Path, controller: SmallController) -> None:
    controller.hold.clear()
    note = tmp_path / "session-1.json"
    assert "error" in start(note, controller, limit_s=0.2)
    over, line = custodian_session.end(note)
    assert not over
    assert "whether there is one was never heard" in line
    assert not note.exists()


@pytest.mark.parametrize("refusal", [NO_ROUTE, UNKNOWN, OVER])
def test_a_session_that_is_seen_to_be_over_is_nothing_to_tell(
    tmp_path: Path, controller: SmallController, refusal: tuple[int, dict[str, object] | str]
) -> None:
    note = tmp_path / "session-1.json"
    start(note, controller)
    controller.sessions, controller.cancels = {"s1": "completed"}, refusal
    assert custodian_session.end(note) == (True, "")
    assert not note.exists()


@pytest.mark.parametrize("refusal", [NO_ROUTE, UNKNOWN, OVER])
def test_a_refusal_to_cancel_is_no_end_of_a_session_that_goes_on(
    tmp_path: Path, controller: SmallController, refusal: tuple[int, dict[str, object] | str]
) -> None:
    """There is no such route, or the controller has started anew and forgotten what it had launched."""
    note = tmp_path / "session-1.json"
    start(note, controller)
    controller.cancels = refusal
    over, line = custodian_session.end(note)
    assert (over, note.exists()) == (False, True)
    assert line.startswith("could not cancel session s1: ")
    assert f"/cancel answered {refusal[0]}: " in line
    assert '"status": "ready"' in line


def test_a_row_that_follows_the_end_of_its_vm_is_waited_for(
    tmp_path: Path, controller: SmallController
) -> None:
    note = tmp_path / "session-1.json"
    start(note, controller)
    controller.cancels, controller.shows = OVER, ["ready", "cancelled"]
    assert custodian_session.end(note, patience_s=5) == (True, "")


def test_the_next_run_waits_for_no_row(tmp_path: Path, controller: SmallController) -> None:
    """There may be many such notes, and each is asked about again and again."""
    note = tmp_path / "session-1.json"
    start(note, controller)
    controller.cancels, controller.shows = OVER, ["ready", "cancelled"]
    over, line = custodian_session.end(note)
    assert (over, note.exists()) == (False, True)
    assert '"status": "ready"' in line


def test_a_session_that_the_controller_forgot_is_told_once(
    tmp_path: Path, controller: SmallController
) -> None:
    """Nobody can cancel it any more, and that its VM is gone was not seen."""
    note = tmp_path / "session-1.json"
    start(note, controller)
    controller.sessions = {}
    over, line = custodian_session.end(note)
    assert (over, note.exists()) == (True, False)
    assert line == "the controller no longer knows session s1; whether its VM is gone was not seen"


def test_a_server_that_has_none_of_the_routes_ends_no_session(
    tmp_path: Path, controller: SmallController
) -> None:
    note = tmp_path / "session-1.json"
    start(note, controller)
    controller.sessions, controller.cancels = {}, NO_ROUTE
    over, line = custodian_session.end(note)
    assert (over, note.exists()) == (False, True)
    assert "Cannot POST" in line


def test_a_session_that_cannot_be_cancelled_stays_on_record(
    tmp_path: Path, controller: SmallController
) -> None:
    note = tmp_path / "session-1.json"
    start(note, controller)
    controller.refuse_cancel = True
    over, line = custodian_session.end(note)
    assert (over, note.exists()) == (False, True)
    assert "could not cancel session s1" in line
    assert "it clings to life" in line


def test_a_controller_that_comes_back_is_waited_for(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    note = tmp_path / "session-1.json"
    url = f"http://127.0.0.1:{port}/{{session}}"
    urls = {"show": url, "cancel": f"{url}/cancel", "finished": FINISHED}
    note.write_text(json.dumps({**urls, "session": "s1", "end_s": 5, "asked": 0, "body": ""}))
    over, line = custodian_session.end(note, patience_s=0.3)
    assert (over, note.exists()) == (False, True)
    assert "ConnectionRefusedError" in line


@pytest.fixture
def runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Folders in place of /run and /run/netns."""
    for name in ("run", "netns", "disks"):
        (tmp_path / name).mkdir()
    monkeypatch.setattr(reaper, "RUNS", tmp_path / "run")
    monkeypatch.setattr(netns, "NAMES", tmp_path / "netns")
    return tmp_path


def leave(runs: Path, run: str, controller: SmallController, *, alive: bool) -> Path:
    """A run with a session of its own; its note."""
    folder = runs / "run" / run
    folder.mkdir()
    owner = {"pid": os.getpid(), "start": reaper.start_time(os.getpid()) if alive else 1}
    (folder / "owner.json").write_text(json.dumps(owner))
    start(folder / "session-1.json", controller)
    return folder / "session-1.json"


def test_the_reaper_cancels_what_a_dead_run_left_and_nothing_else(
    runs: Path, controller: SmallController
) -> None:
    leave(runs, "acc-00dead", controller, alive=False)
    note = leave(runs, "acc-00a11e", controller, alive=True)
    controller.sessions["somebody's"] = "ready"
    lines = reaper.reap(runs / "disks")
    assert controller.sessions == {"s1": "cancelled", "s2": "ready", "somebody's": "ready"}
    assert "cancelled session s1" in lines
    assert [path.name for path in (runs / "run").iterdir()] == ["acc-00a11e"]
    assert note.exists()


def test_the_reaper_keeps_the_record_of_what_it_could_not_cancel(
    runs: Path, controller: SmallController
) -> None:
    note = leave(runs, "acc-00dead", controller, alive=False)
    controller.refuse_cancel = True
    assert any("could not cancel session s1" in line for line in reaper.reap(runs / "disks"))
    assert note.exists()
    controller.refuse_cancel = False
    assert "cancelled session s1" in reaper.reap(runs / "disks")
    assert not note.parent.exists()


_MOVED = "module.main(*sys.argv[2:])"


@contextmanager
def custodian_of(runs: Path) -> Iterator[Custodian]:
    """A custodian as a host has it, but for where it keeps its notes."""
    here = f"""
sys.modules['harness.reaper'].RUNS = __import__('pathlib').Path({str(runs / "run")!r})
sys.modules['harness.netns'].NAMES = __import__('pathlib').Path({str(runs / "netns")!r})
"""
    program = custodian.program().decode().replace(_MOVED, here + _MOVED).encode()
    words = custodian.command(len(program), "acc-00a11e", str(runs / "disks" / "acc-00a11e"))
    process = subprocess.Popen(
        [sys.executable, *words[1:]],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    owner = Custodian(process, program, timeout_s=20, explain=SshError)
    try:
        yield owner
    finally:
        owner.close()


def test_the_custodian_cancels_its_sessions_when_its_input_ends(
    runs: Path, controller: SmallController
) -> None:
    with custodian_of(runs) as owner:
        for _ in range(2):
            owner.ask("start_session", timeout_s=10, **request(controller))
        assert controller.live == ["s1", "s2"]
        assert owner.close() == ""
    assert controller.live == []
    assert list((runs / "run").iterdir()) == []


def test_a_launch_under_way_is_waited_for_and_cancelled(runs: Path, controller: SmallController) -> None:
    """Whoever asked was killed in the middle of it."""
    controller.hold.clear()
    with custodian_of(runs) as owner:
        owner.begin("start_session", **request(controller))
        assert controller.asked.wait(10)
        assert owner._process.stdin is not None
        owner._process.stdin.close()
        controller.hold.set()
        assert owner.close() == ""
    assert controller.sessions == {"s1": "cancelled"}


def test_what_a_killed_custodian_had_is_the_next_ones_to_cancel(
    runs: Path, controller: SmallController
) -> None:
    with custodian_of(runs) as owner:
        owner.ask("start_session", timeout_s=10, **request(controller))
        os.kill(owner.facts["pid"], signal.SIGKILL)
        owner.close(timeout_s=5)
    assert controller.live == ["s1"]
    assert "cancelled session s1" in reaper.reap(runs / "disks")
    assert controller.live == []


def test_what_the_custodian_cannot_cancel_it_says_and_leaves_on_record(
    runs: Path, controller: SmallController
) -> None:
    with custodian_of(runs) as owner:
        owner.ask("start_session", timeout_s=10, **request(controller))
        controller.refuse_cancel = True
        assert "could not cancel session s1" in owner.close()
    assert (runs / "run" / "acc-00a11e" / "session-1.json").exists()


def test_a_controller_may_speak_tls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where its certificate is one that this machine trusts, and names it."""
    certificate, key, way = tmp_path / "cert.pem", tmp_path / "key.pem", tmp_path / "way"
    make = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 1 -subj /CN=c"
    subject = [
        "-addext",
        "subjectAltName=DNS:controller.example",
        "-keyout",
        str(key),
        "-out",
        str(certificate),
    ]
    subprocess.run([*make.split(), *subject], check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    site = Site.model_validate({"name": "x", "controller": {"url": "https://controller.example:4000"}})
    host = cast(Host, SimpleNamespace(site=site, forward=lambda _: way))
    with web_peer(way, {"/api/auth/sessions": (200, {}, "{}")}, tls=context):
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
        with contextlib.closing(control_api(host)) as api:
            assert api.sessions().status_code == 200
        monkeypatch.delenv("SSL_CERT_FILE")
        with contextlib.closing(control_api(host)) as api, pytest.raises(TransportError, match="CERTIFICATE"):
            api.sessions()
