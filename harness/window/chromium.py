"""A Chromium of our own, headless, that reaches nothing but the addresses it is allowed.

Playwright drives it in a thread with an event loop, so that any number of threads can use the one browser.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import re
import shutil
import threading
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from types import TracebackType
from typing import Any, TypeVar

from playwright.async_api import Browser, BrowserContext, Error, async_playwright

from harness.errors import BrowserError, BrowserLostError
from harness.run import environment
from harness.transport.http import Endpoint
from harness.transport.private import private_directory
from harness.window.gate import Gate

T = TypeVar("T")

log = logging.getLogger(__name__)

_PROGRAMS = ("/usr/lib/chromium/chromium-headless-shell", "chromium", "chromium-browser", "google-chrome")
"""The first that is there: made to be headless, it needs half the processor time that a whole one does. It is
called past its wrapper, a shell that would be ended in its place."""
_BROWSER_START_S = 60.0
_BROWSER_END_S = 15.0
_CRASHED = re.compile("(Target|[Pp]age) crashed|has been closed|Connection closed")
"""What Playwright says of a page whose process ended by itself, and of a browser or a driver that did."""
_CRASHED_HINT = "run the checks again; if it happens again, has this machine memory enough for a browser?"
_QUIET = (
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-domain-reliability",
    "--disable-sync",
    "--no-first-run",
    "--no-pings",
    "--force-webrtc-ip-handling-policy=disable_non_proxied_udp",
)
_WRAPPER = """#!/bin/sh
exec setpriv --pdeathsig KILL -- {program} "$@" --user-data-dir={profile}
"""
"""Playwright's driver ends with us, and Chromium with the driver, however either of them ends. The profile is
in a directory of ours, which the next run removes where this one could not."""


class Chromium:
    """A context manager; safe to use from several threads at once.

    :raises BrowserLostError: the browser is not installed, or does not start.
    """

    def __init__(self) -> None:
        self._gate = Gate()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="chromium", daemon=True)
        self._stack = contextlib.AsyncExitStack()
        self._browser: Browser | None = None

    def __enter__(self) -> Chromium:
        self._thread.start()
        try:
            self.call(self._start, timeout_s=_BROWSER_START_S)
        except BrowserError as error:
            self.close()
            raise BrowserLostError(f"did not start: {error.message}", hint=_CRASHED_HINT) from error
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End the browser, and all that belongs to it."""
        if self._loop.is_closed():
            return
        try:
            self.call(self._stack.aclose, timeout_s=_BROWSER_END_S)
        finally:
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join(_BROWSER_END_S)
            self._loop.close()

    @property
    def version(self) -> str:
        """The browser's version."""
        return self._running.version

    @property
    def refused(self) -> list[Endpoint]:
        """Addresses that the browser wanted to reach and was not let."""
        return list(self._gate.refused)

    def allow(self, address: Endpoint, target: Path) -> None:
        """Let the browser reach an address, through a unix socket that leads there."""
        self._loop.call_soon_threadsafe(self._gate.open, address, target)

    def call(self, begin: Callable[[], Awaitable[T]], *, timeout_s: float) -> T:
        """Run something of Playwright's where the browser lives: even to begin it elsewhere is an error.

        :raises BrowserError: it failed, or did not end in time.
        :raises BrowserLostError: the browser is gone, or the page's process.
        """
        future = asyncio.run_coroutine_threadsafe(_limited(begin, timeout_s), self._loop)
        try:
            return future.result(timeout_s + _BROWSER_END_S)
        except TimeoutError as error:
            future.cancel()
            raise self._trouble(f"our browser took over {timeout_s:g} s") from error
        except Error as error:
            raise self._trouble(f"our browser: {error.message}") from error

    async def context(self, **options: Any) -> BrowserContext:
        """A window of its own, with its own cookies, that downloads nothing; for use inside :meth:`call`."""
        return await self._running.new_context(accept_downloads=False, **options)

    def _trouble(self, message: str) -> BrowserError | BrowserLostError:
        """An error for trouble with a page, or with the browser itself."""
        gone = self._browser is not None and not self._browser.is_connected()
        if gone or _CRASHED.search(message):
            return BrowserLostError(message, hint=_CRASHED_HINT)
        return BrowserError(message)

    @property
    def _running(self) -> Browser:
        if self._browser is None:
            raise BrowserLostError("our browser is not running", hint="use it as a context manager")
        return self._browser

    async def _start(self) -> None:
        directory = self._directory()
        await self._gate.start()
        self._stack.push_async_callback(self._gate.stop)
        playwright = await self._stack.enter_async_context(async_playwright())
        self._browser = await self._stack.enter_async_context(_launched(playwright, directory, self._gate))

    def _directory(self) -> Path:
        directory = private_directory()
        self._stack.callback(shutil.rmtree, directory, ignore_errors=True)
        wrapper = directory / "chromium"
        wrapper.write_text(_WRAPPER.format(program=_program(), profile=directory / "profile"))
        wrapper.chmod(0o700)
        return directory


@contextlib.asynccontextmanager
async def _launched(playwright: Any, directory: Path, gate: Gate) -> AsyncIterator[Browser]:
    browser = await playwright.chromium.launch(
        executable_path=str(directory / "chromium"),
        args=_QUIET,
        env=environment({"TMPDIR": str(directory)}),
        # Loopback, too, goes through the gate.
        proxy={"server": f"socks5://127.0.0.1:{gate.port}", "bypass": "<-loopback>"},
        chromium_sandbox=os.geteuid() != 0,
        timeout=_BROWSER_START_S * 1000,
        handle_sigint=False,
    )
    try:
        yield browser
    finally:
        await browser.close()


async def _limited(begin: Callable[[], Awaitable[T]], timeout_s: float) -> T:
    async with asyncio.timeout(timeout_s):
        return await begin()


def _program() -> str:
    found = next(filter(None, map(shutil.which, _PROGRAMS)), None)
    if found is None:
        raise BrowserLostError(
            f"no browser on this machine: looked for {', '.join(_PROGRAMS)}",
            hint="apt-get install chromium-headless-shell",
        )
    return found


def keep(screenshots: dict[str, bytes], name: str, take: Callable[[], bytes]) -> None:
    """Take a screenshot for the evidence; one that cannot be is a line in the log, and changes no outcome."""
    try:
        screenshots[name] = take()
    except (BrowserError, BrowserLostError) as error:
        log.warning("screenshot %s: %s", name, error.message)
