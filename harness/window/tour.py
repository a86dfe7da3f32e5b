"""One tour of a session's window: its page connects, pages of ours are opened, every hop is looked at."""

from __future__ import annotations

import contextlib
import time
from dataclasses import dataclass, field

from harness.errors import BrowserError, NoAnswerError, SessionError, TransportError, WaitTimeoutError
from harness.session.authorization import Authorization, login_address
from harness.session.inside import reach_from_vm
from harness.session.launch import Session, answer_text
from harness.wait import wait_until
from harness.window.chromium import keep
from harness.window.dashboard import CONNECTED, Dashboard, WindowPage
from harness.window.pages import Page, PageServer
from harness.window.sight import (
    HOPS,
    Look,
    Sight,
    guest_vnc,
    look_at_form,
    look_at_hop,
    look_for_colour,
    while_it_goes_on,
)

_HOP_S = 20.0
"""A hop that is looked at once the page has had its time is given this long to show it."""
_VISIT_POLL_S = 0.25
_REACH_S = 5.0
_NEVER = Sight(None, 0.0, "it was not looked at: there was no page to look at")


@dataclass
class Opened:
    """A page of ours that the VM was told to open."""

    page: Page
    answer: str
    """What the controller said to it; empty for a 200."""
    told_at: float
    """By the monotonic clock."""
    canvas: Sight = _NEVER
    visitors: list[str] = field(default_factory=list)
    out_of_reach: str = ""
    """Why the VM itself could not have asked for it, where that is so: nothing is told by it then."""


@dataclass
class Tour:
    """What was seen on one tour."""

    session: str
    address: str
    error: str = ""
    """Why there was no dashboard's page, where there was none."""
    state: str = ""
    connected_s: float = 0.0
    at_first: Sight = _NEVER
    """The provider's page, where the VM's browser was sent there; else whatever it opens with."""
    authorization: Authorization | None = None
    no_address: str = ""
    """Why there is no address to log in at, where there is none."""
    pages: list[Opened] = field(default_factory=list)
    hops: dict[str, Sight] = field(default_factory=dict)
    screenshots: dict[str, bytes] = field(default_factory=dict)
    log: list[str] = field(default_factory=list)
    kept_out: set[str] = field(default_factory=set)
    """Where the page wanted to load from, and the suite's own gate let it not."""


class Guide:
    """Makes tours, side by side if wanted; one window stays open for a whole tour."""

    def __init__(self, dashboard: Dashboard, pages: PageServer) -> None:
        self._dashboard = dashboard
        self._pages = pages
        self._settings = dashboard.hypervisor.site.session

    def tour(self, session: Session, *, pages: int = 2, hops: bool = True) -> Tour:
        """A whole tour. What the site has wrong is in what was seen; only our own trouble raises.

        :param hops: look at the first page at every hop on the way to the dashboard, too.
        """
        tour = Tour(session.id, session.address)
        try:
            with self._dashboard.window(session.id) as window:
                look = while_it_goes_on(session, window.picture)
                self._connect(session, window, tour)
                self._look_at_provider(session, look, tour)
                keep(tour.screenshots, "first", window.screenshot)
                for number in range(pages):
                    self._open(session, tour, look)
                    keep(tour.screenshots, f"page-{number + 1}", window.screenshot)
                    if hops and number == 0:
                        self._hops(session, tour)
                tour.log, tour.kept_out = window.log, window.kept_out
        except BrowserError as error:
            tour.error = error.message
            if not tour.pages:  # the VM is looked at all the same: which hop is it?
                self._let_provider_come(session)
                self._open(session, tour, None)
                if hops:
                    self._hops(session, tour)
        for opened in tour.pages:
            opened.visitors = self._visitors(session, opened)
            if not opened.visitors:
                opened.out_of_reach = self._out_of_reach(session, opened.page.url)
        return tour

    def _connect(self, session: Session, window: WindowPage, tour: Tour) -> None:
        began = time.monotonic()

        def state() -> str:
            session.must_go_on()
            return window.state()

        try:
            tour.state = wait_until(
                state,
                what="the window's page to connect",
                timeout_s=self._settings.window_s,
                until=lambda state: state == CONNECTED,
            )
        except WaitTimeoutError as error:
            tour.state = str(error.last)
        except SessionError as error:
            tour.state = error.message
        tour.connected_s = time.monotonic() - began

    def _look_at_provider(self, session: Session, look: Look, tour: Tour) -> None:
        """Before any page of ours: the VM's browser may still be on its way there."""
        try:
            tour.authorization = login_address(session, timeout_s=self._settings.window_s)
        except (SessionError, NoAnswerError) as error:
            tour.no_address = error.message
        colour = self._settings.login_colour if tour.authorization else None
        tour.at_first = look_at_form(look, self._settings, colour)

    def _let_provider_come(self, session: Session) -> None:
        """Wait for the provider's page in the VM itself, where no window shows it. Its faults are told
        elsewhere."""
        limit_s = self._settings.window_s
        with contextlib.suppress(SessionError, NoAnswerError):
            login_address(session, timeout_s=limit_s)
            with guest_vnc(self._dashboard.hypervisor, session, limit_s) as vnc:
                look = while_it_goes_on(session, vnc.picture)
                look_at_form(look, self._settings, self._settings.login_colour)

    def _open(self, session: Session, tour: Tour, look: Look | None) -> None:
        page = self._pages.page()
        opened = Opened(page, _told(session, page.url), time.monotonic())
        tour.pages.append(opened)
        if look is not None:
            opened.canvas = look_for_colour(look, page.colour, timeout_s=self._settings.window_s)

    def _hops(self, session: Session, tour: Tour) -> None:
        opened = tour.pages[0]
        for hop in HOPS:
            limit_s = max(self._left_s(opened), _HOP_S)
            tour.hops[hop] = look_at_hop(
                self._dashboard.hypervisor, session, hop, opened.page.colour, timeout_s=limit_s
            )

    def _visitors(self, session: Session, opened: Opened) -> list[str]:
        """Who asked for a page; where no picture of it was waited for, its visit still is."""

        def visitors() -> list[str]:
            found = opened.page.visitors()
            if not found:
                session.must_go_on()
            return found

        try:
            return wait_until(
                visitors,
                what=f"a visit of {opened.page.url}",
                timeout_s=max(self._left_s(opened), 0.0),
                interval_s=_VISIT_POLL_S,
            )
        except (WaitTimeoutError, SessionError):
            return []

    def _out_of_reach(self, session: Session, url: str) -> str:
        """A host may let VMs reach some of its ports only, and rightly so."""
        try:
            status, why = reach_from_vm(self._dashboard.hypervisor, session, url, timeout_s=_REACH_S)
        except (SessionError, TransportError):  # not known, then
            return ""
        return "" if status else why

    def _left_s(self, opened: Opened) -> float:
        """What is left of the time in which a page that was opened must be seen."""
        return opened.told_at + self._settings.window_s - time.monotonic()


def _told(session: Session, url: str) -> str:
    try:
        answer = session.api.open_url(session.id, url)
    except NoAnswerError as error:
        return error.message
    return "" if answer.is_success else answer_text(answer)
