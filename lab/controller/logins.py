"""Logins under way: started at the agent once a session is ready, and watched until complete or failed."""

from __future__ import annotations

import asyncio
import time
from contextlib import suppress
from uuid import UUID

from lab.controller import journal
from lab.controller.agents import AgentError, Agents
from lab.controller.launch import VM_ENDED, Launcher
from lab.controller.rows import FINISHED, Row
from lab.controller.vm import Vm


class LoginFailedError(Exception):
    """A login will never be complete; the message is for the session's row."""


class Logins:
    """One follower for each session whose VM runs."""

    def __init__(self, launcher: Launcher, agents: Agents) -> None:
        self._launcher = launcher
        self._agents = agents
        self._settings = launcher.settings
        self._followers: set[asyncio.Task[None]] = set()

    def follow(self, session_id: UUID, machine: Vm) -> None:
        """Follow a session's login to its end, from wherever it stands."""
        task = asyncio.create_task(self._follow(session_id, machine))
        self._followers.add(task)
        task.add_done_callback(self._followers.discard)

    async def resume(self) -> None:
        """Follow on what the last run of the service followed; a VM whose session is over has no use."""
        sessions = await self._launcher.rows.sessions_on(self._launcher.vms)
        going = {row["browser_vm_id"]: row for row in sessions if row["status"] not in FINISHED}
        for vm_id in {row["browser_vm_id"] for row in sessions} - going.keys():
            await self._launcher.destroy(self._launcher.vms[vm_id])
        for vm_id, row in going.items():
            journal.info("[LOGIN] Login followed on", sessionId=row["session_id"], vmId=vm_id)
            self.follow(row["session_id"], self._launcher.vms[vm_id])

    async def stop(self) -> None:
        """Follow no more; the logins themselves go on."""
        for task in self._followers:
            task.cancel()
        if self._followers:
            await asyncio.wait(self._followers)

    async def _follow(self, session_id: UUID, machine: Vm) -> None:
        """Look again after any trouble of our own, for as long as the VM is there."""
        while not machine.gone.is_set():
            try:
                await self._to_its_end(session_id, machine)
            except Exception as error:  # noqa: BLE001 - a database that is away for a moment must not lose a login
                journal.error("[LOGIN] Look failed", sessionId=session_id, kind=type(error).__name__)
                await self._pause(machine, self._settings.login_poll_s)
            else:
                return

    async def _to_its_end(self, session_id: UUID, machine: Vm) -> None:
        session = await self._launcher.rows.session(session_id)
        try:
            if session and session["status"] == "ready":
                await self._start(session, machine)
            if session and session["status"] not in FINISHED and await self._completed(session_id, machine):
                await self._launcher.complete_session(session_id)
                journal.info("[LOGIN] Login complete", sessionId=session_id, vmId=machine.vm_id)
        except LoginFailedError as error:
            reason = str(error) if machine.alive else VM_ENDED
            journal.warn("[LOGIN] Login failed", sessionId=session_id, reason=reason)
            await self._launcher.end_session(session_id, "failed", reason)
            return
        await self._pause(machine, self._settings.completed_linger_s)
        await self._launcher.destroy(machine)

    async def _start(self, session: Row, machine: Vm) -> None:
        session_id, provider = session["session_id"], session["provider"]
        journal.info("[LOGIN] Starting login", sessionId=session_id, provider=provider, vmId=machine.vm_id)
        try:
            url = await self._agents.start_login(machine, provider, session_id)
        except AgentError as error:
            raise LoginFailedError(f"the login could not be started: {error}") from error
        await self._launcher.rows.login_started(session_id, url)
        journal.info("[LOGIN] Awaiting the user", sessionId=session_id, vmId=machine.vm_id)

    async def _completed(self, session_id: UUID, machine: Vm) -> bool:
        """Wait until the agent has credentials; False where its VM is destroyed first.

        :raises LoginFailedError: there will never be any.
        """
        heard = time.monotonic()
        while not machine.gone.is_set():
            try:
                status = await self._agents.credentials_status(machine, session_id)
            except AgentError as error:
                silent_s = time.monotonic() - heard
                if error.status == 404:
                    raise LoginFailedError("the agent no longer knows the login") from error
                if silent_s > self._settings.login_silence_s and machine.alive:
                    raise LoginFailedError(f"the login was lost after {silent_s:.0f} s: {error}") from error
            else:
                heard = time.monotonic()
                if status.get("authenticated") is True:
                    return True
                if reason := status.get("error"):
                    raise LoginFailedError(str(reason)[:500])
            await self._pause(machine, self._settings.login_poll_s)
        return False

    @staticmethod
    async def _pause(machine: Vm, seconds: float) -> None:
        """Wait, but not for a VM that is destroyed meanwhile."""
        with suppress(TimeoutError):
            await asyncio.wait_for(machine.gone.wait(), seconds)
