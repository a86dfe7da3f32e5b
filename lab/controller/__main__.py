"""The service's entry point."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys

from aiohttp import web

from lab.controller import journal
from lab.controller.settings import from_environment


def main() -> int:
    """Serve until SIGTERM."""
    asyncio.run(serve())
    return 0


async def serve() -> None:
    """Open everything, say so to systemd, wait for SIGTERM, close everything."""
    settings = from_environment()
    app = web.Application()

    async def health(_request: web.Request) -> web.Response:
        return web.json_response({"status": "ok"})

    app.router.add_get("/health", health)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "0.0.0.0", settings.port).start()
    _notify("READY=1")
    journal.info("master-controller listening", port=settings.port)
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    await stop.wait()
    await runner.cleanup()


def _notify(state: str) -> None:
    if address := os.environ.get("NOTIFY_SOCKET"):
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
            sock.connect("\0" + address[1:] if address.startswith("@") else address)
            sock.send(state.encode())


if __name__ == "__main__":
    sys.exit(main())
