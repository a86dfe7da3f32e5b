"""The dashboard as a person has it before their eyes: the page with a VM's browser window, in our browser."""

from __future__ import annotations

import base64
import contextlib
from collections.abc import Awaitable, Callable, Iterable, Iterator
from contextlib import AbstractContextManager
from typing import Any, NamedTuple, TypeVar
from urllib.parse import urlsplit

from playwright.async_api import Error as PlaywrightError
from playwright.async_api import Locator, WebSocket
from playwright.async_api import Page as Tab

from harness.answers import read_as, reading
from harness.errors import BrowserError, UnreadableError
from harness.host.hypervisor import Hypervisor
from harness.screen.picture import ADDRESS_BAR, Screen, from_rgba
from harness.session.control_api import path_of
from harness.text import beginning
from harness.transport.http import endpoint_of
from harness.values import Natural
from harness.window.chromium import Chromium

T = TypeVar("T")

CONNECTED = "connected"
KEYS = ("BackSpace", "Tab", "Enter", "Escape", "Shift", "Control", "Space")
"""Keys that are struck by their name; any other word is a text."""
_WINDOW_PAGE_S = 30.0
_SIZE = {"width": 1100, "height": 900}
_LOG_LINES, _LINE_CHARACTERS = 1000, 1000  # of what a page says
_STEP = 3
"""Of a canvas every third pixel of every third row is looked at: a look is an eighth of the work. A look
that finds what the last one found, which the caller names by number, is null: most are, while one waits."""
_PIXELS = """
(canvas, [step, known]) => {
  const {width, height} = canvas;
  if (!width || !height) return [0, 0, 0, ''];
  const [columns, rows] = [Math.ceil(width / step), Math.ceil(height / step)];
  const small = canvas.smallCopy ??= new OffscreenCanvas(1, 1).getContext('2d', {willReadFrequently: true});
  if (small.canvas.width !== columns || small.canvas.height !== rows)
    Object.assign(small.canvas, {width: columns, height: rows});
  small.clearRect(0, 0, columns, rows);  // of the last look: it is not to be seen again
  small.imageSmoothingEnabled = false;  // one of the canvas's pixels for each, and no mixture of several
  small.drawImage(canvas, 0, 0, width, height, 0, 0, columns, rows);
  const to = new Uint32Array(small.getImageData(0, 0, columns, rows).data.buffer);
  const last = canvas.lastLook;
  if (last && last.number === known && last.columns === columns && last.pixels.length === to.length &&
      to.every((pixel, at) => pixel === last.pixels[at])) return null;
  const number = Math.random();  // no other look's, be it at another canvas
  canvas.lastLook = {number, columns, pixels: to};
  const bytes = new Uint8Array(to.buffer);
  let text = '';
  for (let at = 0; at < bytes.length; at += 32768)
    text += String.fromCharCode.apply(null, bytes.subarray(at, at + 32768));
  return [number, columns, rows, btoa(text)];
}
"""


class WindowPage:
    """One VM's browser window in a tab of our browser, whatever page of whatever VNC client shows it.

    :param canvas: CSS selector of the canvas that the client draws on, in the page or a frame of it.
    """

    def __init__(self, browser: Chromium, tab: Tab, *, title: str, canvas: str) -> None:
        self._browser = browser
        self._tab = tab
        self._title = title
        self._selector = canvas
        self._heard: dict[WebSocket, bool] = {}
        self._last_look: tuple[float, Screen | None] = (0, None)
        self.log: list[str] = []
        """What the page's console said, and what could not be loaded."""
        self.kept_out: set[str] = set()
        """Hosts, each as `name:port`, that it wanted to load from, and our own gate let it not."""
        tab.on("websocket", self._listen)
        self._noting: dict[Any, Callable[[Any], None]] = {
            "console": lambda message: self._note(f"{message.type}: {message.text}"),
            "pageerror": lambda error: self._note(f"error: {error}"),
            "requestfailed": lambda request: self._failed(request.url, request.failure),
        }
        for event, note in self._noting.items():
            tab.on(event, note)

    def state(self) -> str:
        """:data:`CONNECTED`, or what is missing of a screen that comes over a WebSocket onto a canvas."""

        async def seen() -> str:
            if not self._heard:
                return "it has opened no WebSocket"
            live = [heard for socket, heard in self._heard.items() if not socket.is_closed()]
            if not live:
                return "its WebSocket is closed"
            if not any(live):
                return "nothing has come over its WebSocket"
            canvas = await self._canvas()
            if canvas is None:
                return f"it has no {self._selector}"
            # A VNC client gives it the screen's size once the server has told it: until then it has none.
            return CONNECTED if await canvas.evaluate("it => it.width * it.height") else "no screen has come"

        return self._call(seen)

    def picture(self) -> Screen | None:
        """What the page's canvas shows, at a third of its size; None before there is one."""

        async def pixels() -> Screen | None:
            if (canvas := await self._canvas()) is None:
                return None
            known, last = self._last_look
            if (seen := await canvas.evaluate(_PIXELS, [_STEP, known])) is None:
                return last
            self._last_look = read_look(seen)
            return self._last_look[1]

        return self._call(pixels)

    def type(self, words: Iterable[str]) -> None:
        """Strike keys by their name, and type whatever is no key's name as a text, into the canvas.

        A text's characters are those of a US keyboard: others have no key that could be struck.
        """

        async def strike() -> None:
            if (canvas := await self._canvas()) is None:
                raise BrowserError(f"it has no {self._selector} to type into")
            await canvas.focus()
            for word in words:
                if word in KEYS:
                    await self._tab.keyboard.press(word)
                else:
                    await self._tab.keyboard.type(word)

        self._call(strike)

    def screenshot(self) -> bytes:
        """The whole page as a PNG file, without the address bar of the VM's browser: it may hold a code."""
        style = f"{self._selector} {{ clip-path: inset({ADDRESS_BAR:.0%} 0 0) !important }}"
        return self._call(lambda: self._tab.screenshot(style=style))

    async def _canvas(self) -> Locator | None:
        for frame in self._tab.frames:
            found = frame.locator(self._selector)
            try:
                if await found.count():
                    return found.first
            except PlaywrightError:
                if not frame.is_detached():  # else another has come in its place, which the next look finds
                    raise
        return None

    def _note(self, line: str) -> None:
        """Keep a line; a page may say more than anybody wants to hear, and then it is no longer heard."""
        self.log.append(beginning(line, _LINE_CHARACTERS))
        if len(self.log) >= _LOG_LINES:
            self.log.append("(more was said, and is not kept)")
            for event, note in self._noting.items():
                self._tab.remove_listener(event, note)
            self._noting = {}

    def _failed(self, url: str, why: str | None) -> None:
        self._note(f"failed: {url}: {why}")
        with contextlib.suppress(UnreadableError):
            host, port = endpoint_of(url)
            if (host, port) in self._browser.refused:
                self.kept_out.add(f"{host}:{port}")

    def _listen(self, socket: WebSocket) -> None:
        self._heard[socket] = False
        socket.once("framereceived", lambda _: self._heard.update({socket: True}))

    def _call(self, begin: Callable[[], Awaitable[T]]) -> T:
        try:
            return self._browser.call(begin, timeout_s=_WINDOW_PAGE_S)
        except BrowserError as error:
            raise BrowserError(f"{self._title}: {error.message}", hint=error.hint) from error


