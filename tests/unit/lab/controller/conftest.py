"""The service over a real database, with stand-ins for its VMs and without what needs root."""

from __future__ import annotations

import os
import signal
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from ipaddress import IPv4Address
from pathlib import Path
from typing import Any, TypeVar
from uuid import UUID, uuid4

import pytest
from aiohttp.test_utils import TestClient, TestServer
from tenacity import AsyncRetrying, retry_if_result, stop_after_delay, wait_fixed

from harness.database.scratch import ScratchPostgres, scratch_postgres
from harness.window.chromium import Chromium
from lab.controller import vm
from lab.controller.agents import Agents
from lab.controller.api import application
from lab.controller.launch import Launcher
from lab.controller.logins import Logins
from lab.controller.rows import Rows
from lab.controller.service import Service
from lab.controller.settings import Settings
from lab.controller.vm import Vm
from tests.unit.lab.controller.guest import FakeAgent, agent_server, start_process, websockify_server
from tests.unit.lab.controller.pages import Pages, opened
from tests.unit.lab.controller.programs import Programs
from tests.unit.peers.small_suite import ROOT

T = TypeVar("T")

USER = UUID("5b0f3c1e-8d5a-4c8e-9b57-0d6f7c1b2a02")
SCHEMA = ROOT / "lab/minipc/database/schema.sql"


async def eventually(look: Callable[[], T | None]) -> T:
    """What a look finds, once it finds something."""

    async def found() -> T | None:
        return look()

    until = AsyncRetrying(
        retry=retry_if_result(lambda seen: not seen), stop=stop_after_delay(60), wait=wait_fixed(0.02)
    )
    seen: T = await until(found)
    return seen


@pytest.fixture(scope="session")
def database() -> Iterator[ScratchPostgres]:
    """PostgreSQL with the service's tables and one user."""
    with scratch_postgres() as postgres:
        with postgres.connect() as connection:
            connection.execute(SCHEMA.read_text("utf-8").encode())
            connection.execute("INSERT INTO users (user_id, email) VALUES (%s, 'a@example.com')", [USER])
        yield postgres


@dataclass
class Host:
    """The service, and sessions whose VMs look alive to it."""

    service: Service
    agent: FakeAgent
    stack: AsyncExitStack
    api: TestClient[Any, Any] = field(init=False)

    async def session(self, *, status: str = "ready") -> tuple[UUID, Vm]:
        """A session in that state, and its running VM."""
        rows, launcher = self.service.rows, self.service.launcher
        session_id, vm_id = uuid4(), f"vm-{uuid4()}"
        process = start_process(vm_id)
        self.stack.callback(process.wait)
        self.stack.callback(process.kill)
        machine = vm.at(launcher.settings, vm_id, IPv4Address("127.0.0.1"), process.pid)
        machine.folder.mkdir(parents=True)
        machine.socket.touch()
        await rows.insert_session(session_id, USER, "codex", 600)
        await rows.insert_vm(
            vm_id, USER, address=machine.address, tap=machine.tap, socket=str(machine.socket)
        )
        await rows.session_has_vm(session_id, vm_id, machine.address)
        await rows.vm_started(vm_id, process.pid, vcpus=2, memory_mib=1536)
        await rows.session_ready(session_id, launcher.novnc_path(session_id))
        if status == "awaiting_user_auth":
            await rows.login_started(session_id, "http://before")
        elif status != "ready":
            await rows.session_over(session_id, status, None)
        launcher.vms[vm_id] = machine
        return session_id, machine

    @staticmethod
    def kill(machine: Vm) -> None:
        """The VM's process ends by itself; it is left to be reaped by whoever started it."""
        assert machine.pid
        os.kill(machine.pid, signal.SIGKILL)
        os.waitid(os.P_PID, machine.pid, os.WEXITED | os.WNOWAIT)

    async def row(self, session_id: UUID) -> dict[str, Any]:
        """The session's row."""
        row = await self.service.rows.session(session_id)
        assert row is not None
        return row

    async def comes_to(self, session_id: UUID, status: str) -> dict[str, Any]:
        """The session's row once it has this status."""
        until = AsyncRetrying(
            retry=retry_if_result(lambda row: row["status"] != status),
            stop=stop_after_delay(60),
            wait=wait_fixed(0.02),
        )
        row: dict[str, Any] = await until(self.row, session_id)
        return row


@pytest.fixture
async def host(database: ScratchPostgres, tmp_path: Path) -> AsyncIterator[Host]:
    """The service, its API served, and an agent and a websockify at the address of every VM."""
    async with AsyncExitStack() as stack:
        agent, agent_port = await stack.enter_async_context(agent_server())
        settings = Settings(
            database.url(),
            agent_port=agent_port,
            websockify_port=await stack.enter_async_context(websockify_server()),
            vms=tmp_path / "vms",
            sockets=tmp_path,
            snapshots=tmp_path / "snapshots",
            novnc=tmp_path,
            first_vm=IPv4Address("127.0.0.2"),
            last_vm=IPv4Address("127.0.0.254"),
            login_poll_s=0.02,
            login_silence_s=0.3,
            completed_linger_s=0.1,
        )
        rows = Rows(settings.database_url)
        await rows.open()
        stack.push_async_callback(rows.close)
        agents = await stack.enter_async_context(Agents(settings))
        launcher = Launcher(settings, rows)
        logins = Logins(launcher, agents)
        stack.push_async_callback(logins.stop)
        host = Host(Service(launcher, agents, logins), agent, stack)
        host.api = await stack.enter_async_context(TestClient(TestServer(application(host.service))))
        yield host


@pytest.fixture
def programs(host: Host, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Programs:
    """What the service starts on its host, for tests that launch."""
    return Programs(host.service.launcher.settings, tmp_path / "programs", monkeypatch)


@pytest.fixture(scope="session")
def browser() -> Iterator[Chromium]:
    """One for all pages."""
    with Chromium() as running:
        yield running


@pytest.fixture
async def pages(browser: Chromium, tmp_path: Path) -> AsyncIterator[Pages]:
    """A tab for the dashboard's pages."""
    async with opened(browser, tmp_path) as pages:
        yield pages
