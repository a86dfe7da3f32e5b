"""The desktop of clones that are experimented on: frozen or not started, unless the agent needs it."""

from __future__ import annotations

import threading
from collections.abc import Iterable

from harness.errors import UnfitVmError
from harness.guest.cold_boot import boot_with_desktop, boot_without_desktop
from harness.guest.identity import AgentLogin, log_in
from harness.host.hypervisor import Hypervisor
from harness.text import beginning
from harness.vm.inside import freezing
from harness.vm.machine import Vm

_FREEZE_S = 60.0
_SHOWN = 200  # of an answer; what became of the agent comes after it

LEAVE_OUT = "leave out of guest.desktop_units of the profile what the agent cannot do without"


class Desktop:
    """What a run knows of it. An agent that calls into its desktop while somebody logs in would hang there
    for our reason: so the first login in a clone with a frozen desktop decides for the whole run. So does an
    agent that does not come up without it: it may wait for its display before it listens.

    Used by several threads at once.
    """

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._frozen: set[str] = set()
        self._left_out: set[str] = set()
        self._missed_at_boot = False
        self._done_without: set[str] = set()
        """The providers at which somebody logged in without it."""
        self._started_without = False
        self.needed = ""
        """What came of a login or a start without it, where that was nothing; empty: it may be frozen."""

    def prepare(self, vm: Vm) -> None:
        """Wait for the agent (how long it takes is not what is tried here), and leave only it at work.

        :raises WaitTimeoutError: it never got healthy.
        """
        site = vm.hypervisor.site
        vm.wait_healthy(max(site.guest.recovery_s, vm.health_s))
        if site.guest.desktop_units and not self.needed:
            vm.script(freezing(site.guest.desktop_units), timeout_s=_FREEZE_S)
            self._frozen.add(vm.name)

    def boot(self, hypervisor: Hypervisor) -> Vm:
        """Boot the golden disk, without its desktop where the agent is not known to need it.

        :raises VmError: as :func:`harness.vm.machine.cold_boot`.
        """
        if self.needed or self._missed_at_boot:
            return boot_with_desktop(hypervisor)
        vm = boot_without_desktop(hypervisor)
        if not hypervisor.site.guest.desktop_units:
            return vm
        self._left_out.add(vm.name)
        return vm

    def judge_start(self, vm: Vm, why: str) -> None:
        """Take a start of the agent in a clone for what it tells.

        :param why: why it did not come up; empty: it did.
        :raises UnfitVmError: it did not, in a clone whose desktop it may have waited for.
        """
        with self._lock:
            is_frozen, is_left_out = vm.name in self._frozen, vm.name in self._left_out
            if not why:
                self._started_without |= is_frozen
                return
            if not is_left_out and (not is_frozen or self._started_without):
                return
            self._missed_at_boot |= is_left_out
            if is_frozen:
                self.needed = beginning(why, _SHOWN)
        lacks = "its desktop is frozen" if is_frozen else "it was booted without its desktop"
        raise UnfitVmError(f"{vm.name}: {lacks}, and the agent did not come up: {why}", hint=LEAVE_OUT)

    def find_out(self, vm: Vm, probe: str) -> None:
        """Log in once, where no login in this run has told yet.

        :raises UnfitVmError: that came to nothing in this clone, whose desktop is frozen.
        """
        with self._lock:
            if vm.name not in self._frozen or self._done_without:
                return
            agent = vm.hypervisor.site.agent
            limit_s = agent.database_timeout_s + agent.login_s
            session = f"{probe.replace(' ', '-')}-desktop"
            login = log_in(vm, agent.providers[0], session, timeout_s=limit_s)
            self.judge(vm, [login])

    def judge(self, vm: Vm, logins: Iterable[AgentLogin]) -> None:
        """Take logins in a clone for what they tell.

        :raises UnfitVmError: one came to nothing in a clone whose desktop is frozen, and at a provider where
            none was answered without it before.
        """
        with self._lock:
            if vm.name not in self._frozen:
                return
            seen = list(logins)
            failed = [one for one in seen if not one.url and one.provider not in self._done_without]
            self._done_without.update(one.provider for one in seen if one.url)
            if not failed:  # or by themselves: it was done without before
                return
            self.needed = f"{failed[0].provider}: {beginning(failed[0].answer.partition(';')[0], _SHOWN)}"
        raise UnfitVmError(
            f"{vm.name}: its desktop is frozen, and a login came to nothing: {self.needed}", hint=LEAVE_OUT
        )
