"""A guest that is none: a shell of this machine, whose systemd and sockets are what we laid down.

Its agent's files and its unit are real ones, in a folder.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from harness.infra.environment import without_environment
from harness.infra.host import Host, ShellBackend
from harness.run import Result, run
from harness.site.profile import Site
from harness.text import decoded
from tests.unit.peers.shell_machine import open_shell
from tests.unit.peers.small_vm import SmallVm

PROGRAMS = (
    *("sh", "timeout", "mktemp", "rm", "tail", "cat", "find", "tar", "base64", "uname", "readlink", "date"),
    *("node", "sed", "sort", "xargs", "sha256sum", "tr", "head", "chown"),
)
"""This machine's own, which the look at a guest needs."""

UNIT = "browser-vm-auth.service"
SERVER = """process.on('uncaughtException', (e) => { console.error(e); process.exit(1); });
process.on('unhandledRejection', (e) => { console.error(e); process.exit(1); });
const server = require('http').createServer();
server.on('error', (e) => { console.error(e); process.exit(1); });
server.listen(8080, '0.0.0.0');
"""
_ENTERED = "ActiveEnterTimestampMonotonic"
SHOWN = {
    UNIT: "LoadState=loaded\nActiveState=active\nSubState=running\nNRestarts=0\nUnitFileState=enabled\n"
    "NeedDaemonReload=no\nMainPID=412\nExecMainStartTimestampMonotonic=9000000\nRestart=always\n"
    "Environment={environment}\nFragmentPath={unit_file}\nType=simple",
    "network-online.target": f"LoadState=loaded\n{_ENTERED}=8000000",
    "systemd-networkd-wait-online.service": "LoadState=loaded\nUnitFileState=enabled\nActiveState=active\n"
    f"Result=success\nExecMainStatus=0\n{_ENTERED}=7000000\nBefore=network-online.target",
}
LISTENING = (
    'LISTEN 0 511 0.0.0.0:8080 0.0.0.0:* users:(("node",pid=412,fd=18))\n'
    'LISTEN 0 128 0.0.0.0:22 0.0.0.0:* users:(("sshd",pid=300,fd=3))\n'
)
_SYSTEMCTL = """
case $1 in
show) shift
    while case ${{1-}} in -p) shift ;; --*) ;; *) false ;; esac; do shift; done
    for unit; do
        case $unit in '*'.service) printf 'Id=a.service\\nNRestarts=0\\nWatchdogUSec=0\\n' && continue ;; esac
        [ -f {folder}/show.$unit ] && cat {folder}/show.$unit || printf 'Id=%s\\nLoadState=not-found\\n' $unit
        echo
    done ;;
esac
"""


def site_of(folder: Path) -> dict[str, Any]:
    """What the profile says of it."""
    agent = {
        "directory": str(folder / "agent"),
        "entry": str(folder / "agent/server.js"),
        "node": str(folder / "bin/node"),
        "unit_file": str(folder / UNIT),
    }
    guest = {"wait_online_units": ["systemd-networkd-wait-online.service"], "listening_ports": [22, 8080]}
    return {"name": "nowhere", "agent": agent, "guest": guest}


def lay_down(
    folder: Path,
    *,
    environment: str = "NODE_ENV=production PORT=8080",
    journal: str = "",
    verify: str = "",
    unit_file: str = "[Service]\nRestart=always\n",
    listening: str = LISTENING,
) -> None:
    """Put all of it in a folder, in the place of what was there.

    :param environment: as systemd shows that of the agent's unit.
    """
    shutil.rmtree(folder, ignore_errors=True)
    (folder / "agent").mkdir(parents=True)
    (folder / "agent/server.js").write_text(SERVER)
    (folder / UNIT).write_text(unit_file)
    (folder / "bin").mkdir()
    for name in PROGRAMS:
        (folder / "bin" / name).symlink_to(shutil.which(name) or name)
    for unit, text in SHOWN.items():
        told = text.format(unit_file=folder / UNIT, environment=environment)
        (folder / f"show.{unit}").write_text(f"Id={unit}\n{told}\n")
    write(folder, "systemctl", _SYSTEMCTL.format(folder=folder))
    for name, text in {"ss": listening, "journalctl": journal, "systemd-analyze": verify}.items():
        (folder / f"{name}.txt").write_text(text)
        write(folder, name, f"cat {folder}/{name}.txt\n")


def write(folder: Path, program: str, script: str) -> None:
    """Put a program of ours in the place of one of its programs."""
    file = folder / "bin" / program
    file.unlink(missing_ok=True)
    file.write_text(f"#!/bin/sh\nPATH={os.environ['PATH']}\n{script}")
    file.chmod(0o755)


class SmallGuest(SmallVm):
    """A VM that has such a guest."""

    def __init__(self, folder: Path, site: Site) -> None:
        super().__init__(folder / "agent.sock", site)
        self.folder = folder
        self.restored_at += 3600  # it is younger than this machine has been up
        self.backends: list[ShellBackend] = []

    def guest(self, *, remembers: bool = False) -> Host:
        """Its inside."""
        path, clean = str(self.folder / "bin"), without_environment(self.hypervisor.site)
        backend = ShellBackend(self.name, lambda: open_shell(path, clean), timeout_s=60, remembers=remembers)
        self.backends.append(backend)
        return Host(backend)

    def script(self, text: str, *, timeout_s: float) -> Result:
        """What its programs make of a script."""
        return self.guest().backend.ask(text, timeout_s=timeout_s)

    def program(self, argv: Sequence[str], data: bytes, *, timeout_s: float) -> Result:
        """A program of this machine."""
        return run(argv, timeout_s=timeout_s, check=False, input_text=decoded(data))

    def hang_up(self) -> None:
        """End its shells."""
        for backend in self.backends:
            backend.close()
