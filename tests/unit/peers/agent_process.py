"""The agent, run by Node.js on loopback."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import signal
import socket
import subprocess
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path

import httpx

from harness.wait import wait_until
from lab.image import login_library
from tests.unit.peers.ports import free_port
from tests.unit.peers.small_suite import ROOT

TRAP = """
process.on('SIGUSR1', () => { throw new Error('thrown on purpose'); });
process.on('SIGUSR2', () => { Promise.reject(new Error('rejected on purpose')); });
"""
"""Loaded before the agent: the two ways in which a program comes to grief, each at a signal."""


class Agent:
    """A running agent: what it answers, what it has logged, how it ended."""

    def __init__(self, process: subprocess.Popen[bytes], log: Path) -> None:
        self._process = process
        self._log = log
        self.client = httpx.Client(base_url="http://127.0.0.1:0", timeout=60)

    def wait_listening(self) -> None:
        """Wait until it has said on which port it listens."""
        found = wait_until(
            lambda: re.search(r"listening on port (\d+)", self.log()) or self._process.poll() is not None,
            what="the agent's port",
            timeout_s=60,
        )
        assert isinstance(found, re.Match), f"the agent ended: {self.log()}"
        self.client.base_url = httpx.URL(f"http://127.0.0.1:{found[1]}")

    def log(self) -> str:
        """Everything on stdout and stderr so far."""
        return self._log.read_text()

    def children(self) -> list[int]:
        """The processes that it has started."""
        pid = self._process.pid
        return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]

    def signal(self, number: signal.Signals) -> int:
        """Send a signal; returns the exit status that follows."""
        self._process.send_signal(number)
        return self._process.wait(timeout=60)

    def wait_ended(self) -> int:
        """Wait for the end; returns the exit status."""
        return self._process.wait(timeout=60)


def installed(folder: Path) -> Path:
    """The agent as it lies on the golden disk, in ``folder``; its settings would be in ``.env`` beside it."""
    code = folder / "vm-browser-agent"
    if not code.exists():
        shutil.copytree(login_library.AGENT, code, ignore=shutil.ignore_patterns("node_modules"))
        (code / "node_modules").symlink_to(login_library.node_modules(ROOT / "build"))
    return code


@contextlib.contextmanager
def started(folder: Path, environment: Mapping[str, str]) -> Iterator[Agent]:
    """Start an agent with its home in ``folder``; it is gone afterwards."""
    trap, log = folder / "trap.cjs", folder / "agent.log"
    trap.write_text(TRAP)
    own = {"PORT": "0", "CLI_CALLBACK_PORT": str(free_port()), "BROWSER_DEBUG_PORT": "1"}
    settings = {"PATH": os.environ["PATH"], "HOME": str(folder), **own, **environment}
    with log.open("wb") as output:
        words = ["node", "--require", str(trap), str(installed(folder) / "server.js")]
        process = subprocess.Popen(
            words, env=settings, stdin=subprocess.DEVNULL, stdout=output, stderr=output
        )
    agent = Agent(process, log)
    try:
        yield agent
    finally:
        agent.client.close()
        process.kill()
        process.wait(timeout=60)


@contextlib.contextmanager
def listener(answer: bytes | None, *, port: int = 0) -> Iterator[tuple[int, list[str]]]:
    """A peer on loopback that answers every connection alike, or never: its port, and what it heard."""
    heard: list[str] = []
    with socket.create_server(("127.0.0.1", port)) as server:

        def serve() -> None:
            while True:
                try:
                    connection, _ = server.accept()
                except OSError:  # closed: the test is over
                    return
                with connection:
                    heard.append(_request(connection))
                    connection.sendall(answer or b"")

        thread = threading.Thread(target=serve, daemon=True)
        if answer is not None:
            thread.start()
        try:
            yield server.getsockname()[1], heard
        finally:
            server.shutdown(socket.SHUT_RDWR)
            if answer is not None:
                thread.join(timeout=60)


def _request(connection: socket.socket) -> str:
    data = b""
    while b"\r\n\r\n" not in data and (chunk := connection.recv(65536)):
        data += chunk
    head, _, body = data.partition(b"\r\n\r\n")
    length = re.search(rb"content-length: *(\d+)", head, re.IGNORECASE)
    while length and len(body) < int(length[1]) and (chunk := connection.recv(65536)):
        body += chunk
    return (head + b"\r\n\r\n" + body).decode()
