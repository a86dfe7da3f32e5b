"""Sessions and their VMs: launched, watched, ended. The only place that changes both host and rows."""

from __future__ import annotations

import asyncio
from uuid import UUID, uuid4
from weakref import WeakValueDictionary

from lab.controller import health, journal, tap, vm
from lab.controller.allocation import Addresses
from lab.controller.rows import FINISHED, Rows
from lab.controller.settings import Settings
from lab.controller.vm import Vm

VM_ENDED = "VM process ended"
"""Why a session failed whose VM did not live."""


class LaunchError(Exception):
    """A session's VM could not be made; the message is for the session's row and the caller."""


class Launcher:
    """Every VM that this service made or took over, by its id."""

    def __init__(self, settings: Settings, rows: Rows) -> None:
        self.settings = settings
        self.rows = rows
        self.vms: dict[str, Vm] = {}
        self._launches: dict[UUID, asyncio.Task[Vm]] = {}
        self._addresses = Addresses(
            settings.first_vm,
            settings.last_vm,
            reserved=(settings.gateway, settings.snapshot_address),
        )
        self._taps: set[str] = set()
        self._endings: WeakValueDictionary[UUID, asyncio.Lock] = WeakValueDictionary()

    async def start_session(self, user_id: UUID, provider: str) -> tuple[UUID, Vm]:
        """A new session with a healthy VM of its own.

        :raises LaunchError: there is none; whatever was made of it is gone, and the session says why.
        """
        session_id = uuid4()
        await self.rows.insert_session(session_id, user_id, provider, self.settings.session_timeout_s)
        task = asyncio.create_task(self._launch(session_id, user_id))
        self._launches[session_id] = task
        try:
            return session_id, await task
        except asyncio.CancelledError:
            await self.rows.session_over(session_id, "cancelled", "cancelled while its VM was being made")
            raise LaunchError("the session was cancelled") from None
        except Exception as error:
            reason = str(error) or type(error).__name__
            journal.error(
                "[LAUNCH-BROWSER-VM] Launch failed",
                sessionId=session_id,
                reason=reason,
                kind=type(error).__name__,
            )
            await self.rows.session_over(session_id, "failed", reason)
            raise LaunchError(reason) from error
        finally:
            del self._launches[session_id]

    async def end_session(self, session_id: UUID, status: str, reason: str | None) -> bool:
        """End a session and destroy its VM, in whatever state they are; False where it is over already."""
        async with self._ending(session_id):
            if not await self._unfinished(session_id):
                return False
            if task := self._launches.get(session_id):
                task.cancel()
                await asyncio.wait([task])
            session = await self.rows.session(session_id)
            if session and (machine := self.vms.get(session["browser_vm_id"])):
                await self.destroy(machine)
            await self.rows.session_over(session_id, status, reason)
            return True

    async def complete_session(self, session_id: UUID) -> bool:
        """The session's login is complete; its VM stays for now. False where the session is over already."""
        async with self._ending(session_id):
            if not await self._unfinished(session_id):
                return False
            await self.rows.session_over(session_id, "completed", None)
            return True

    async def destroy(self, machine: Vm) -> None:
        """Remove a VM from the host, then say so in its row; nothing happens where that is under way."""
        if machine.gone.is_set():
            return
        machine.gone.set()
        journal.info("[DESTROY-VM] Destroying VM", vmId=machine.vm_id)
        self.vms.pop(machine.vm_id, None)
        await self.rows.vm_stopping(machine.vm_id)
        await vm.remove(machine)
        await self.rows.vm_destroyed(machine.vm_id)

    async def cancel_launches(self) -> None:
        """Give up every launch that is under way: the service is about to end."""
        tasks = list(self._launches.values())
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)

    def _ending(self, session_id: UUID) -> asyncio.Lock:
        """One end of a session at a time: whoever comes second finds it over."""
        return self._endings.setdefault(session_id, asyncio.Lock())

    async def _unfinished(self, session_id: UUID) -> bool:
        session = await self.rows.session(session_id)
        return session is not None and session["status"] not in FINISHED

    async def _launch(self, session_id: UUID, user_id: UUID) -> Vm:
        vm_id = self._draw_id()
        device = tap.name(vm_id)
        self._taps.add(device)
        ids = {"vmId": vm_id, "sessionId": session_id, "userId": user_id}
        journal.info("[LAUNCH-BROWSER-VM] Starting Browser VM...", **ids)
        try:
            machine = await self._make(vm_id, session_id, user_id)
        finally:
            self._taps.discard(device)
        async with vm.undone_on_failure(lambda: self.destroy(machine)):
            vcpus, memory_mib = vm.size(self.settings)
            await vm.start(self.settings, machine)
            await self.rows.vm_started(vm_id, machine.pid or 0, vcpus=vcpus, memory_mib=memory_mib)
            await health.wait_ready(self.settings, machine)
            await self.rows.session_ready(session_id, self.novnc_path(session_id))
        self.vms[vm_id] = machine
        journal.info("[LAUNCH-BROWSER-VM] Browser VM ready", **ids, vmIP=str(machine.address))
        return machine

    async def _make(self, vm_id: str, session_id: UUID, user_id: UUID) -> Vm:
        """Address, TAP, disk and row, in this order."""
        async with self._addresses.reserve(self.rows.live_addresses) as address:
            machine = vm.at(self.settings, vm_id, address)
            async with vm.undone_on_failure(lambda: self._unmake(machine)):
                await tap.create(machine.tap, self.settings.bridge)
                await vm.clone_disk(self.settings, machine)
                socket = str(machine.socket)
                await self.rows.insert_vm(vm_id, user_id, address=address, tap=machine.tap, socket=socket)
                await self.rows.session_has_vm(session_id, vm_id, address)
        return machine

    async def _unmake(self, machine: Vm) -> None:
        """What is there before a VM runs; its row may or may not be."""
        await vm.remove(machine)
        await self.rows.vm_destroyed(machine.vm_id)

    def _draw_id(self) -> str:
        """A VM id whose TAP's name, made of its first characters, nobody has."""
        while True:
            vm_id = f"vm-{uuid4()}"
            device = tap.name(vm_id)
            if device not in self._taps and not tap.exists(device):
                return vm_id

    def novnc_path(self, session_id: UUID) -> str:
        """Where the session's browser window will be."""
        return f"/api/auth/session/{session_id}/novnc"
