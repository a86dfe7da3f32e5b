"""A launch that does not come to its end: nothing of it is left on the host."""

from __future__ import annotations

import asyncio

import pytest

from lab.controller import process
from lab.controller.launch import LaunchError
from tests.unit.lab.controller.conftest import USER, Host, eventually
from tests.unit.lab.controller.programs import Programs


async def test_a_launch_cancelled_before_its_vmm_listens_leaves_nothing(
    host: Host, programs: Programs
) -> None:
    """Neither its process, which no row names yet, nor the socket of that."""
    programs.deaf_vmm()
    launcher = host.service.launcher
    launch = asyncio.create_task(launcher.start_session(USER, "codex"))
    console = await eventually(lambda: next(launcher.settings.vms.glob("*/console.log"), None))
    pid = int(await eventually(console.read_text))
    vm_id = console.parent.name
    try:
        (session,) = await host.service.rows.sessions_on([vm_id])
        assert await launcher.end_session(session["session_id"], "cancelled", None)
        with pytest.raises(LaunchError, match="cancelled"):
            await launch
        assert not process.is_running(pid, vm_id)
        assert not list(launcher.settings.sockets.glob("*.sock"))
        assert not console.parent.exists()
    finally:
        await process.stop(pid, vm_id)
