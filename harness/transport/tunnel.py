"""TCP ports on loopback that lead into unix sockets, for clients that need TCP."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import threading
from abc import ABC, abstractmethod
from collections.abc import Iterator
from pathlib import Path

from harness.custodian.relay import Streams, carry

log = logging.getLogger(__name__)

LOOPBACK = "127.0.0.1"
_START_OR_STOP_S = 5.0


class LoopbackServer(ABC):
    """A TCP port on loopback; runs in the event loop that started it."""

    def __init__(self) -> None:
        self.port = 0
        self._server: asyncio.Server | None = None
        self._busy: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        """Listen."""
        self._server = await asyncio.start_server(self._serve, LOOPBACK, 0)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """Stop listening, and drop every connection."""
        if self._server is not None:
            self._server.close()
        for task in self._busy:
            task.cancel()
        await asyncio.gather(*self._busy, return_exceptions=True)

    @abstractmethod
    async def serve(self, client: Streams) -> None:
        """One connection; it is closed afterwards, and no loss of it is an error."""

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None  # noqa: S101 - for the type checker: a coroutine that runs has a task
        self._busy.add(task)
        try:
            with contextlib.suppress(asyncio.CancelledError, EOFError, OSError):
                await self.serve((reader, writer))
        finally:
            self._busy.discard(task)
            writer.close()


class _Tunnel(LoopbackServer):
    """Whoever connects talks to ``target``."""

    def __init__(self, target: Path) -> None:
        super().__init__()
        self._target = target

    async def serve(self, client: Streams) -> None:
        try:
            far = await asyncio.open_unix_connection(str(self._target))
        except OSError as error:
            log.warning("%s: %s", self._target, error.strerror)
        else:
            await carry(client, far)


@contextlib.contextmanager
def loopback_tunnel(target: Path) -> Iterator[int]:
    """A port, while the block runs. Whoever connects to the port talks to ``target``; the end closes all."""
    loop, tunnel = asyncio.new_event_loop(), _Tunnel(target)
    thread = threading.Thread(target=loop.run_forever, name="tunnel", daemon=True)
    thread.start()
    try:
        asyncio.run_coroutine_threadsafe(tunnel.start(), loop).result(_START_OR_STOP_S)
        try:
            yield tunnel.port
        finally:
            asyncio.run_coroutine_threadsafe(tunnel.stop(), loop).result(_START_OR_STOP_S)
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join(_START_OR_STOP_S)
        loop.close()
