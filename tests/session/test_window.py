"""The VM's browser window, as the dashboard shows it, and each hop on the way to it."""

from __future__ import annotations

import json

import pytest

from harness.errors import ConsequenceError, SessionError
from harness.screen.picture import hex_colour
from harness.session.launch import Session
from harness.verdict.evidence import Evidence
from harness.window.dashboard import CONNECTED
from harness.window.sight import FILLS, HOPS, STRAY, Sight
from harness.window.tour import Opened, Tour

pytestmark = [
    pytest.mark.acceptance,
    pytest.mark.item("window"),
    pytest.mark.look("{controller.url}{session.window_path}    (in a browser, through ssh -L 4000)"),
]

CONNECTS = "session.page_connects"
BROWSER = "session.window_shows_a_browser"
OPENS = "session.vm_opens_the_page_it_is_told_to"
_CONNECTED = pytest.mark.behind(CONNECTS)
_SHOWN = pytest.mark.behind(CONNECTS, BROWSER, OPENS)

_CONTROLLER = pytest.mark.mend(
    step="troubleshooting", how="open the page by hand, and read its console and the controller's journal"
)
_DESKTOP = pytest.mark.mend(
    step=5, how="start the desktop (VNC, websockify, browser) in the image before the snapshot; rebuild"
)


@_CONTROLLER
def test_page_connects(tour: Tour, evidence: Evidence) -> None:
    """The dashboard's page of a session connects to its VM's browser window, in time."""
    _keep(tour, evidence, "first")
    assert not tour.error, f"the page of session {tour.session}: {tour.error}"
    if tour.state != CONNECTED and tour.kept_out:
        hosts = sorted(tour.kept_out)
        raise SessionError(
            f"the page of session {tour.session} loads from {', '.join(hosts)}, which the suite's browser may"
            f" not reach: {tour.state}",
            hint=f"let it, by way of the host: session.window_hosts = {json.dumps(hosts)} in the profile",
        )
    assert tour.state == CONNECTED, (
        f"the page of session {tour.session}, {tour.connected_s:.1f} s after it was opened: {tour.state}\n"
        + "\n".join(tour.log[-5:])
    )


@_DESKTOP
@_CONNECTED
def test_window_shows_a_browser(tour: Tour, evidence: Evidence) -> None:
    """The dashboard's canvas shows the VM's browser: it is not blank."""
    _keep(tour, evidence, "first")
    _demand_connection(tour, tour.at_first)
    picture = tour.at_first.picture
    assert picture is not None, f"the canvas of session {tour.session}: {tour.at_first}"
    assert not picture.is_blank, f"the canvas of session {tour.session} is blank: {tour.at_first}"


@_CONTROLLER
@_CONNECTED
def test_vm_opens_the_page_it_is_told_to(tour: Tour) -> None:
    """A page that the controller is asked to open is asked for by the session's VM, and by nobody else."""
    opened = _opened(tour.pages, 0)
    assert set(opened.visitors) == {tour.address}, (
        f"{opened.page.url} was asked for by {opened.visitors or 'nobody'}; expected {tour.address}"
    )


@_CONTROLLER
@_SHOWN
def test_window_shows_the_page_opened(tour: Tour, evidence: Evidence) -> None:
    """The dashboard's canvas shows the very page that the VM was told to open."""
    _keep(tour, evidence, "page-1")
    _shows(tour, 0)


@_CONTROLLER
@_SHOWN
def test_window_is_not_frozen(tour: Tour, evidence: Evidence) -> None:
    """When the VM is told to open another page, the dashboard's canvas shows that one instead."""
    _keep(tour, evidence, "page-2")
    _shows(tour, 1)


@_DESKTOP
@pytest.mark.behind(CONNECTS, OPENS)
@pytest.mark.parametrize("hop", HOPS)
def test_hop_shows_the_page(tour: Tour, hop: str, evidence: Evidence) -> None:
    """Each hop on the way to the dashboard's page shows the page that the VM was told to open."""
    sight, colour = tour.hops[hop], _asked_for(tour, 0).page.colour
    if sight.picture:
        evidence.bytes(f"{hop}.png", sight.picture.without_address_bar().png())
    assert sight.shows(colour), (
        f"{hop} of session {tour.session}: expected over {FILLS:.0%} of {hex_colour(colour)}, got {sight}"
    )


