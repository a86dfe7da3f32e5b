"""The way into a VM that another run has made: by the sockets that its custodian still serves."""

from __future__ import annotations

import contextlib
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from harness.custodian.names import RUNS
from harness.host.hypervisor import Hypervisor
from harness.keeping.found import find
from harness.vm.inside import Guest


def way_to(hypervisor: Hypervisor, name: str, port: int) -> Path:
    """A local unix socket that leads to a port of the guest, of those that each clone has one for."""
    run, _, number = name.rpartition("-")
    return hypervisor.forward(f"unix:{RUNS / run / number / f'{port}.sock'}")


def inside(hypervisor: Hypervisor, name: str) -> Guest:
    """The inside of a VM, to be closed by the caller."""
    return Guest(hypervisor, name, way_to(hypervisor, name, hypervisor.site.guest.ssh_port))


def ssh(hypervisor: Hypervisor, name: str, words: Sequence[str]) -> int:
    """A person's ssh into it, with this process's own terminal; its exit status.

    :param words: what to run there; none is a login shell.
    :raises UsageError: there is no such VM.
    :raises HarnessError: nobody can log in to it.
    """
    find(hypervisor, name, running=True)
    with contextlib.closing(inside(hypervisor, name)) as guest:
        config = guest.connection.config_file
        terminal = ["-t"] if not words and sys.stdin.isatty() else []
        return subprocess.run(["ssh", "-F", str(config), *terminal, name, *words], check=False).returncode
