"""How long from asking for a clone to a healthy agent: the driver, QEMU alone, and a cold boot."""

from __future__ import annotations

import json
import shlex
import time
from pathlib import Path
from statistics import median

from bench.report import Figure
from harness.errors import HarnessError
from harness.host.hypervisor import Hypervisor
from harness.site.load import load_site
from harness.site.profile import Site
from harness.vm.machine import cold_boot, restore
from lab.minipc import access, twin
from lab.paths import CODE_IN_TWIN, lab_paths

ROUNDS = 7
PROGRAM = Path(__file__).with_name("bare_restore.py")


def measure() -> list[Figure]:
    """Medians of alternating rounds, so that both meet the same machine."""
    site = load_site(lab_paths().site)
    driver: list[float] = []
    bare: list[float] = []
    with Hypervisor(site) as hypervisor:
        for _ in range(ROUNDS):
            bare.append(bare_restore(site))
            driver.append(_through_driver(hypervisor))
        started = time.monotonic()
        with cold_boot(hypervisor) as vm:
            vm.wait_healthy()
            cold = time.monotonic() - started
    restored, floor = median(driver), median(bare)
    return [
        Figure("QEMU alone, restore to healthy", floor, "s", how=f"median of {ROUNDS}"),
        Figure("make_vm(), restore to healthy", restored, "s", how=f"median of {ROUNDS}"),
        Figure("make_vm() / QEMU alone", restored / floor, "x", aim=1.3),
        Figure("cold boot to healthy", cold, "s", how="once"),
        Figure("restore / cold boot", restored / cold, "x", aim=1 / 30),
    ]


def bare_restore(site: Site) -> float:
    """Seconds that QEMU alone takes, on the same host from the same snapshot."""
    snapshot = site.snapshot
    disk = f"{snapshot.disk}.bench"
    words = [
        *("python3", "-c", PROGRAM.read_text("utf-8"), str(snapshot.vmstate), str(snapshot.memory), disk),
        *(str(snapshot.guest_address.ip), f"{snapshot.gateway}/{snapshot.guest_address.network.prefixlen}"),
    ]
    code = f"{CODE_IN_TWIN}/current"
    script = (
        f"cp --reflink=auto {shlex.quote(snapshot.disk)} {shlex.quote(disk)}\n"
        f"trap 'rm -f {shlex.quote(disk)}' EXIT\n"
        f"PYTHONPATH={code}:{code}/python unshare --net {shlex.join(words)}"
    )
    done = access.ask(twin.running(lab_paths()), "bash", "-euc", script, timeout_s=120)
    try:
        return float(json.loads(done.stdout))
    except ValueError as error:
        raise HarnessError(f"the bare restore printed {done.stdout!r}", hint="run bench again") from error


def _through_driver(hypervisor: Hypervisor) -> float:
    started = time.monotonic()
    with restore(hypervisor) as vm:
        vm.wait_healthy()
        return time.monotonic() - started
