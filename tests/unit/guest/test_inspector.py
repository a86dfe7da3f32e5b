"""The inspector client against a real Node.js process."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.errors import TransportError
from harness.guest.inspector import inspector
from harness.wait import wait_until

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
            wait_until(path.exists, what="the relay", timeout_s=10)
            yield path
        finally:
            os.kill(process.pid, signal.SIGTERM)


def test_injected_exception_ends_the_process(node: subprocess.Popen[str], socket: Path) -> None:
    with inspector(socket) as session:
        session.evaluate("setTimeout(() => { throw new Error('probe'); }, 300), 0")
    assert node.wait(10) == 1
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
