"""The desktop of clones that are experimented on: frozen, unless the agent cannot do without it."""

from __future__ import annotations

import threading
from collections.abc import Iterable

from harness.errors import UnfitVmError
from harness.guest.identity import AgentLogin, log_in
from harness.text import beginning
from harness.vm.inside import freezing
from harness.vm.machine import Vm

_FREEZE_S = 60.0
_SHOWN = 200  # of an answer; what became of the agent comes after it


class Desktop:
    """What a run knows of it. An agent that calls into its desktop while somebody logs in would hang there
    for our reason: so the first login in a clone with a frozen desktop decides for the whole run.

    Used by several threads at once.
    """

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._frozen: set[str] = set()
        self._done_without = False
        self.needed = ""
        """What came of a login while it was frozen, where that was no address; empty: it may be frozen."""

    def prepare(self, vm: Vm) -> None:
        """Wait for the agent (how long it takes is not what is tried here), and leave only it at work.

        :raises WaitTimeoutError: it never got healthy.
        """
        site = vm.hypervisor.site
        vm.wait_healthy(max(site.guest.recovery_s, vm.health_s))
        if site.guest.desktop_units and not self.needed:
            vm.script(freezing(site.guest.desktop_units), timeout_s=_FREEZE_S)
            self._frozen.add(vm.name)

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

        :raises UnfitVmError: one came to nothing in a clone whose desktop is frozen.
        """
        failed = [login for login in logins if not login.url]
        with self._lock:
            if vm.name not in self._frozen:
                return
            if not failed:
                self._done_without = True
                return
            self.needed = f"{failed[0].provider}: {beginning(failed[0].answer.partition(';')[0], _SHOWN)}"
        raise UnfitVmError(f"{vm.name}: its desktop is frozen, and a login came to nothing: {self.needed}")
