"""The VM of a launch that takes long, looked at while it lives: once the launch has failed, it is gone."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Mapping
from dataclasses import replace
from types import TracebackType
from typing import Any

from harness.causes.facts import Facts
from harness.causes.hops import Target
from harness.causes.look import LIMIT_S, look
from harness.errors import UnreadableError
from harness.host.hypervisor import Hypervisor
from harness.site.patterns import is_wholly
from harness.site.profile import Site
from harness.values import ipv4
from harness.vm.inside import Guest

AGAIN_S = 20.0
_FIRST_SHARE = 6
"""A launch that is well has ended within so small a part of the time that it may take."""
_GIVEN_UP = "by itself or because the launch was given up"
_GONE = f"it had ended by a later look, {_GIVEN_UP}"
_NO_LOOK = "no VM of it was seen to live long enough to be looked at"
_NO_ROW = "no session of its user that is not over named a VM with a row when it was looked for"
FindVm = Callable[[], Mapping[str, Any] | None]
"""The row of the VM that is being launched; None where there is none yet."""


class LaunchWatch:
    """A context manager around a launch; ``facts`` is the last look at a VM that lived, else at one of which
    that is not known, or None.

    A VMM that is gone at a later look has mostly been ended by who gave the launch up: that is no cause, and
    counts only where the host's kernel says that it has killed it.

    :param find: asked from a thread of its own.
    """

    def __init__(self, hypervisor: Hypervisor, find: FindVm) -> None:
        self.facts: Facts | None = None
        self.untold = _NO_LOOK
        """Why there are none."""
        self._hypervisor = hypervisor
        self._find = find
        self._vm_id, self._pid = "", 0
        self._has_lived = False
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="launch-watch", daemon=True)

    def __enter__(self) -> LaunchWatch:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        if error is not None:  # a look under way is waited for: it is what there is to tell
            self._thread.join(2 * LIMIT_S)

    def _watch(self) -> None:
        wait_s = self._hypervisor.site.session.launch_s / _FIRST_SHARE
        while not self._over.wait(wait_s):
            wait_s = AGAIN_S
            try:
                self._look()
            except Exception as error:  # noqa: BLE001 - the run may have ended meanwhile
                self.untold = f"the look at it failed: {type(error).__name__}: {error}"

    def _look(self) -> None:
        """One that is not there was perhaps not begun, or is not to be told from others."""
        row = self._find()
        if row is None:
            self.untold = _NO_ROW if self.untold == _NO_LOOK else self.untold
            return
        if (vm_id := str(row.get("vm_id"))) != self._vm_id:  # a launch that is tried again has another VM
            self._vm_id, self._pid = vm_id, 0
        self._note(look_at_row(self._hypervisor, row, pid=self._pid))

    def _note(self, seen: Facts) -> None:
        """Of a VMM that was not found it is not known that it has ended: that look is better than none."""
        process = seen.hops.process if seen.hops else None
        if process is not None and process.runs:
            self._pid = process.pid
        if process is not None and (process.runs or process.oom or seen.inside is not None):
            self.facts, self._has_lived = seen, True
        elif self._has_lived:
            if self.facts is not None and process is not None:
                self.facts = replace(self.facts, unknown={**self.facts.unknown, "vmm": _GONE})
        elif process is None or not process.is_known:
            self.facts = seen
        else:
            self.untold = f"{seen.whose} had ended by the first look at it, {_GIVEN_UP}"


def look_at_row(hypervisor: Hypervisor, row: Mapping[str, Any], *, pid: int = 0) -> Facts:
    """Look at the VM that a row promises, from the host and, where there is a way, inside.

    :param pid: its VMM's, where that was seen before.
    :raises UnreadableError: the row names no address, or no VM.
    """
    target = replace(target_of(row, hypervisor.site), pid=pid)
    port = hypervisor.site.guest.ssh_port
    path = hypervisor.forward(f"tcp:{target.address}:{port}")
    name = f"acc-{hypervisor.run_id}-w{target.address.rpartition('.')[2]}"
    with contextlib.closing(Guest(hypervisor, name, path, whose=target.word)) as guest:
        return look(hypervisor, target, script=guest.script)


def target_of(row: Mapping[str, Any], site: Site) -> Target:
    """Where a row's VM is to be found on the host.

    :raises UnreadableError: it names no address, or no VM.
    """
    vm_id = row.get("vm_id")
    if not isinstance(vm_id, str) or not is_wholly(site.state.vm_id_pattern, vm_id):
        raise UnreadableError(f"the row of the launch's VM has no id as {site.state.vm_id_pattern}")
    address = ipv4(str(row.get("ip_address")).partition("/")[0], whose=f"the row of {vm_id}")
    tap = row.get("tap_device") or site.state.tap_of(vm_id)
    return Target(
        whose=f"the VM {vm_id} of the launch",
        word=vm_id,
        address=str(address),
        tap=str(tap),
        bridge=site.network.bridge,
    )
