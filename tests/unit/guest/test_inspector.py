"""The inspector client against a real Node.js process."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import threading
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import unix_connect
from websockets.sync.server import ServerConnection

from harness.errors import TransportError, WaitTimeoutError
from harness.guest.inspector import Inspector, inspector
from harness.wait import wait_until
from tests.unit.peers.listening import listens
from tests.unit.peers.misbehaving import MANNERS, Words, behave
from tests.unit.peers.web_peer import web_peer
from tests.unit.peers.websocket_peer import websocket_peer

PROGRAM = """
process.on('uncaughtException', (e) => { console.error('[FATAL]', e.message); process.exit(1); });
setInterval(() => {}, 1000);
console.log('up');
"""


@pytest.fixture
def node() -> Iterator[subprocess.Popen[str]]:
    """A Node.js process with its inspector on a free port of its own."""
    argv = ["node", "--inspect=127.0.0.1:0", "-e", PROGRAM]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


@pytest.fixture
def socket(node: subprocess.Popen[str], tmp_path: Path) -> Iterator[Path]:
    """The process's inspector as a unix socket, as a forward through SSH would give it."""
    assert node.stderr is not None
    port = node.stderr.readline().rsplit(":", 1)[1].split("/")[0]
    path = tmp_path / "inspector"
    relay = ["socat", f"UNIX-LISTEN:{path},fork", f"TCP:127.0.0.1:{port}"]
    with subprocess.Popen(relay) as process:
        try:
            wait_until(partial(listens, path), what="the relay", timeout_s=60)
            yield path
        finally:
            os.kill(process.pid, signal.SIGTERM)


def test_injected_exception_ends_the_process(node: subprocess.Popen[str], socket: Path) -> None:
    with inspector(socket) as session:
        session.evaluate("setTimeout(() => { throw new Error('probe'); }, 300), 0")
    assert node.wait(60) == 1
    assert node.stderr is not None
    assert "[FATAL] probe" in node.stderr.read()


def test_process_lives_on_after_a_session(node: subprocess.Popen[str], socket: Path) -> None:
    with inspector(socket) as session:
        session.evaluate("1 + 1")
    with inspector(socket) as session:
        session.evaluate("2 + 2")
    assert node.poll() is None


def test_expression_that_throws_is_an_error(socket: Path) -> None:
    with inspector(socket) as session, pytest.raises(TransportError, match="refused"):
        session.evaluate("nowhere.near")


LISTS = {
    "none": "[]",
    "no JSON": "{",
    "an object": "{}",
    "numbers": "[7]",
    "no URL": "[{}]",
    "deep": "[" * 100_000,
    "a long number": "[" + "1" * 5000 + "]",
    "another port": '[{"webSocketDebuggerUrl": "ws://h:99999/"}]',
    "a bracket": '[{"webSocketDebuggerUrl": "ws://[::1"}]',
    "a surrogate": '[{"webSocketDebuggerUrl": "ws://\\udcff/"}]',
    "no WebSocket": '[{"webSocketDebuggerUrl": "ws://h/nowhere"}]',
}


@pytest.mark.parametrize("body", LISTS.values(), ids=LISTS)
def test_a_list_that_cannot_be_read_leads_to_no_session(tmp_path: Path, body: str) -> None:
    with (
        web_peer(tmp_path / "s", {"/json/list": (200, {}, body)}),
        pytest.raises((TransportError, WaitTimeoutError), match="inspector"),
        inspector(tmp_path / "s", timeout_s=0.5),
    ):
        pass


WORDS = Words(good=b'{"id": 1, "result": {}}', endless=b'{"method": "Debugger.paused"}')


@pytest.mark.parametrize("manner", MANNERS)
def test_a_process_that_misbehaves_ends_the_session_in_time(
    tmp_path: Path, manner: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each of its words is a message of its own."""
    monkeypatch.setattr("harness.guest.inspector._ANSWER_LIMIT", 1 << 20)
    over = threading.Event()

    def serve(connection: ServerConnection) -> None:
        with contextlib.suppress(ConnectionClosed):
            behave(manner, WORDS, connection.send, over)

    began = time.monotonic()
    with websocket_peer(tmp_path / "s", serve):
        with (
            unix_connect(str(tmp_path / "s"), "ws://process/", close_timeout=1) as connection,
            pytest.raises(TransportError, match="the inspector did not answer"),
        ):
            Inspector(connection).evaluate("1", timeout_s=0.5)
        over.set()
    assert time.monotonic() - began < 60
