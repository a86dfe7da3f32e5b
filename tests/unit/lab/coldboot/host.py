"""A host for the Node controller on loopback: stand-ins for what needs root, and for what is in its VMs."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx

from harness.database.scratch import ScratchPostgres
from harness.wait import wait_until
from lab import npm
from tests.unit.peers.ports import free_port
from tests.unit.peers.small_suite import ROOT

CONTROLLER = ROOT / "lab/coldboot"
USER = "5b0f3c1e-8d5a-4c8e-9b57-0d6f7c1b2a02"
PASSWORD = "s3cret99"
LOGIN_URL = "http://192.168.100.1:9090/auth?state=abc"
ADDRESSES = tuple(f"127.0.0.{number}" for number in range(2, 7))
"""All that VMs may have."""
_PATIENCE_S = 60
"""A second is what it takes; the rest is for a machine with other things to do."""

_FIRECRACKER = """#!/usr/bin/python3
import pathlib, sys, time
if pathlib.Path(__file__).with_name("refuse").exists():
    sys.exit("no KVM")
pathlib.Path(sys.argv[sys.argv.index("--api-sock") + 1]).touch()
time.sleep(600)
"""
_PROGRAMS = {
    "ip": "#!/bin/sh\nexit 0\n",
    "mount": '#!/bin/sh\nfor root; do :; done\nmkdir -p "$root/root" "$root/etc/systemd/system"\n',
    # What was written is looked at afterwards.
    "umount": '#!/bin/sh\nmv "$1" "$1.written" && mkdir "$1"\n',
    "firecracker": _FIRECRACKER,
}


class Agent:
    """The agent of every VM: answers as it is told to."""

    def __init__(self) -> None:
        self.answers: dict[str, tuple[int, Any]] = {
            "/health": (200, {"status": "ok"}),
            "/auth/codex": (200, {"success": True, "oauthUrl": LOGIN_URL}),
            "/oauth-url": (200, {"success": True, "oauthUrl": LOGIN_URL}),
            "/credentials/status": (200, {"authenticated": False}),
            "/open-url": (200, {"success": True}),
        }

    @contextmanager
    def listening(self) -> Iterator[int]:
        """At every address that a VM may have, on one port."""
        agent, port = self, free_port()

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.rfile.read(int(self.headers.get("Content-Length", 0)))
                status, body = agent.answers.get(self.path.split("?")[0], (404, {"error": "not found"}))
                text = json.dumps(body).encode()
                self.send_response(status)
                self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                self.wfile.write(text)

            do_POST = do_GET  # noqa: N815 - http.server's own name

            def log_message(self, *_: object) -> None:
                """Nobody reads it."""

        with ExitStack() as stack:
            for address in ADDRESSES:
                server = stack.enter_context(ThreadingHTTPServer((address, port), Handler))
                threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
                stack.callback(server.shutdown)
            yield port


@dataclass
class Host:
    """The controller's host, and the controller once it is started."""

    folder: Path
    postgres: ScratchPostgres
    agent: Agent
    agent_port: int
    settings: dict[str, str] = field(default_factory=dict)
    preload: str = ""
    """A program that the controller's node runs first."""
    port: int = field(default_factory=free_port)
    process: subprocess.Popen[bytes] | None = None

    @property
    def state(self) -> Path:
        """Where its VM state is."""
        return self.folder / "state"

    @property
    def journal(self) -> bytes:
        """What it has written to the journal."""
        return (self.folder / "journal").read_bytes()

    def logged(self, what: str, beside: str = "") -> list[str]:
        """The lines of its log file that tell of something, which come a moment after the journal's."""

        def found() -> list[str]:
            lines = (self.folder / "controller.log").read_text().splitlines()
            return [line for line in lines if what in line and beside in line]

        return wait_until(found, what=f"{what} in its log file", timeout_s=_PATIENCE_S)

    @property
    def base_url(self) -> str:
        """Its API."""
        return f"http://127.0.0.1:{self.port}"

    def prepare(self) -> None:
        """Programs, and a golden disk."""
        programs, base = self.folder / "programs", self.state / "snapshots/base"
        programs.mkdir()
        base.mkdir(parents=True)
        for name, text in _PROGRAMS.items():
            (programs / name).write_text(text)
            (programs / name).chmod(0o755)
        (base / "golden-browser-rootfs.ext4").write_text("golden")
        defaults = {"vcpus": 2, "memory_mib": 1024, "boot_args": "console=ttyS0"}
        (base / "vm-defaults.json").write_text(json.dumps(defaults))
        (self.folder / "packages").mkdir()
        (self.folder / "packages/openid-client.js").touch()

    def start(self) -> None:
        """Start the controller, and wait until it answers."""
        packages = ROOT / "build" / f"coldboot-{npm.lock_digest(CONTROLLER)[:16]}"
        npm.install(CONTROLLER, packages)
        code = _code(self.folder, packages)
        with (self.folder / "journal").open("ab") as journal:
            self.process = subprocess.Popen(
                [str(npm.node()), *self._preloaded(code), str(code / "server.js")],
                env={**self._environment(), **self.settings},
                stdin=subprocess.DEVNULL,
                stdout=journal,
                stderr=journal,
            )
        wait_until(
            lambda: httpx.get(f"{self.base_url}/health", timeout=_PATIENCE_S).status_code,
            what="the controller's health",
            timeout_s=_PATIENCE_S,
            until=lambda status: status == 200,
            retry_on=(httpx.TransportError,),
        )

    def stop(self) -> int:
        """Have systemd's way of ending it; its exit status."""
        assert self.process
        self.process.terminate()
        return self.process.wait(timeout=_PATIENCE_S)

    def refuse_vms(self) -> None:
        """From now on firecracker ends at once, and nobody answers in its VM."""
        self.agent.answers["/health"] = (503, {"error": "no VM"})
        (self.folder / "programs/refuse").touch()

    def ask(self, method: str, path: str, **content: Any) -> tuple[int, Any]:
        """One request under the API's prefix: status and JSON."""
        answer = httpx.request(method, f"{self.base_url}/api/auth{path}", timeout=_PATIENCE_S, **content)
        return answer.status_code, answer.json()

    def launch(self) -> str:
        """A session that was asked for and is there; its id."""
        status, body = self.ask("POST", "/start", json={"userId": USER, "provider": "codex"})
        assert status == 200, body
        return str(body["sessionId"])

    def session(self, session_id: str) -> dict[str, Any]:
        """A session as it is told."""
        status, body = self.ask("GET", f"/session/{session_id}")
        assert status == 200, body
        found: dict[str, Any] = body["session"]
        return found

    def comes_to(self, session_id: str, status: str) -> dict[str, Any]:
        """A session once it has this status."""
        return wait_until(
            lambda: self.session(session_id),
            what=f"the session to be {status}",
            timeout_s=_PATIENCE_S,
            interval_s=0.02,
            until=lambda session: session["status"] == status,
        )

    def rows(self, statement: str, *values: object) -> list[tuple[Any, ...]]:
        """What the database says."""
        with self.postgres.connect() as connection:
            return connection.execute(statement.encode(), values).fetchall()

    def vms(self, vm_type: str) -> list[tuple[Any, ...]]:
        """Id, status and process of every VM of a type, the oldest first."""
        query = "SELECT vm_id, status, firecracker_pid FROM vms WHERE vm_type = %s ORDER BY created_at"
        return self.rows(query, vm_type)

    def kill_all(self) -> None:
        """End whatever was started for this host: VMs outlive their controller."""
        for entry in Path("/proc").glob("[0-9]*"):
            with suppress(OSError):
                if str(self.folder).encode() in (entry / "cmdline").read_bytes():
                    os.kill(int(entry.name), signal.SIGKILL)
        if self.process:
            self.process.wait(timeout=_PATIENCE_S)

    def _preloaded(self, code: Path) -> list[str]:
        if not self.preload:
            return []
        file = self.folder / "preload.js"
        file.write_text(self.preload.replace("/opt/acceptance-lab/current/lab/coldboot", str(code)))
        return ["--require", str(file)]

    def _environment(self) -> dict[str, str]:
        agent = ROOT / "lab/image"
        return {
            "PATH": f"{self.folder / 'programs'}:/usr/bin:/bin",
            "PORT": str(self.port),
            "DATABASE_URL": f"postgres://postgres@/postgres?host={self.postgres.socket_dir}",
            "STATE_DIR": str(self.state),
            "LOG_FILE": str(self.folder / "controller.log"),
            "AGENT_DIR": str(agent / "agent"),
            "AGENT_PACKAGES": str(self.folder / "packages"),
            "AGENT_SETTINGS": str(agent / "agent.env"),
            "AGENT_UNIT": str(agent / "browser-vm-auth.service"),
            "FIRST_VM": ADDRESSES[0],
            "LAST_VM": ADDRESSES[-1],
            "AGENT_PORT": str(self.agent_port),
            "VNC_PASSWORD": PASSWORD,
            "HEALTH_INTERVAL_MS": "50",
            "LOGIN_POLL_MS": "30",
            "LINGER_MS": "100",
            "FAILURE_LINGER_MS": "30",
            "TASKS_MS": "100",
        }


def _code(folder: Path, packages: Path) -> Path:
    code = folder / "controller"
    if not code.exists():
        code.mkdir()
        for file in CONTROLLER.glob("*.js"):
            (code / file.name).write_bytes(file.read_bytes())
        (code / "node_modules").symlink_to(packages / "node_modules")
    return code
