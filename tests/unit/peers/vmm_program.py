"""The VMM under test as a process: its API over the socket, its console on a pipe."""

from __future__ import annotations

import json
import os
import select
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[3]
TIMEOUT = 60.0


@dataclass(frozen=True)
class Answer:
    """One response, its head as lines and its body as bytes."""

    status: int
    head: list[str]
    body: bytes

    @property
    def json(self) -> Any:
        """The body, which must be JSON."""
        return json.loads(self.body)

    @property
    def fault(self) -> str:
        """The fault message of a refusal."""
        return str(self.json["fault_message"])


def ask(sock: socket.socket, method: str, path: str, body: object = None) -> Answer:
    """One request on an open connection."""
    data = b"" if body is None else json.dumps(body).encode()
    sock.sendall(f"{method} {path} HTTP/1.1\r\nContent-Length: {len(data)}\r\n\r\n".encode() + data)
    return receive(sock)


def receive(sock: socket.socket) -> Answer:
    """Read one response."""
    got = b""
    while b"\r\n\r\n" not in got:
        got += _more(sock)
    head, _, body = got.partition(b"\r\n\r\n")
    lines = head.decode().split("\r\n")
    lengths = [int(line.split(":")[1]) for line in lines if line.lower().startswith("content-length:")]
    while lengths and len(body) < lengths[0]:
        body += _more(sock)
    return Answer(int(lines[0].split()[1]), lines, body[: lengths[0]] if lengths else body)


def _more(sock: socket.socket) -> bytes:
    data = sock.recv(65536)
    if not data:
        raise EOFError("the VMM closed the connection without an answer")
    return data


class Program:
    """One started VMM."""

    def __init__(
        self,
        folder: Path,
        *arguments: str,
        name: str = "vmm",
        netns: str | None = None,
        inside: Sequence[str] = (),
        binary: Path | None = None,
    ) -> None:
        """:param inside: a command that runs the one that follows it, in a world of its own.
        :param binary: another VMM than the lab's.
        """
        self.socket_path = folder / f"{name}.sock"
        self.log_path = folder / f"{name}.log"
        inside = ["ip", "netns", "exec", netns] if netns else inside
        program = [sys.executable, "-m", "lab.vmm"] if binary is None else [str(binary)]
        own = [*program, "--api-sock", str(self.socket_path), "--id", name]
        self.log_path.touch()  # until 1.14 the original makes none
        self.stderr_path = folder / f"{name}.stderr"
        with self.stderr_path.open("wb") as stderr:
            self.process = subprocess.Popen(
                [*inside, *own, "--log-path", str(self.log_path), *arguments],
                cwd=ROOT,
                env={**os.environ, "PYTHONPATH": str(ROOT)},
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=stderr,
            )
        self._heard = b""

    def connect(self) -> socket.socket:
        """A connection to the API, as soon as it listens."""
        deadline = time.monotonic() + TIMEOUT
        while True:
            sock = socket.socket(socket.AF_UNIX)
            sock.settimeout(TIMEOUT)
            try:
                sock.connect(str(self.socket_path))
            except OSError:
                sock.close()
                code = self.process.poll()
                if code is not None or time.monotonic() > deadline:
                    said = self.stderr_path.read_text()
                    raise AssertionError(f"no API on {self.socket_path}: exit code {code}, {said}") from None
                select.select([], [], [], 0.002)
            else:
                return sock

    def ask(self, method: str, path: str, body: object = None) -> Answer:
        """One request on a connection of its own."""
        with self.connect() as sock:
            return ask(sock, method, path, body)

    def do(self, method: str, path: str, body: object) -> None:
        """One request that must be done."""
        answer = self.ask(method, path, body)
        assert answer.status == 204, f"{method} {path}: {answer.body.decode()}"

    def hear(self, wanted: bytes, timeout: float = TIMEOUT) -> bytes:
        """The guest's console up to and with ``wanted``."""
        assert self.process.stdout is not None
        deadline = time.monotonic() + timeout
        while wanted not in self._heard:
            left = deadline - time.monotonic()
            ready = select.select([self.process.stdout], [], [], max(0.0, left))[0]
            data = os.read(self.process.stdout.fileno(), 65536) if ready else b""
            assert data, f"no {wanted!r} within {timeout} s, but {self._heard[-2000:]!r}"
            self._heard += data
        end = self._heard.index(wanted) + len(wanted)
        heard, self._heard = self._heard[:end], self._heard[end:]
        return heard

    def shell(self, command: str) -> str:
        """What a command prints in the tiny guest."""
        self.type(command)
        printed = self.hear(b"=== ").decode().removesuffix("=== ")
        self.hear(b"\n")
        return printed

    def type(self, line: str) -> None:
        """Type a line on the guest's console."""
        assert self.process.stdin is not None
        self.process.stdin.write(line.encode() + b"\n")
        self.process.stdin.flush()

    def wait(self) -> int:
        """The exit code, once the process has ended by itself."""
        return self.process.wait(TIMEOUT)

    def qemu(self) -> list[int]:
        """The process ids of its children."""
        pid = self.process.pid
        return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]

    def kill(self) -> None:
        """End it at once and wait for it; its QEMU must go with it."""
        children = self.qemu() if self.process.poll() is None else []
        self.process.kill()
        self.process.wait()
        for pipe in (self.process.stdin, self.process.stdout):
            assert pipe is not None
            pipe.close()
        for child in children:
            wait_gone(child)


def wait_gone(pid: int) -> None:
    """Wait until a process that is not our child has ended (a zombie has)."""
    deadline = time.monotonic() + TIMEOUT
    while is_alive(pid):
        assert time.monotonic() < deadline, f"process {pid} is still there"
        select.select([], [], [], 0.005)


def is_alive(pid: int) -> bool:
    """Whether a process runs."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state not in "ZX"
