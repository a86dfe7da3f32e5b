"""A login typed through the dashboard's window, as a person would, page after page."""

from __future__ import annotations

from collections.abc import Sequence

from harness.errors import BrowserError, SessionError, TransportError
from harness.login.course import LoginEnd, follow, with_its_end
from harness.screen.picture import Screen, parse_colour
from harness.session.authorization import login_address
from harness.session.launch import Session, answer_text
from harness.window.chromium import keep
from harness.window.dashboard import Dashboard, WindowPage
from harness.window.sight import (
    FORM_FILLS,
    look_at_form,
    while_it_goes_on,
)


class WindowLogin:
    """A login typed through the dashboard's window, as a person would."""

    def __init__(self, dashboard: Dashboard, *, user: str, password: str) -> None:
        self._dashboard = dashboard
        self._settings = dashboard.hypervisor.site.session
        self._words = {"{user}": user, "{password}": password}

    def complete(self, session: Session, *, elsewhere: bool = False) -> LoginEnd:
        """Log in, consent, and watch the session to its end.

        :param elsewhere: the VM's browser has been sent to other pages, and is told to go back to the login
            first, which the profile must give a colour to be told by.
        """
        ended = LoginEnd(session.id)
        try:
            ended.vm_id = session.vm_id
            ended.authorization = login_address(session, timeout_s=self._settings.window_s)
            with self._dashboard.window(session.id) as window:
                if elsewhere:
                    self._go_back(session, ended.authorization.url)
                self._type(session, window, ended)
                follow(session, ended, timeout_s=self._settings.window_s)
                keep(ended.screenshots, "end", window.screenshot)
        except (SessionError, BrowserError, TransportError) as error:
            ended.error = with_its_end(session, error)
        return ended

    def _go_back(self, session: Session, url: str) -> None:
        answer = session.api.open_url(session.id, url)
        if not answer.is_success:
            raise SessionError(f"open-url for session {session.id}: {answer_text(answer)}")

    def _type(self, session: Session, window: WindowPage, ended: LoginEnd) -> None:
        settings, look = self._settings, while_it_goes_on(session, window.picture)
        steps: Sequence[tuple[str, str | None, Sequence[str]]] = (
            ("login", settings.login_colour, settings.login_keys),
            ("consent", settings.consent_colour, settings.consent_keys),
        )
        before: Screen | None = None
        for name, colour, keys in steps:
            sight = ended.screens[name] = look_at_form(look, settings, colour, before)
            keep(ended.screenshots, name, window.screenshot)
            if sight.picture is None or (colour and not sight.shows(parse_colour(colour), fills=FORM_FILLS)):
                raise SessionError(f"the provider's {name} page was not seen in the window: {sight}")
            window.type([self._words.get(key, key) for key in keys])
            before = window.picture()
