"""A session's browser window, looked at hop by hop: what each of them shows, and what the VM asked for."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from urllib.parse import urlsplit

from harness.errors import BrowserError, NoAnswerError, SessionError, WaitTimeoutError
from harness.host.hypervisor import Hypervisor
from harness.screen.picture import OFF_BY, Colour, Screen, hex_colour, parse_colour
from harness.screen.rfb import Rfb
from harness.screen.streams import vnc_at_socket, vnc_at_websocket
from harness.session.control_api import path_of
from harness.session.inside import inside
from harness.session.launch import Session
from harness.site.profile import SessionSection
from harness.site.screen_password import screen_password
from harness.wait import wait_until

FILLS = 0.5
"""A page's background fills more than this part of the screen: the rest is the browser's own."""
FORM_FILLS = 0.35
"""A form, and what the browser lays over it, leave more than this part to the provider's background."""
STRAY = 0.01
"""Fewer pixels than this part of the screen may be of any colour by chance, in letters and edges."""
_ANOTHER = 0.02
"""Where a page has no colour to be told by: another one changes more than this part of the screen."""
_CARET = 0.0005
_AT_REST = 8
"""So many looks: a page under way is drawn in parts, a form's first field seconds before its last."""
_PICTURE_POLL_S = 0.4
"""A look costs a good tenth of a second of a processor that the VMs may want."""

Look = Callable[[], Screen | None]


@dataclass(frozen=True)
class Sight:
    """What was seen at the end of a wait: a picture, or why there is none."""

    picture: Screen | None
    took_s: float
    error: str = ""

    def share(self, colour: Colour) -> float:
        """The part of the picture that has a colour; nothing of none."""
        return self.picture.share(colour, off_by=OFF_BY) if self.picture else 0.0

    def shows(self, colour: Colour, *, fills: float = FILLS) -> bool:
        """Whether a page of that colour fills it."""
        return self.share(colour) > fills

    def __str__(self) -> str:
        return self.error or f"{self.picture or 'no picture'}, after {self.took_s:.1f} s"


def while_it_goes_on(session: Session, look: Look) -> Look:
    """A look that ends its wait once the session is over: its VM will show nothing any more."""

    def looked() -> Screen | None:
        session.must_go_on()
        return look()

    return looked


def look_for(look: Look, *, timeout_s: float, until: Callable[[Screen], bool], what: str) -> Sight:
    """Look until a picture is as wanted, or the time is over; what was seen last, whatever it is."""
    began = time.monotonic()
    try:
        seen = wait_until(
            look,
            what=what,
            timeout_s=timeout_s,
            interval_s=_PICTURE_POLL_S,
            until=lambda picture: picture is not None and until(picture),
        )
    except WaitTimeoutError as error:
        last = error.last if isinstance(error.last, Screen) else None
        return Sight(last, time.monotonic() - began, "" if last else error.message)
    except (BrowserError, NoAnswerError, SessionError) as error:
        return Sight(None, time.monotonic() - began, error.message)
    return Sight(seen, time.monotonic() - began)


def look_for_colour(look: Look, colour: Colour, *, timeout_s: float, fills: float = FILLS) -> Sight:
    """Look until a page of that colour fills the picture."""
    return look_for(
        look,
        timeout_s=timeout_s,
        until=lambda picture: picture.share(colour, off_by=OFF_BY) > fills,
        what=f"a picture full of {hex_colour(colour)}",
    )


def look_for_rest(look: Look, *, timeout_s: float) -> Sight:
    """Look until some pictures in a row are the same but for a caret, and not blank: of a page that is under
    way, a busy machine may show the background alone for as long as that."""
    row: list[Screen] = []

    def at_rest(picture: Screen) -> bool:
        if row and picture.changed(row[-1]) > _CARET:
            row.clear()
        row.append(picture)
        return len(row) >= _AT_REST and not picture.is_blank

    return look_for(look, timeout_s=timeout_s, until=at_rest, what="a picture that no longer changes")


