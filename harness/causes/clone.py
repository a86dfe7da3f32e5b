"""What ails a clone of our own, or why there is none."""

from __future__ import annotations

from harness.causes.cause import Diagnosis
from harness.causes.facts import Facts, Inside
from harness.causes.hops import Target, console_lines
from harness.causes.look import LIMIT_S, ask_inside, look
from harness.causes.table import diagnose
from harness.custodian.netns import NAMES
from harness.errors import HarnessError
from harness.vm.clone import TAP
from harness.vm.machine import Vm


def never_made(refusal: str) -> Diagnosis:
    """Why the VMM made no clone, from what it said."""
    return diagnose(Facts("our own clone", refusal=refusal))


def diagnosed(vm: Vm) -> Diagnosis:
    """Look at a clone whose agent does not answer, while it lives; nothing of this is an error."""
    return diagnose(seen(vm))


def inside_of(vm: Vm) -> Inside | None:
    """What a clone tells of itself, whether it is well or not; None where it does not."""
    site = vm.hypervisor.site
    try:
        return ask_inside(vm.script, site, LIMIT_S)
    except HarnessError:
        return None


def seen(vm: Vm) -> Facts:
    """What is to be seen of a clone now."""
    pid, ended, console = 0, None, None
    try:
        process = vm.process()
        pid, ended = int(process["pid"] or 0), process["exit_status"]
        console = console_lines(vm.console())
    except HarnessError as error:
        return Facts(vm.name, unknown={"host": error.message})
    target = Target(
        whose=vm.name,
        word=vm.name,
        address=str(vm.hypervisor.site.snapshot.guest_address.ip),
        tap=TAP,
        netns=str(NAMES / vm.name),
        pid=pid,
        ended=ended,
    )
    return look(vm.hypervisor, target, script=vm.script, console=console)
