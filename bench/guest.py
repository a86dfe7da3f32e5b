"""The guest's facts in one round trip, against the same claims as one testinfra command each over SSH."""

from __future__ import annotations

import shlex
import time
from collections.abc import Callable

from bench.report import Figure
from harness.guest.facts import ask_guest
from harness.guest.unit_file import DIRECTIVES
from harness.host.hypervisor import Hypervisor
from harness.site.load import load_site
from harness.site.profile import Site
from harness.vm.machine import Vm, restore
from lab.paths import lab_paths

_PROPERTY = {
    "StartLimitIntervalSec": "StartLimitIntervalUSec",
    "RestartSec": "RestartUSec",
    "MemoryLimit": "MemoryMax",
}


def measure() -> list[Figure]:
    """Both ways in one clone, on a connection that is already open."""
    site = load_site(lab_paths().site)
    with Hypervisor(site) as host, restore(host) as vm:
        vm.wait_healthy()
        vm.script("true", timeout_s=30)
        vm.testinfra.check_output("true")
        together = _timed(lambda: ask_guest(vm))
        commands = _commands(site)
        apart = _timed(lambda: _one_by_one(vm, commands))
    return [
        Figure("guest facts: one round trip", together, "s"),
        Figure(f"the same claims: {len(commands)} commands", apart, "s"),
        Figure("one round trip against one command each", together / apart, "x", aim=0.25),
    ]


def _timed(work: Callable[[], object]) -> float:
    started = time.monotonic()
    work()
    return time.monotonic() - started


def _one_by_one(vm: Vm, commands: list[str]) -> None:
    for command in commands:
        vm.testinfra.run(command)


def _commands(site: Site) -> list[str]:
    """One command for each claim of tests/guest that the facts answer."""
    unit = shlex.quote(site.agent.unit)
    directives = [
        f"systemctl show -p {_PROPERTY.get(one.name, one.name)} --value {unit}" for one in DIRECTIVES
    ]
    waits = [
        f"systemctl show -p UnitFileState,ActiveState,Result,ExecMainStatus {name}"
        for name in site.guest.wait_online_units
    ]
    return [
        *directives,
        *waits,
        f"systemctl show -p LoadState,ActiveState,SubState,NRestarts,FragmentPath {unit}",
        f"systemctl show -p UnitFileState --value {unit}",
        f"systemctl show -p DropInPaths --value {unit}",
        f"systemctl show -p NeedDaemonReload --value {unit}",
        f"systemctl show -p ExecMainStartTimestampMonotonic --value {unit}",
        "systemctl show -p ActiveEnterTimestampMonotonic --value network-online.target",
        f"systemd-analyze --man=no verify {unit}",
        "systemctl list-units --failed --plain --no-legend",
        f"ss -ltnpH sport = :{site.agent.port}",
        "ss -ltnpH",
        "cat /proc/sys/kernel/random/boot_id",
        "cat /proc/uptime",
        f"cat {shlex.quote(site.agent.entry)}",
        f"journalctl -u {unit} -n 40 --no-pager",
    ]
