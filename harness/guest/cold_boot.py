"""A VM booted from the golden disk instead of restored: what was observed."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass

from harness.causes.cause import Diagnosis
from harness.causes.clone import diagnosed
from harness.errors import HarnessError, VmmError, WaitTimeoutError
from harness.guest.agent_state import AgentState, ask_agent_state
from harness.host.hypervisor import Hypervisor
from harness.vm.machine import Vm, cold_boot


@dataclass(frozen=True)
class ColdBoot:
    """One cold boot; ``healthy_s`` None: the agent never got healthy, and ``error`` says what was seen."""

    healthy_s: float | None
    error: str
    console: str
    boot_id: str = ""
    state: AgentState | None = None
    no_start: str = ""
    """Why the agent did not come up in a VM that did."""
    diagnosis: Diagnosis | None = None
    """What ails it, where it never got healthy."""


def boot_without_desktop(hypervisor: Hypervisor) -> Vm:
    """Boot the golden disk, without the units that the profile says the agent can do without.

    :raises VmError: as :func:`harness.vm.machine.cold_boot`.
    """
    site = hypervisor.site
    left_out = [f"systemd.mask={unit}" for unit in site.guest.desktop_units]
    return cold_boot(hypervisor, boot_args=" ".join([*_telling(site.snapshot.boot_args), *left_out]))


def boot_with_desktop(hypervisor: Hypervisor) -> Vm:
    """Boot the golden disk, whole.

    :raises VmError: as :func:`harness.vm.machine.cold_boot`.
    """
    return cold_boot(hypervisor, boot_args=" ".join(_telling(hypervisor.site.snapshot.boot_args)))


def _telling(boot_args: str) -> list[str]:
    """The words of a command line, so that a quiet boot tells what failed, also where the image forbids it.

    One that is not quiet is left as it is: it may tell more.
    """
    words = boot_args.split()
    is_mute = "quiet" in words and not any(word.startswith("systemd.show_status") for word in words)
    return [*words, "systemd.show_status=error"] if is_mute else words


def console_of_another(hypervisor: Hypervisor) -> str:
    """What the console of one more boot of the golden disk shows; nothing where the profile names no kernel.

    :raises VmError: as :func:`harness.vm.machine.cold_boot`.
    """
    if hypervisor.site.snapshot.kernel is None:
        return ""
    with boot_without_desktop(hypervisor) as vm:
        with contextlib.suppress(WaitTimeoutError, VmmError):  # what it said until then will do
            vm.wait_healthy()
        return vm.console()


def observe_cold_boot(vm: Vm) -> ColdBoot:
    """Wait for a healthy agent, then ask for the boot id and the unit's state.

    A kernel that panics ends its VMM: that, too, is what was observed.
    """
    try:
        vm.wait_healthy(vm.hypervisor.site.guest.boot_health_s)
    except VmmError as error:
        return ColdBoot(None, error.message, vm.console(), diagnosis=diagnosed(vm))
    except WaitTimeoutError as error:
        diagnosis, console = diagnosed(vm), vm.console()
        return ColdBoot(None, error.message, console, no_start=error.message, diagnosis=diagnosis)
    result = vm.script("cat /proc/sys/kernel/random/boot_id", timeout_s=30)
    if result.status != 0:
        raise HarnessError(f"{vm.name}: no boot id: {result.stderr.strip()[-300:]}")
    state = ask_agent_state(vm)
    return ColdBoot(vm.timings["healthy"], "", vm.console(), result.stdout.strip(), state)