@_CONTROLLER
@_SHOWN
def test_two_windows_at_once_show_their_own_vms(tour: Tour, second_tour: Tour, evidence: Evidence) -> None:
    """Of two sessions at once, by two users, each window shows its own VM's page, and never the other's."""
    for name, one, other in (("first", tour, second_tour), ("second", second_tour, tour)):
        _keep(one, evidence, "page-1", name=f"{name}-user.png")
        _demand_connection(one, one.at_first)
        own, foreign = _asked_for(one, 0), other.pages[0].page.colour
        _demand_browser(one, own.canvas)
        assert own.canvas.shows(own.page.colour), (
            f"the {name} user's window (session {one.session}): expected {hex_colour(own.page.colour)},"
            f" got {own.canvas}"
        )
        assert own.canvas.share(foreign) < STRAY, (
            f"the {name} user's window (session {one.session}) shows {own.canvas.share(foreign):.0%} of"
            f" {hex_colour(foreign)}, the page of session {other.session}; expected less than {STRAY:.0%}"
        )


@_CONTROLLER
@pytest.mark.behind(CONNECTS, OPENS)
def test_two_sessions_at_once_have_their_own_addresses(
    tour: Tour, second_tour: Tour, session: Session, second_session: Session
) -> None:
    """Of two sessions at once, by two users, each VM has an address of its own, and opens its own pages."""
    assert session.address != second_session.address, f"both sessions' VMs have {session.address}"
    for one in (tour, second_tour):
        visitors = {visitor for at in range(len(one.pages)) for visitor in _asked_for(one, at).visitors}
        assert visitors == {one.address}, (
            f"the pages of session {one.session} were asked for by {sorted(visitors)};"
            f" expected {one.address} alone"
        )


def _opened(pages: list[Opened], number: int, *, behind: str = "") -> Opened:
    """A page that the VM was told to open, and could have asked for.

    :param behind: the check that says what the controller answered, where that is another.
    """
    if len(pages) <= number:
        raise ConsequenceError("no page was opened", behind=CONNECTS)
    opened = pages[number]
    if behind and pages[0].answer:
        raise ConsequenceError(f"open-url: {pages[0].answer}", behind=behind)
    assert not opened.answer, f"open-url: {opened.answer}"
    if opened.out_of_reach:
        raise SessionError(
            f"the VM cannot reach {opened.page.url}, the suite's own page: {opened.out_of_reach}",
            hint="let VMs reach that address and a port of your choice on the host,"
            " and name them in session.page_address and session.page_port",
        )
    return opened


def _asked_for(tour: Tour, number: int) -> Opened:
    """A page that the VM was told to open; one that does not even ask for the first shows none."""
    opened = _opened(tour.pages, number, behind=OPENS)
    if not tour.pages[0].visitors:
        raise ConsequenceError(f"session {tour.session}: its VM never asked for a page", behind=OPENS)
    return opened


def _demand_connection(tour: Tour, seen: Sight) -> None:
    """Through a page that does not connect nothing of the VM is seen."""
    if tour.error or tour.state != CONNECTED:
        told = f"the page of session {tour.session}: {tour.error or tour.state}; its canvas: {seen}"
        if tour.kept_out:
            raise SessionError(told, hint=f"see {CONNECTS}", behind=CONNECTS)
        raise ConsequenceError(told, behind=CONNECTS)


def _demand_browser(tour: Tour, seen: Sight) -> None:
    """A canvas that never was anything but blank shows no page either."""
    if all(one.picture is None or one.picture.is_blank for one in (tour.at_first, seen)):
        raise ConsequenceError(f"the canvas of session {tour.session}: {seen}", behind=BROWSER)


def _shows(tour: Tour, number: int) -> None:
    seen = tour.pages[number].canvas if len(tour.pages) > number else tour.at_first
    _demand_connection(tour, seen)
    _demand_browser(tour, seen)
    opened = _asked_for(tour, number)
    assert opened.canvas.shows(opened.page.colour), (
        f"the canvas: expected over {FILLS:.0%} of {hex_colour(opened.page.colour)}, got {opened.canvas}"
    )


def _keep(tour: Tour, evidence: Evidence, screenshot: str, *, name: str = "window.png") -> None:
    """Whatever the outcome."""
    if screenshot in tour.screenshots:
        evidence.bytes(name, tour.screenshots[screenshot])
