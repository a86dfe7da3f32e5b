"""Sessions and their VMs: launched, watched, ended. The only place that changes both host and rows."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from uuid import UUID, uuid4
from weakref import WeakValueDictionary

import psycopg

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
    """Every VM that this service made or took over, by its id, until nothing is left of it."""

    def __init__(self, settings: Settings, rows: Rows) -> None:
        self.settings = settings
        self.rows = rows
        self.vms: dict[str, Vm] = {}
        self.due: dict[UUID, tuple[str, str | None]] = {}
        """Sessions that are to end, how and why, until their rows say so."""
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
            await self._over(session_id, "cancelled", "cancelled while its VM was being made")
            raise LaunchError("the session was cancelled") from None
        except Exception as error:
            reason = str(error) or type(error).__name__
            journal.error(
                "[LAUNCH-BROWSER-VM] Launch failed",
                sessionId=session_id,
                reason=reason,
                kind=type(error).__name__,
            )
            await self._over(session_id, "failed", reason)
            raise LaunchError(reason) from error
        finally:
            del self._launches[session_id]

    async def end_session(self, session_id: UUID, status: str, reason: str | None) -> bool:
        """End a session and destroy its VM, in whatever state they are; False where it is over already.

        What fails of it once it has begun is due: the watch does it again.
        """
        async with self._ending(session_id):
            if not await self._unfinished(session_id):
                self.due.pop(session_id, None)
                return False
            self.due[session_id] = (status, reason)
            if task := self._launches.get(session_id):
                task.cancel()
                await asyncio.wait([task])
            session = await self.rows.session(session_id)
            if session and (machine := self.vms.get(session["browser_vm_id"])):
                await self.destroy(machine)
            await self._over(session_id, status, reason)
            return True

    async def complete_session(self, session_id: UUID) -> bool:
        """The session's login is complete; its VM stays for now. False where the session is over already."""
        async with self._ending(session_id):
            if not await self._unfinished(session_id):
                return False
            await self.rows.session_over(session_id, "completed", None)
            return True

    async def destroy(self, machine: Vm) -> None:
        """Remove a VM from the host, then say so in its row; whoever comes second waits until that is done.

        Where it fails, the VM stays known: the watch destroys it again.
        """
        if not machine.gone.is_set():
            machine.gone.set()
            self.vms[machine.vm_id] = machine
        async with machine.ending:
            if machine.vm_id in self.vms:
                await self._destroy(machine)

    async def finish(self) -> None:
        """End every session that is due, and every VM that is to be destroyed, as far as that can be done."""
        for session_id, (status, reason) in list(self.due.items()):
            await self._try(self.end_session(session_id, status, reason))
        for machine in [machine for machine in self.vms.values() if machine.gone.is_set()]:
            await self._try(self.destroy(machine))

    async def cancel_launches(self) -> None:
        """Give up every launch that is under way: the service is about to end."""
        tasks = list(self._launches.values())
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)

    async def _over(self, session_id: UUID, status: str, reason: str | None) -> None:
        """Write that a session is over; until that is done, it is due."""
        self.due[session_id] = (status, reason)
        await self.rows.session_over(session_id, status, reason)
        self.due.pop(session_id, None)

    async def _destroy(self, machine: Vm) -> None:
        journal.info("[DESTROY-VM] Destroying VM", vmId=machine.vm_id)
        try:
            await self.rows.vm_stopping(machine.vm_id)
        except psycopg.Error as error:  # no reason to let it run on
            journal.warn("[DESTROY-VM] Database error", vmId=machine.vm_id, reason=str(error).strip())
        await vm.remove(machine)
        await self.rows.vm_destroyed(machine.vm_id)
        del self.vms[machine.vm_id]

    @staticmethod
    async def _try(end: Awaitable[object]) -> None:
        """An end that fails keeps nothing else from being done; the watch tries again."""
        try:
            await end
        except Exception as error:  # noqa: BLE001 - a host can fail in any way, and what it was about is kept
            journal.error(
                "[DESTROY-VM] Failed, to be tried again", kind=type(error).__name__, reason=str(error).strip()
            )

    def _ending(self, session_id: UUID) -> asyncio.Lock:
        """One end of a session at a time: whoever comes second finds it over."""
        return self._endings.setdefault(session_id, asyncio.Lock())

    async def _unfinished(self, session_id: UUID) -> bool:
        session = await self.rows.session(session_id)
        return session is not None and session["status"] not in FINISHED

    async def _launch(self, session_id: UUID, user_id: UUID) -> Vm:
        vm_id = self._draw_id()
        device = vm.device(self.settings, vm_id)
        self._taps.add(device)
        ids = {"vmId": vm_id, "sessionId": session_id, "userId": user_id}
        journal.info("[LAUNCH-BROWSER-VM] Starting Browser VM...", **ids)
        try:
            machine = await self._make(vm_id, session_id, user_id)
        finally:
            self._taps.discard(device)
        async with vm.undone_on_failure(lambda: self._try(self.destroy(machine))):
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
            async with vm.undone_on_failure(lambda: self._try(self.destroy(machine))):
                await vm.connect(self.settings, machine)
                await vm.clone_disk(self.settings, machine)
                socket = str(machine.socket)
                await self.rows.insert_vm(vm_id, user_id, address=address, tap=machine.tap, socket=socket)
                await self.rows.session_has_vm(session_id, vm_id, address)
        return machine

    def _draw_id(self) -> str:
        """A VM id whose TAP's name, made of its first characters, nobody has."""
        while True:
            vm_id = f"vm-{uuid4()}"
            device = vm.device(self.settings, vm_id)
            if device not in self._taps and not tap.exists(device):
                return vm_id

    def novnc_path(self, session_id: UUID) -> str:
        """Where the session's browser window will be."""
        return f"/api/auth/session/{session_id}/novnc"
