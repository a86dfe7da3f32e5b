"""What a fault of the lab would do to the Node controller, without a lab."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from harness.site.profile import Site
from lab.faults.controller import _NODE
from lab.faults.fault import Fault
from lab.faults.patient import Patient
from lab.minipc import deployment
from lab.paths import LabPaths


class Chart(Patient):
    """A patient that is told what would be done to it, and is left alone."""

    def __init__(self, folder: Path) -> None:
        self.paths = LabPaths(folder, folder / "run")
        self.state = folder / "state"
        self.programs: list[str] = []
        deployment.choose(self.paths, deployment.COLDBOOT.name)

    @property
    def settings(self) -> Site:
        """One whose VMs are booted."""
        return Site.model_validate(
            {
                "name": "node",
                "host": {"transport": "local"},
                "snapshot": {"vmstate": "none", "memory": "none", "kernel": str(self.state / "vmlinux")},
                "state": {"vms_dir": str(self.state / "users"), "sockets_dir": str(self.state / "sockets")},
            }
        )

    @contextmanager
    def on_host(self, *, do: str, **_: str) -> Iterator[None]:
        """Whatever a controller is to run first is put on record."""
        words = shlex.split(do)
        if _NODE.file in words:
            self.programs.append(words[words.index(_NODE.file) - 2])
        yield

    @contextmanager
    def profile(self, **_: dict[str, Any]) -> Iterator[None]:
        """How it is judged is of no account."""
        yield

    @contextmanager
    def rows(self, **_: str) -> Iterator[None]:
        """Nor is its database."""
        yield


def program_of(fault: Fault, folder: Path) -> str:
    """What the fault has the Node controller run first; empty where it leaves it alone."""
    chart = Chart(folder)
    with fault.inject(chart):
        return chart.programs[0] if chart.programs else ""
