"""Stand-ins for the programs of a host that need root or a hypervisor, and for the golden snapshot."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import pytest

from lab.controller.settings import Settings

_IP = "#!/bin/sh\nexec cat >/dev/null\n"
_NO_VMM = "#!/bin/sh\nexit 1\n"
_WITH_US = f"#!/usr/bin/env -S setpriv --pdeathsig KILL -- {sys.executable}"
"""A VMM that a test leaves behind ends with the tests."""
_DEAF = f"""{_WITH_US}
import os, socket, sys, time
door = socket.socket(socket.AF_UNIX)
door.bind(sys.argv[sys.argv.index("--api-sock") + 1])
print(os.getpid(), flush=True)
time.sleep(600)
"""
_WILLING = f"""{_WITH_US}
import os, sys
from http.server import BaseHTTPRequestHandler
from socketserver import UnixStreamServer

class Handler(BaseHTTPRequestHandler):
    def answer(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(204)
        self.end_headers()

    do_PUT = do_PATCH = answer

    def log_message(self, *_):
        pass

print(os.getpid(), flush=True)
UnixStreamServer(sys.argv[sys.argv.index("--api-sock") + 1], Handler).serve_forever()
"""


class Programs:
    """The host's programs, which are found before the machine's own; no VMM starts until it is said which."""

    def __init__(self, settings: Settings, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self._folder = folder
        folder.mkdir()
        monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
        self._write("ip", _IP)
        self._write("systemd-run", _NO_VMM)
        settings.snapshots.mkdir()
        (settings.snapshots / f"{settings.golden}.ext4").touch()
        (settings.snapshots / "manifest.json").write_text(json.dumps({"vcpus": 2, "memory_mib": 1536}))

    def deaf_vmm(self) -> None:
        """Each VMM binds its socket and never listens; its process id is on the VM's console."""
        self._write("systemd-run", _DEAF)

    def willing_vmm(self) -> None:
        """Each VMM does whatever it is asked to."""
        self._write("systemd-run", _WILLING)

    def _write(self, name: str, text: str) -> None:
        (self._folder / name).write_text(text)
        (self._folder / name).chmod(0o755)
