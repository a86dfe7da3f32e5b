"""A stand-in for a VM: a process with its id, and real servers in the place of its agent and websockify."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from aiohttp import web
from aiohttp.test_utils import TestServer
from websockets.asyncio.server import ServerConnection, serve

LOGIN_URL = "http://192.168.100.1:9090/auth?state=abc"


class FakeAgent:
    """Answers as it is told to, and remembers what it was asked."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, Any]] = []
        self.silent: set[str] = set()
        """What it is asked in vain, until it :attr:`speaks`."""
        self.speaks = asyncio.Event()
        self.first: dict[str, list[tuple[int, Any]]] = {}
        """Answers that are given once each, before those that stay."""
        self.answers: dict[str, tuple[int, Any]] = {
            "/auth/codex": (200, {"success": True, "oauthUrl": LOGIN_URL}),
            "/oauth-url": (200, {"success": True, "oauthUrl": LOGIN_URL}),
            "/credentials/status": (200, {"authenticated": False}),
            "/open-url": (200, {"success": True}),
        }

    def logs_in(self) -> None:
        """From now on the login is complete."""
        self.answers["/credentials/status"] = (200, {"authenticated": True})

    async def answer(self, request: web.Request) -> web.Response:
        """One prepared answer; text is sent as it is."""
        content = await request.json() if request.can_read_body else dict(request.query)
        self.asked.append((request.path, content))
        if request.path in self.silent:
            await self.speaks.wait()
        once = self.first.get(request.path)
        status, body = once.pop(0) if once else self.answers[request.path]
        if isinstance(body, str):
            return web.Response(status=status, text=body)
        return web.json_response(body, status=status)


@asynccontextmanager
async def agent_server() -> AsyncIterator[tuple[FakeAgent, int]]:
    """An agent that listens, and its port."""
    agent = FakeAgent()
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", agent.answer)
    async with TestServer(app) as server:
        yield agent, int(server.port or 0)


@asynccontextmanager
async def websockify_server() -> AsyncIterator[int]:
    """The port of a peer that greets, and sends back whatever it gets; the word ``bye`` has it close."""

    async def echo(peer: ServerConnection) -> None:
        await peer.send(f"RFB {peer.request.path if peer.request else ''} {peer.subprotocol}".encode())
        async for message in peer:
            if message == b"bye":
                return
            await peer.send(message)

    async with serve(echo, "127.0.0.1", 0, subprotocols=["binary"], compression=None) as server:  # type: ignore[list-item]
        yield int(next(iter(server.sockets)).getsockname()[1])


def start_process(vm_id: str) -> subprocess.Popen[bytes]:
    """A process that is known by a VM's id."""
    words = [sys.executable, "-c", "import time; time.sleep(600)", vm_id]
    return subprocess.Popen(words, stdin=subprocess.DEVNULL)
