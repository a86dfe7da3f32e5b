"""A session's browser window: its page, and the WebSocket that carries VNC from the VM's websockify to it."""

from __future__ import annotations

import asyncio
from weakref import WeakSet

import aiohttp
from aiohttp import web

from lab.controller import journal
from lab.controller.answers import problem
from lab.controller.dashboard import WEB
from lab.controller.service import SERVICE, machine_of, session_of
from lab.controller.vm import Vm

PROTOCOL = "binary"
CONNECT_TIMEOUT_S = 30
CLOSE_TIMEOUT_S = 3
HEARTBEAT_S = 30
MAX_MESSAGE = 4 * 1024 * 1024

OPEN: web.AppKey[WeakSet[web.WebSocketResponse]] = web.AppKey("open windows", WeakSet)


def install(app: web.Application) -> None:
    """Add the routes."""
    app[OPEN] = WeakSet()
    app.on_shutdown.append(_close_all)
    app.add_routes(
        [
            web.get("/api/auth/session/{id}/novnc", get_page),
            web.get("/api/auth/session/{id}/novnc/websock", get_websocket),
        ]
    )


async def get_page(request: web.Request) -> web.StreamResponse:
    """The page; it finds its session in its own address."""
    machine_of(request, await session_of(request))
    return web.FileResponse(WEB / "window.html")


async def get_websocket(request: web.Request) -> web.StreamResponse:
    """The VM's screen, for as long as both ends and the VM are there."""
    machine = machine_of(request, await session_of(request))
    browser = web.WebSocketResponse(
        protocols=(PROTOCOL,),
        heartbeat=HEARTBEAT_S,
        timeout=CLOSE_TIMEOUT_S,
        compress=False,
        max_msg_size=MAX_MESSAGE,
    )
    if not _asks_for(browser, request):
        raise problem(web.HTTPBadRequest, "this is a WebSocket")
    url = f"ws://{machine.address}:{request.app[SERVICE].launcher.settings.websockify_port}/websockify"
    async with aiohttp.ClientSession() as client:
        guest = await _connect(client, url, machine)
        async with guest:
            # Only now: a window that cannot be shown is an error, not a connection that breaks at once.
            await browser.prepare(request)
            request.app[OPEN].add(browser)
            await _relay(browser, guest, machine)
            await browser.close()
    return browser


def _asks_for(browser: web.WebSocketResponse, request: web.Request) -> bool:
    """Whether the request is a WebSocket's."""
    try:
        return browser.can_prepare(request).ok
    except ValueError:  # its key is not even ASCII
        return False


async def _connect(client: aiohttp.ClientSession, url: str, machine: Vm) -> aiohttp.ClientWebSocketResponse:
    try:
        async with asyncio.timeout(CONNECT_TIMEOUT_S):
            return await client.ws_connect(
                url,
                protocols=(PROTOCOL,),
                timeout=aiohttp.ClientWSTimeout(ws_close=CLOSE_TIMEOUT_S),
                max_msg_size=MAX_MESSAGE,
            )
    except (aiohttp.ClientError, TimeoutError, OSError) as error:
        journal.warn("[WINDOW] No websockify in the VM", vmId=machine.vm_id, kind=type(error).__name__)
        message = f"the VM's websockify cannot be reached ({type(error).__name__})"
        raise problem(web.HTTPBadGateway, message) from error


async def _relay(browser: web.WebSocketResponse, guest: aiohttp.ClientWebSocketResponse, machine: Vm) -> None:
    """Until either end closes, or the VM is destroyed (its own end would then never be heard of)."""
    tasks = {
        asyncio.create_task(_pump(browser, guest)),
        asyncio.create_task(_pump(guest, browser)),
        asyncio.create_task(machine.gone.wait()),
    }
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


End = web.WebSocketResponse | aiohttp.ClientWebSocketResponse


async def _pump(source: End, target: End) -> None:
    """Every message, as it is, no faster than it is taken."""
    async for message in source:
        if message.type is aiohttp.WSMsgType.BINARY:
            await target.send_bytes(message.data)
        elif message.type is aiohttp.WSMsgType.TEXT:
            await target.send_str(message.data)


async def _close_all(app: web.Application) -> None:
    """A window kept open must not keep the service from ending."""
    windows = app[OPEN]
    for browser in set(windows):
        await browser.close(code=aiohttp.WSCloseCode.GOING_AWAY, message=b"master-controller is stopping")