def look_at_form(
    look: Look, settings: SessionSection, colour: str | None, before: Screen | None = None
) -> Sight:
    """Wait for one of the provider's pages, by its colour where it is known, and until it is drawn."""
    began = time.monotonic()
    if colour:
        wanted = parse_colour(colour)
        sight = look_for_colour(look, wanted, timeout_s=settings.window_s, fills=FORM_FILLS)
        if not sight.shows(wanted, fills=FORM_FILLS):
            return sight
    elif before is not None:
        _look_for_another(look, before, timeout_s=settings.window_s)
    rest = look_for_rest(look, timeout_s=settings.window_s)
    return Sight(rest.picture, time.monotonic() - began, rest.error)


def _look_for_another(look: Look, before: Screen, *, timeout_s: float) -> Sight:
    return look_for(
        look,
        timeout_s=timeout_s,
        until=lambda picture: picture.changed(before) > _ANOTHER,
        what="another page",
    )


@contextlib.contextmanager
def guest_vnc(hypervisor: Hypervisor, session: Session, timeout_s: float) -> Iterator[Rfb]:
    """The first hop: VNC in the VM itself, asked from inside where it listens to nobody else."""
    settings = hypervisor.site.guest
    with contextlib.ExitStack() as undo:
        if settings.vnc_on_loopback:
            guest = undo.enter_context(contextlib.closing(inside(hypervisor, session, short="w")))
            way = guest.connection.forward(f"tcp:127.0.0.1:{settings.vnc_port}")
        else:
            way = hypervisor.forward(f"tcp:{session.address}:{settings.vnc_port}")
        yield undo.enter_context(
            vnc_at_socket(way, timeout_s=timeout_s, password=screen_password(hypervisor.site))
        )


def websockify(hypervisor: Hypervisor, session: Session, timeout_s: float) -> AbstractContextManager[Rfb]:
    """The second hop: the VM's websockify, which speaks with its VNC."""
    port = hypervisor.site.guest.novnc_port
    url = f"ws://{session.address}:{port}{hypervisor.site.session.websockify_path}"
    way = hypervisor.forward(f"tcp:{session.address}:{port}")
    return vnc_at_websocket(way, url, timeout_s=timeout_s, password=screen_password(hypervisor.site))


def controller_proxy(
    hypervisor: Hypervisor, session: Session, timeout_s: float
) -> AbstractContextManager[Rfb]:
    """The third hop: the controller's WebSocket, which speaks with the VM's websockify."""
    controller = hypervisor.site.controller.url
    parts = urlsplit(controller)
    scheme = "wss" if parts.scheme == "https" else "ws"
    url = f"{scheme}://{parts.netloc}{path_of(hypervisor.site.session.websocket_path, session.id)}"
    way = hypervisor.forward_to(controller)
    return vnc_at_websocket(way, url, timeout_s=timeout_s, password=screen_password(hypervisor.site))


HOPS: dict[str, Callable[[Hypervisor, Session, float], AbstractContextManager[Rfb]]] = {
    "guest_vnc": guest_vnc,
    "websockify": websockify,
    "controller_proxy": controller_proxy,
}
"""From the VM outwards; the fourth is the page, in a browser. Each answer of theirs has the seconds given."""


def look_at_hop(
    hypervisor: Hypervisor, session: Session, hop: str, colour: Colour, *, timeout_s: float
) -> Sight:
    """Whether one hop shows a page of that colour, or comes to show it in time."""
    began = time.monotonic()
    try:
        with HOPS[hop](hypervisor, session, timeout_s) as vnc:
            look = while_it_goes_on(session, vnc.picture)
            return look_for_colour(look, colour, timeout_s=timeout_s)
    except NoAnswerError as error:
        return Sight(None, time.monotonic() - began, error.message)
