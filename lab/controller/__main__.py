"""The service: recovers, serves, watches, until SIGTERM. Its VMs go on without it."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys

import psycopg
from aiohttp import web

from lab.controller import journal
from lab.controller.agents import Agents
from lab.controller.api import application
from lab.controller.launch import Launcher
from lab.controller.logins import Logins
from lab.controller.recovery import recover, watch
from lab.controller.rows import Rows
from lab.controller.service import Service
from lab.controller.settings import Settings, from_environment


def main() -> int:
    """Serve until SIGTERM."""
    return asyncio.run(serve(from_environment()))


async def serve(settings: Settings) -> int:
    """Open everything, say so to systemd, wait for SIGTERM, close everything."""
    stop = asyncio.Event()
    for sign in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(sign, stop.set)
    rows = Rows(settings.database_url)
    await rows.open()
    try:
        async with Agents(settings) as agents:
            launcher = Launcher(settings, rows)
            await recover(launcher)
            await _serve(Service(launcher, agents, Logins(launcher, agents)), stop)
    finally:
        await rows.close()
    return 0


async def _serve(service: Service, stop: asyncio.Event) -> None:
    """Answer, watch and follow until told to stop; then everything of it ends before this returns."""
    await service.logins.resume()
    port = service.launcher.settings.port
    runner = web.AppRunner(application(service), access_log=None, shutdown_timeout=5)
    await runner.setup()
    await web.TCPSite(runner, port=port).start()
    watcher = asyncio.create_task(_watch(service.launcher))
    journal.info("[SERVER] master-controller listening", port=port)
    notify("READY=1")
    await stop.wait()
    journal.info("[SERVER] master-controller stopping")
    watcher.cancel()
    await asyncio.wait([watcher])
    await service.launcher.cancel_launches()
    await service.logins.stop()
    await runner.cleanup()


async def _watch(launcher: Launcher) -> None:
    while True:
        await asyncio.sleep(launcher.settings.watch_interval_s)
        try:
            await watch(launcher)
        except psycopg.Error as error:
            journal.error("[WATCH] Database error", reason=str(error).strip())
        except Exception as error:  # noqa: BLE001 - one VM that cannot be cleared must not end the watch over all
            journal.error("[WATCH] Look failed", kind=type(error).__name__, reason=str(error))


def notify(state: str) -> None:
    """Tell systemd, where it asked to be told."""
    if address := os.environ.get("NOTIFY_SOCKET"):
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as door:
            door.connect("\0" + address[1:] if address.startswith("@") else address)
            door.send(state.encode())


if __name__ == "__main__":
    sys.exit(main())
