"""The ways into the running twin: by its namespaces (root, always works) and by SSH (as the suite does)."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from harness.run import Result, run
from lab.minipc import keys
from lab.minipc.process import Process
from lab.paths import LabPaths


def inside(leader: Process, words: Sequence[str | Path]) -> list[str | Path]:
    """The command that runs ``words`` in the twin as root."""
    return ["nsenter", f"--target={leader.pid}", "--all", "--wdns=/", "--", *words]


def ask(leader: Process, *words: str | Path, timeout_s: float = 30, check: bool = True) -> Result:
    """Run a program in the twin as root."""
    return run(inside(leader, words), timeout_s=timeout_s, check=check)


def proxy_command(leader: Process) -> str:
    """How SSH reaches the twin, which has no link to this machine's network."""
    return door(leader, 22)


def door(leader: Process, port: int) -> str:
    """The command whose standard input and output are a connection to a port of the twin."""
    return f"nsenter -t {leader.pid} -n socat - TCP:127.0.0.1:{port}"


def ssh(paths: LabPaths, leader: Process, *, tty: bool = False) -> list[str | Path]:
    """The ssh command to the twin as ``polydev``, up to where a remote command would follow."""
    return [
        *("ssh", "-F", "none", "-o", "BatchMode=yes", "-o", "IdentitiesOnly=yes", "-i", paths.ssh_key),
        *("-o", f"UserKnownHostsFile={keys.known_hosts(paths)}", "-o", f"HostKeyAlias={keys.HOST_ALIAS}"),
        *("-o", f"ProxyCommand={proxy_command(leader)}", *(["-t"] if tty else []), "polydev@minipc"),
    ]


def ssh_to_vm(paths: LabPaths, leader: Process, address: str) -> list[str | Path]:
    """The ssh command to a VM on the twin's bridge as root, up to where a remote command would follow."""
    return [
        *("ssh", "-F", "none", "-o", "IdentitiesOnly=yes", "-i", paths.ssh_key, "-o", "ConnectTimeout=15"),
        *("-o", "ServerAliveInterval=5", "-o", "ServerAliveCountMax=3"),  # a VM may end at any time
        *("-o", f"UserKnownHostsFile={keys.browser_vm_known_hosts(paths)}"),
        *("-o", f"ProxyCommand=nsenter -t {leader.pid} -n socat - TCP:{address}:22", f"root@{address}"),
    ]
