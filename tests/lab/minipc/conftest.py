"""The twin that is up, and sessions on it that are over when their test is."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import pytest

from harness.run import Result
from lab.minipc import access, twin
from lab.minipc.host import Host
from lab.paths import LabPaths, lab_paths

USER = "5b0f3c1e-8d5a-4c8e-9b57-0d6f7c1b2a02"


@dataclass(frozen=True)
class Answer:
    """An HTTP answer of the controller."""

    status: int
    body: dict[str, Any]


@dataclass(frozen=True)
class Minipc:
    """The lab's host, by root's ways in."""

    host: Host

    def sh(self, script: str, *, timeout_s: float = 60) -> str:
        """What a shell script said; a non-zero status raises."""
        return access.ask(self.host, "sh", "-euc", script, timeout_s=timeout_s).stdout

    def ask(self, *words: str) -> Result:
        """A program's end, whatever it is."""
        return access.ask(self.host, *words, check=False)

    def api(self, method: str, path: str, body: str | None = None) -> Answer:
        """One request to the controller."""
        data = ["--data-binary", body] if body is not None else []
        words = ("curl", "-sS", "--max-time", "100", "-X", method, "-w", r"\n%{http_code}", *data)
        said = access.ask(self.host, *words, f"http://127.0.0.1:4000{path}", timeout_s=110).stdout
        text, _, status = said.rpartition("\n")
        return Answer(int(status), json.loads(text))

    def rows(self, query: str) -> list[dict[str, Any]]:
        """Rows, as the database's owner sees them."""
        as_json = f"SELECT to_json(q) FROM ({query}) q"  # noqa: S608 - the tests' own queries
        words = ["runuser", "-u", "postgres", "--", "psql", "-XAtqc", as_json]
        return [json.loads(line) for line in access.ask(self.host, *words).stdout.splitlines()]

    def vm(self, session: str) -> dict[str, Any]:
        """The row of a session's VM."""
        (row,) = self.rows(
            "SELECT v.* FROM vms v JOIN auth_sessions s ON s.browser_vm_id = v.vm_id"  # noqa: S608
            f" WHERE s.session_id = '{session}'"
        )
        return row


@pytest.fixture
def paths() -> LabPaths:
    """The lab's places."""
    return lab_paths()


@pytest.fixture
def minipc(paths: LabPaths) -> Minipc:
    """The running twin."""
    return Minipc(twin.running(paths))


@pytest.fixture
def start_session(minipc: Minipc) -> Iterator[Callable[[], str]]:
    """Launches sessions; all of them are over in the end."""
    with ExitStack() as undo:

        def start() -> str:
            answer = minipc.api("POST", "/api/auth/start", json.dumps({"userId": USER, "provider": "codex"}))
            assert answer.status == 200, answer
            session = str(answer.body["sessionId"])
            undo.callback(minipc.api, "POST", f"/api/auth/session/{session}/cancel")
            return session

        yield start


@pytest.fixture
def session(start_session: Callable[[], str]) -> str:
    """A session that is ready."""
    return start_session()
