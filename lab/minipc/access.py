"""The ways into the running host: as root, which always works, and by SSH, as the suite comes."""

from __future__ import annotations

from pathlib import Path

from harness.run import Result, run
from lab.minipc import keys
from lab.minipc.host import Host
from lab.paths import LabPaths


def ask(host: Host, *words: str | Path, timeout_s: float = 30, check: bool = True) -> Result:
    """Run a program in the host as root.

    :param timeout_s: seconds, for the twin; another host has its own pace.
    """
    return run(host.inside(words), timeout_s=timeout_s * host.patience, check=check)


def ssh(paths: LabPaths, host: Host, *, tty: bool = False) -> list[str | Path]:
    """The ssh command to the host as ``polydev``, up to where a remote command would follow."""
    return [
        *("ssh", "-F", "none", "-o", "BatchMode=yes", "-o", "IdentitiesOnly=yes", "-i", paths.ssh_key),
        *("-o", f"UserKnownHostsFile={keys.known_hosts(paths)}", "-o", f"HostKeyAlias={keys.HOST_ALIAS}"),
        *("-o", f"ProxyCommand={host.door(22)}", *(["-t"] if tty else []), "polydev@minipc"),
    ]


def ssh_to_vm(paths: LabPaths, host: Host, address: str) -> list[str | Path]:
    """The ssh command to a VM on the host's bridge as root, up to where a remote command would follow."""
    return [
        *("ssh", "-F", "none", "-o", "IdentitiesOnly=yes", "-i", paths.ssh_key, "-o", "ConnectTimeout=15"),
        *("-o", "ServerAliveInterval=5", "-o", "ServerAliveCountMax=3"),  # a VM may end at any time
        *("-o", f"UserKnownHostsFile={keys.browser_vm_known_hosts(paths)}"),
        *("-o", f"ProxyCommand={host.door(22, address)}", f"root@{address}"),
    ]
