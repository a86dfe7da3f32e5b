"""The machine's QEMU, asked over QMP."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from qemu.qmp import QMPClient, QMPError

from harness.errors import HarnessError

TIMEOUT_S = 20.0


class MonitorError(HarnessError):
    """QEMU does not answer, or refused."""


def status(socket: Path) -> str:
    """What the machine is doing: ``running``, or why not."""
    said = _ask(socket, lambda client: client.execute("query-status"))
    return str(said["status"])


def end(socket: Path) -> None:
    """Have QEMU write what it holds, and end."""
    _ask(socket, lambda client: client.execute("quit"))


def _ask(socket: Path, question: Callable[[QMPClient], Awaitable[Any]]) -> Any:
    async def ask() -> Any:
        client = QMPClient("lab")
        await client.connect(str(socket))
        try:
            return await question(client)
        finally:
            with suppress(QMPError, EOFError, OSError):  # one that was told to end hangs up itself
                await client.disconnect()

    try:
        return asyncio.run(asyncio.wait_for(ask(), TIMEOUT_S))
    except (QMPError, OSError, EOFError, TimeoutError) as error:
        raise MonitorError(f"QEMU: {str(error) or type(error).__name__}") from error
