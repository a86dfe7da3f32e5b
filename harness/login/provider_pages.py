"""The provider's pages in our own browser, as a user far from any VM would have them."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager

from playwright.async_api import Page as Tab
from playwright.async_api import Request

from harness.errors import BrowserError, SessionError, UnreadableError, WaitTimeoutError
from harness.host.hypervisor import Hypervisor
from harness.session.authorization import Authorization, Callback, read_callback
from harness.site.profile import SessionSection
from harness.text import beginning
from harness.urls import Url, read_url
from harness.wait import wait_until
from harness.window.chromium import Chromium

_PROVIDER_PAGE_S = 60.0
_POLL_S = 0.05


class ProviderPages:
    """One visit to the provider, to log in for one session.

    :param must_go_on: raises where a wait makes no sense any more, the session being over.
    """

    def __init__(
        self,
        browser: Chromium,
        tab: Tab,
        settings: SessionSection,
        redirect: Url,
        must_go_on: Callable[[], None],
    ) -> None:
        self._browser = browser
        self._tab = tab
        self._settings = settings
        self._redirect = redirect
        self._must_go_on = must_go_on
        self._callbacks: list[Callback] = []
        tab.on("request", self._catch_callback)  # a redirect is a request of its own here; it gets no further

    def log_in(self, user: str, password: str) -> None:
        """Fill in the login page, and send it."""

        async def fill() -> None:
            await self._tab.fill(self._settings.username_field, user)
            await self._tab.fill(self._settings.password_field, password)
            await self._tab.click(self._settings.submit_button)

        self._browser.call(fill, timeout_s=_PROVIDER_PAGE_S)

    def refuse_to_log_in(self, user: str, password: str) -> None:
        """Fill in the login page once more each time it is shown again."""
        for _ in range(self._settings.wrong_password_tries):
            self.log_in(user, password)

    def allow(self) -> Callback:
        """Consent; where the provider then sends us."""
        return self._decide(self._settings.allow_button)

    def deny(self) -> Callback:
        """Refuse to consent; where the provider then sends us."""
        return self._decide(self._settings.deny_button)

    def callback(self) -> Callback:
        """Where the provider sends us, once it does.

        :raises BrowserError: it does not.
        :raises SessionError: the session is over.
        """

        def sent() -> list[Callback]:
            # Where the browser is gone, this says so.
            self._browser.call(lambda: self._tab.title(), timeout_s=_PROVIDER_PAGE_S)
            if not self._callbacks:
                self._must_go_on()
            return self._callbacks

        limit_s = self._settings.window_s
        try:
            return wait_until(sent, what="", timeout_s=limit_s, interval_s=_POLL_S)[0]
        except WaitTimeoutError as error:
            raise BrowserError(f"the provider sent us nowhere within {limit_s:g} s") from error

    def screenshot(self) -> bytes:
        """The page as a PNG file."""
        return self._browser.call(self._tab.screenshot, timeout_s=_PROVIDER_PAGE_S)

    def _decide(self, button: str) -> Callback:
        self._browser.call(lambda: self._tab.click(button), timeout_s=_PROVIDER_PAGE_S)
        return self.callback()

    def _catch_callback(self, request: Request) -> None:
        with contextlib.suppress(UnreadableError):  # data:, blob: and the like
            asked = read_url(request.url, whose="a request of the provider's page")
            if (asked.netloc, asked.path) == (self._redirect.netloc, self._redirect.path):
                self._callbacks.append(read_callback(request.url))


def visiting_provider(
    hypervisor: Hypervisor,
    browser: Chromium,
    authorization: Authorization,
    must_go_on: Callable[[], None],
) -> AbstractContextManager[ProviderPages]:
    """The provider's first page for an authorization request, by way of the host.

    :param must_go_on: as :class:`ProviderPages` has it.
    :raises BrowserError: it cannot be had.
    """
    address, port = authorization.address
    browser.allow((address, port), hypervisor.forward(f"tcp:{address}:{port}"))
    return opened_provider(browser, authorization, hypervisor.site.session, must_go_on)


@contextlib.contextmanager
def opened_provider(
    browser: Chromium,
    authorization: Authorization,
    settings: SessionSection,
    must_go_on: Callable[[], None],
) -> Iterator[ProviderPages]:
    """The provider's first page, at an address that the browser may reach.

    :raises SessionError: nobody could be sent back from there.
    """
    if (redirect := authorization.redirect) is None:
        odd = beginning(authorization.redirect_uri, 80)
        raise SessionError(
            f"the login's address has no redirect_uri to go back to: {odd!r}",
            hint="see session.address_asks_for_a_code_with_pkce",
        )

    async def made() -> tuple[Tab, ProviderPages]:
        tab = await context.new_page()
        return tab, ProviderPages(browser, tab, settings, redirect, must_go_on)

    context = browser.call(browser.context, timeout_s=_PROVIDER_PAGE_S)
    try:
        tab, pages = browser.call(made, timeout_s=_PROVIDER_PAGE_S)
        browser.call(lambda: tab.goto(authorization.url), timeout_s=_PROVIDER_PAGE_S)
        yield pages
    finally:
        browser.call(context.close, timeout_s=_PROVIDER_PAGE_S)
