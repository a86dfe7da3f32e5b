"""Clones side by side: wall time until all are healthy, and the memory each has for itself."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

from bench.report import Figure
from harness.host.hypervisor import Hypervisor
from harness.site.load import load_site
from harness.vm.machine import Vm, restore
from lab.paths import lab_paths

COUNTS = (1, 4, 16, 32)
PATIENCE_S = 400


def measure() -> Iterator[Figure]:
    """Two figures a count, as they come: where too many starve each other, the fewer are told."""
    with Hypervisor(load_site(lab_paths().site)) as hypervisor:
        for count in COUNTS:
            yield from _side_by_side(hypervisor, count)


def _side_by_side(hypervisor: Hypervisor, count: int) -> list[Figure]:
    with ExitStack() as stack, ThreadPoolExecutor(count) as pool:
        started = time.monotonic()
        clones = list(pool.map(lambda _: _healthy(hypervisor, stack), range(count)))
        wall = time.monotonic() - started
        private = [vm.process()["private_kib"] * 1024 / 1e6 for vm in clones]
    return [
        Figure(f"{count} clones: until all are healthy", wall, "s", how=f"{wall / count:.2f} s each"),
        Figure(
            f"{count} clones: private memory of each",
            sum(private) / count,
            "MB",
            aim=80,
            how=f"largest {max(private):.0f} MB",
        ),
    ]


def _healthy(hypervisor: Hypervisor, stack: ExitStack) -> Vm:
    vm = stack.enter_context(restore(hypervisor))
    vm.wait_healthy(PATIENCE_S)
    return vm