class _Look(NamedTuple):
    number: float
    width: Natural
    height: Natural
    text: str


def read_look(seen: object) -> tuple[float, Screen | None]:
    """What :data:`_PIXELS` gives: a look's number, and the picture; a page may have meddled with either.

    :raises BrowserError: it is no such thing.
    """
    try:
        look = read_as(_Look, seen, whose="what the canvas shows")
        with reading("what the canvas shows"):
            pixels = base64.b64decode(look.text, validate=True)
    except UnreadableError as error:
        raise BrowserError(error.message) from error
    if len(pixels) != look.width * look.height * 4:
        raise BrowserError(
            f"what the canvas shows: {len(pixels)} bytes for {look.width}x{look.height} pixels"
        )
    return look.number, from_rgba(look.width, look.height, pixels) if pixels else None


class Dashboard:
    """The controller's pages, by way of the host."""

    def __init__(self, hypervisor: Hypervisor, browser: Chromium) -> None:
        self._browser = browser
        self.hypervisor = hypervisor
        self._site = hypervisor.site
        controller = hypervisor.site.controller.url
        url = urlsplit(controller)
        self._root = f"{url.scheme}://{url.netloc}"
        browser.allow(endpoint_of(controller), hypervisor.forward_to(controller))
        for place in hypervisor.site.session.window_hosts:
            host, _, port = place.rpartition(":")
            browser.allow((host, int(port)), hypervisor.forward(f"tcp:{place}"))

    def window(self, session: str) -> AbstractContextManager[WindowPage]:
        """A session's window, opened and not waited for.

        :raises BrowserError: the page cannot be had.
        """
        settings = self._site.session
        url = self._root + path_of(settings.window_path, session)
        return opened_window(self._browser, url, canvas=settings.canvas)


@contextlib.contextmanager
def opened_window(browser: Chromium, url: str, *, canvas: str = "canvas") -> Iterator[WindowPage]:
    """A window's page at an address that the browser may reach.

    :param canvas: CSS selector of its canvas.
    :raises BrowserError: the page cannot be had.
    """

    async def made() -> tuple[Tab, WindowPage]:
        tab = await context.new_page()
        context.on("page", _close)  # no other one is looked at
        return tab, WindowPage(browser, tab, title=url, canvas=canvas)

    options = {"viewport": _SIZE, "service_workers": "block"}
    context = browser.call(lambda: browser.context(**options), timeout_s=_WINDOW_PAGE_S)
    try:
        tab, page = browser.call(made, timeout_s=_WINDOW_PAGE_S)
        answer = browser.call(lambda: tab.goto(url, wait_until="load"), timeout_s=_WINDOW_PAGE_S)
        if answer is None or not answer.ok:
            raise BrowserError(f"GET {url}: {answer.status if answer else 'no answer'}; expected 200")
        yield page
    finally:
        browser.call(context.close, timeout_s=_WINDOW_PAGE_S)


async def _close(tab: Tab) -> None:
    with contextlib.suppress(PlaywrightError):  # it has closed itself
        await tab.close()
