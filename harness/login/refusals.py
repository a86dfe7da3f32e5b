"""Logins that must fail, and one that must not: the provider's pages, and a callback that is handed on."""

from __future__ import annotations

import dataclasses
import secrets
from collections.abc import Callable

from harness.errors import BrowserError, SessionError, TransportError
from harness.host.hypervisor import Hypervisor
from harness.login.course import LoginEnd, follow, hand_on, has_credentials, with_its_end
from harness.login.provider_pages import ProviderPages, visiting_provider
from harness.login.pulse import feeling_pulse
from harness.redact import remember
from harness.session.authorization import Callback, login_address
from harness.session.inside import freeze_desktop
from harness.session.launch import Session
from harness.session.life import health_of
from harness.window.chromium import Chromium, keep

Way = Callable[[ProviderPages], Callback]


class Clerk:
    """Logs in for sessions, far from their VMs; what comes back is handed on to the agents in them."""

    def __init__(self, hypervisor: Hypervisor, browser: Chromium, *, user: str, password: str) -> None:
        self._hypervisor = hypervisor
        self._browser = browser
        self._user = user
        self._password = password
        self._settings = hypervisor.site.session

    def complete(self, session: Session) -> LoginEnd:
        """A login in which everything is as it should be; the agent's health is asked for meanwhile."""
        with feeling_pulse(health_of(session, self._hypervisor), session.is_over) as pulse:
            ended = self._carry(session, self._allowed)
        ended.pulse = pulse
        return ended

    def wrong_password(self, session: Session) -> LoginEnd:
        """A login with wrong passwords, until the provider has seen enough."""

        def refused(pages: ProviderPages) -> Callback:
            pages.refuse_to_log_in(self._user, remember(secrets.token_urlsafe(12)))
            return pages.callback()

        return self._carry(session, refused)

    def denied_consent(self, session: Session) -> LoginEnd:
        """A user who logs in, and then does not consent."""

        def denied(pages: ProviderPages) -> Callback:
            pages.log_in(self._user, self._password)
            return pages.deny()

        return self._carry(session, denied)

    def wrong_state(self, session: Session) -> LoginEnd:
        """A callback with a good code, and a state that is not the session's."""

        def strange(pages: ProviderPages) -> Callback:
            return dataclasses.replace(self._allowed(pages), state=remember(secrets.token_urlsafe(24)))

        return self._carry(session, strange)

    def replayed_callback(self, session: Session, used: Callable[[], Callback]) -> LoginEnd:
        """A code that has been used before, with the state that the session waits for.

        :param used: waits for the login that uses it.
        """
        ended = LoginEnd(session.id)
        try:
            freeze_desktop(self._hypervisor, session)
            ended.authorization = login_address(session, timeout_s=self._settings.window_s)
            callback = dataclasses.replace(used(), state=ended.authorization.state)
            ended.before = has_credentials(session)
            self._end(session, callback, ended)
        except (SessionError, TransportError) as error:
            ended.error = with_its_end(session, error)
        return ended

    def _allowed(self, pages: ProviderPages) -> Callback:
        pages.log_in(self._user, self._password)
        return pages.allow()

    def _carry(self, session: Session, way: Way) -> LoginEnd:
        ended = LoginEnd(session.id)
        try:
            freeze_desktop(self._hypervisor, session)
            ended.authorization = login_address(session, timeout_s=self._settings.window_s)
            visit = visiting_provider(
                self._hypervisor, self._browser, ended.authorization, session.must_go_on
            )
            with visit as pages:
                try:
                    callback = way(pages)
                finally:
                    keep(ended.screenshots, "provider", pages.screenshot)
            self._end(session, callback, ended)
        except (SessionError, BrowserError, TransportError) as error:
            ended.error = with_its_end(session, error)
        return ended

    def _end(self, session: Session, callback: Callback, ended: LoginEnd) -> None:
        ended.callback = callback
        ended.callback_status = hand_on(self._hypervisor, session, callback.query)
        follow(session, ended, timeout_s=self._settings.window_s)
