"""The dashboard's pages in a real browser, over an API that answers as it is told; noVNC has a stand-in."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, TypeVar

from aiohttp import web
from playwright.async_api import Page

from harness.window.chromium import Chromium
from lab.controller import dashboard

T = TypeVar("T")

_ADDRESS = ("192.0.2.7", 4000)
_CALL_S = 60.0
PATIENT_MS, IMPATIENT_MS = 60_000, 100
_PATIENCE = f"""
const real = AbortSignal.timeout;
window.patience = {PATIENT_MS};
AbortSignal.timeout = () => real.call(AbortSignal, window.patience);
"""
"""However long a page is ready to wait: what is to be seen is what it does then."""
_NOVNC = {
    "rfb.js": """
window.connections = [];
window.keys = [];
export default class RFB extends EventTarget {
  constructor() {
    super();
    document.body.dataset.connections = connections.push(this);
  }
  sendKey(keysym) {
    keys.push(keysym);
  }
}
""",
    "input/keysymdef.js": "export default { lookup: (codePoint) => codePoint };",
}
"""It connects to nothing: each connection is remembered, and so is each key."""

Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]


def says(body: object, *, status: int = 200) -> Answer:
    """An answer in JSON, always the same."""

    async def answer(_request: web.Request) -> web.Response:
        return web.json_response(body, status=status)

    return answer


async def never(_request: web.Request) -> web.StreamResponse:
    """No answer, for as long as anybody waits."""
    await asyncio.Event().wait()
    raise AssertionError


async def hang_up(request: web.Request) -> web.StreamResponse:
    """The end of the connection in the place of an answer."""
    assert request.transport
    request.transport.abort()
    return web.Response()


class Pages:
    """A tab; ``api`` holds what the paths of the API answer by now."""

    def __init__(self, browser: Chromium, page: Page) -> None:
        self.page = page
        self._browser = browser
        self.api: dict[str, Answer] = {}

    async def do(self, begin: Callable[[], Awaitable[T]]) -> T:
        """Something of Playwright's, while the API goes on answering."""
        return await asyncio.to_thread(self._browser.call, begin, timeout_s=_CALL_S)

    async def open(self, path: str) -> None:
        """Open a page."""
        host, port = _ADDRESS
        await self.do(lambda: self.page.goto(f"http://{host}:{port}{path}"))

    async def sees(self, place: str, text: str) -> None:
        """Wait until a place says that, among other things."""
        await self.do(lambda: self.page.locator(place).filter(has_text=text).wait_for())

    async def evaluate(self, expression: str) -> Any:
        """The value of some JavaScript in the page."""
        return await self.do(lambda: self.page.evaluate(expression))

    async def a_minute_passes(self) -> None:
        """By the page's clock."""
        await self.do(lambda: self.page.clock.run_for(60_000))

    async def waits(self, milliseconds: int) -> None:
        """So long, here and on pages after this, for what is not awaited for as long as it takes."""
        patience = f"window.patience = {milliseconds}"
        await self.do(lambda: self.page.add_init_script(patience))
        await self.evaluate(patience)

    async def answer(self, request: web.Request) -> web.StreamResponse:
        """What the API answers."""
        return await self.api[request.path](request)


@asynccontextmanager
async def opened(browser: Chromium, folder: Path, **options: bool) -> AsyncIterator[Pages]:
    """A tab, and what it is served, for the block.

    :param folder: an empty one.
    :param options: what kind of device it is on.
    """
    for name, text in _NOVNC.items():
        file = folder / "novnc/core" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)

    async def tab() -> Page:
        context = await browser.context(**options)
        await context.clock.install()
        context.set_default_timeout(_CALL_S * 1000)
        await context.add_init_script(_PATIENCE)
        return await context.new_page()

    pages = Pages(browser, await asyncio.to_thread(browser.call, tab, timeout_s=_CALL_S))
    runner = web.AppRunner(_application(pages, folder / "novnc"), shutdown_timeout=0.1)
    await runner.setup()
    try:
        await web.UnixSite(runner, str(folder / "pages")).start()
        browser.allow(_ADDRESS, folder / "pages")
        yield pages
    finally:
        await pages.do(pages.page.context.close)
        await runner.cleanup()


def _application(pages: Pages, novnc: Path) -> web.Application:
    async def get_window(_request: web.Request) -> web.FileResponse:
        return web.FileResponse(dashboard.WEB / "window.html")

    app = web.Application()
    app.router.add_get("/api/auth/session/{id}/novnc", get_window)
    app.router.add_route("*", "/api/{path:.*}", pages.answer)
    dashboard.install(app, novnc)
    return app
