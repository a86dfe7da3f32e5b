"""The dashboard as a person has it before their eyes: the page with a VM's browser window, in our browser."""

from __future__ import annotations

import base64
import contextlib
from collections.abc import Awaitable, Callable, Iterable, Iterator
from contextlib import AbstractContextManager
from typing import TypeVar
from urllib.parse import urlsplit

from playwright.async_api import Page as Tab

from harness.chromium import Chromium
from harness.control_api import path_of
from harness.errors import BrowserError
from harness.host import Host
from harness.rfb import KEYS
from harness.screen import Screen, from_rgba

T = TypeVar("T")

CANVAS = "#screen canvas"
_CALL_S = 30.0
_SIZE = {"width": 1100, "height": 900}
_NO_ADDRESS_BAR = f"{CANVAS} {{ clip-path: inset(12% 0 0) !important }}"
_STEP = 3
"""Of a canvas every third pixel of every third row is looked at: a look is an eighth of the work. One that
finds what the last one found, which its caller knows by its number, is null: most are, while one waits."""
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
    """One VM's browser window in a tab of our browser."""

    def __init__(self, browser: Chromium, tab: Tab, *, title: str) -> None:
        self._browser = browser
        self._tab = tab
        self._title = title
        self._last_look: tuple[int, Screen | None] = (0, None)
        self.log: list[str] = []
        """What its console said, and what could not be loaded."""
        tab.on("console", lambda message: self.log.append(f"{message.type}: {message.text}"))
        tab.on("pageerror", lambda error: self.log.append(f"error: {error}"))
        tab.on("requestfailed", lambda request: self.log.append(f"failed: {request.url}: {request.failure}"))

    def state(self) -> str:
        """What the page says of its connection: ``connecting``, ``connected`` or ``disconnected``."""
        return str(self._call(lambda: self._tab.evaluate("document.body.dataset.state || ''")))

    def picture(self) -> Screen | None:
        """What its canvas shows, at a third of its size; None before there is one."""
        canvas = self._tab.locator(CANVAS)

        async def pixels() -> Screen | None:
            if not await canvas.count():
                return None
            known, last = self._last_look
            if (seen := await canvas.first.evaluate(_PIXELS, [_STEP, known])) is None:
                return last
            number, width, height, text = seen
            picture = from_rgba(width, height, base64.b64decode(text)) if width and height else None
            self._last_look = (number, picture)
            return picture

        return self._call(pixels)

    def type(self, words: Iterable[str]) -> None:
        """Strike keys by their name, and type whatever is no key's name as a text, into the canvas.

        A text's characters are those of a US keyboard: others have no key that could be struck.
        """

        async def strike() -> None:
            await self._tab.locator(CANVAS).first.focus()
            for word in words:
                if word in KEYS:
                    await self._tab.keyboard.press(word)
                else:
                    await self._tab.keyboard.type(word)

        self._call(strike)

    def screenshot(self) -> bytes:
        """The whole page as a PNG file, without the address bar of the VM's browser: it may hold a code."""
        return self._call(lambda: self._tab.screenshot(style=_NO_ADDRESS_BAR))

    def _call(self, begin: Callable[[], Awaitable[T]]) -> T:
        try:
            return self._browser.call(begin, timeout_s=_CALL_S)
        except BrowserError as error:
            raise BrowserError(f"{self._title}: {error.message}", hint=error.hint) from error


class Dashboard:
    """The controller's pages, by way of the host."""

    def __init__(self, host: Host, browser: Chromium) -> None:
        self._browser = browser
        self.host = host
        self._site = host.site
        url = urlsplit(host.site.controller.url)
        port = url.port or (443 if url.scheme == "https" else 80)
        self._root = f"{url.scheme}://{url.netloc}"
        browser.allow((str(url.hostname), port), host.forward(f"tcp:{url.hostname}:{port}"))

    def window(self, session: str) -> AbstractContextManager[WindowPage]:
        """A session's window, opened and not waited for.

        :raises BrowserError: the page cannot be had.
        """
        return opened_window(self._browser, self._root + path_of(self._site.session.window_path, session))


@contextlib.contextmanager
def opened_window(browser: Chromium, url: str) -> Iterator[WindowPage]:
    """A window's page at an address that the browser may reach.

    :raises BrowserError: the page cannot be had.
    """

    async def made() -> tuple[Tab, WindowPage]:
        tab = await context.new_page()
        return tab, WindowPage(browser, tab, title=url)

    options = {"viewport": _SIZE, "service_workers": "block"}
    context = browser.call(lambda: browser.context(**options), timeout_s=_CALL_S)
    try:
        tab, page = browser.call(made, timeout_s=_CALL_S)
        answer = browser.call(lambda: tab.goto(url, wait_until="load"), timeout_s=_CALL_S)
        if answer is None or not answer.ok:
            raise BrowserError(f"GET {url}: {answer.status if answer else 'no answer'}; expected 200")
        yield page
    finally:
        browser.call(context.close, timeout_s=_CALL_S)
