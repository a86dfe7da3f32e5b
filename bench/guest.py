"""What the checks of a guest ask: answered by one look over one shell, against plain testinfra over SSH."""

from __future__ import annotations

import contextlib
import statistics
import time
from collections.abc import Callable, Iterator
from typing import Any

import testinfra

from bench.report import Figure
from harness.guest.look import BOOT_ID, Look, entry_fault, look_at
from harness.guest.unit_file import DIRECTIVES, changed_by_drop_ins
from harness.guest.waiters import NETWORK_ONLINE
from harness.host.hypervisor import Hypervisor
from harness.site.load import load_site
from harness.site.profile import Site
from harness.vm.machine import Vm, restore
from lab.paths import lab_paths

_ROUNDS = 3


def measure() -> list[Figure]:
    """The ways in turn, each time in a fresh clone, on a connection that is already open; their medians."""
    site = load_site(lab_paths().site)
    with Hypervisor(site) as hypervisor:
        rounds = [_one_round(hypervisor) for _ in range(_ROUNDS)]
    together, apart = (statistics.median(times) for times in zip(*rounds, strict=True))
    return [
        Figure("guest's checks: one look, one shell", together, "s"),
        Figure("the same commands by plain testinfra", apart, "s"),
        Figure("one look against plain testinfra", together / apart, "x", aim=0.25),
    ]


def _one_round(hypervisor: Hypervisor) -> tuple[float, float]:
    """Seconds that the checks' way takes, and plain testinfra's."""
    asked: list[str] = []
    with _clone(hypervisor) as vm:
        together = _timed(lambda: _ask_as_the_checks_do(_look(vm), hypervisor.site, asked))
    with _clone(hypervisor) as vm:
        plain = testinfra.get_host(f"ssh://{vm.name}", ssh_config=str(vm.ssh_config), controlpersist=0)
        apart = _timed(lambda: [plain.run(command) for command in asked])
    return together, apart


@contextlib.contextmanager
def _clone(hypervisor: Hypervisor) -> Iterator[Vm]:
    with restore(hypervisor) as vm:
        vm.wait_healthy()
        vm.script("true", timeout_s=30)
        yield vm


def _look(vm: Vm) -> Look:
    return look_at(vm.guest(remembers=True), vm.hypervisor.site, born_at=vm.restored_at)


def _ask_as_the_checks_do(look: Look, site: Site, asked: list[str]) -> None:
    """All that tests/guest asks of the shared clone, each as often as there is a check that asks it."""
    guest, unit = look.guest, site.agent.unit
    answer = guest.backend.run

    def listen(command: str, *args: str, **options: Any) -> Any:
        asked.append(guest.backend.quote(command, *args))
        return answer(command, *args, **options)

    guest.backend.run = listen  # type: ignore[method-assign] # to count what is asked
    for directive in DIRECTIVES:
        directive.problem(guest.unit(unit), site)
    for key in ("ActiveState", "UnitFileState", "NeedDaemonReload", "MainPID"):
        guest.service(unit).systemd_properties.get(key)
    for name in (*site.guest.wait_online_units, NETWORK_ONLINE) * 2:
        guest.unit(name).get("ActiveEnterTimestampMonotonic")
    changed_by_drop_ins(guest, site)
    guest.unit(unit).verify()
    guest.unit.failed()
    for _ in range(2):
        guest.listener.all()
    guest.file(BOOT_ID).content_string  # noqa: B018 - asked for what it costs
    look.uptime_s  # noqa: B018 - as above
    entry_fault(guest, site)


def _timed(work: Callable[[], object]) -> float:
    started = time.monotonic()
    work()
    return time.monotonic() - started
