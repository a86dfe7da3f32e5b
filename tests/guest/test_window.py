"""The desktop behind the browser window: VNC and noVNC answer in a fresh clone."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import httpx
import pytest

from harness.errors import ConsequenceError
from harness.guest import claims
from harness.infra.host import Host
from harness.site.profile import Site
from harness.text import beginning
from harness.transport.http import client_over
from harness.vm.machine import Vm
from harness.wait import last_answer

T = TypeVar("T")

_POLL_S = 0.5
NO_BANNER = b"no answer: "
LISTENS = "guest.window_is_listened_for[golden]"
LISTENED_FOR = pytest.mark.behind(LISTENS)

pytestmark = [
    pytest.mark.acceptance,
    pytest.mark.item("window", proves=False),
    pytest.mark.mend(
        step=5, how="start the desktop (VNC, websockify) in the image before the snapshot; rebuild"
    ),
    pytest.mark.look(
        "ss -ltn | grep -e :{guest.vnc_port} -e :{guest.novnc_port}",
        "curl -I http://127.0.0.1:{guest.novnc_port}/vnc.html",
    ),
]


def test_window_is_listened_for(guest: Host, site: Site) -> None:
    """VNC and noVNC listen at their ports."""
    problem = claims.window_is_listened_for(guest, site)
    assert problem is None, problem


@LISTENED_FOR
def test_vnc_speaks_rfb(clone: Vm, site: Site) -> None:
    """The VNC port answers with an RFB 3 banner."""
    port = site.guest.vnc_port
    way = clone.local_forward(port) if site.guest.vnc_on_loopback else clone.forward(port)
    banner = _seen(clone, lambda: _banner(way, site), until=lambda seen: seen.startswith(b"RFB 003."))
    if banner.startswith(b"RFB 003."):
        return
    told = f"port {port} of {clone.name}: expected 'RFB 003.…', got {banner!r}; {_towards(clone, site)}"
    if not banner or banner.startswith(NO_BANNER):
        raise ConsequenceError(told, behind=LISTENS)
    raise AssertionError(told)


@LISTENED_FOR
def test_novnc_page_is_served(clone: Vm, site: Site) -> None:
    """The noVNC port serves its page over HTTP."""
    status, said = _seen(clone, lambda: _page(clone, site), until=lambda seen: seen[0] == httpx.codes.OK)
    if not status:
        raise ConsequenceError(
            f"GET :{site.guest.novnc_port}/vnc.html of {clone.name}: {said}; "
            f"towards the guest: {clone.reached(site.guest.novnc_port)}",
            behind=LISTENS,
        )
    assert status == httpx.codes.OK, (
        f"GET :{site.guest.novnc_port}/vnc.html of {clone.name}: expected 200, got {status} {said}"
    )


def _seen(clone: Vm, ask: Callable[[], T], *, until: Callable[[T], bool]) -> T:
    """What will do, or what there is in the end: a desktop may start beside the agent, and has its time."""
    left_s = max(0.0, clone.restored_at + clone.health_s - time.monotonic())
    return last_answer(ask, until=until, timeout_s=left_s, interval_s=_POLL_S)


def _towards(clone: Vm, site: Site) -> str:
    """How our last connection to VNC fared, from outside."""
    if site.guest.vnc_on_loopback:
        return "asked from inside the guest, its port being none of guest.listening_ports"
    return (
        f"towards the guest: {clone.reached(site.guest.vnc_port)}; where VNC is to listen on loopback only,"
        " leave its port out of guest.listening_ports"
    )


def _banner(way: Path, site: Site) -> bytes:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as stream:
        stream.settimeout(site.guest.request_s)
        stream.connect(str(way))
        try:
            return stream.recv(12)
        except OSError as error:
            return NO_BANNER + str(error).encode()


def _page(clone: Vm, site: Site) -> tuple[int, str]:
    """Status and beginning of what noVNC answers; 0 and why where there is none."""
    way = clone.forward(site.guest.novnc_port)
    with client_over(way, "http://guest", timeout_s=site.guest.request_s) as http:
        try:
            answer = http.get("/vnc.html")
        except httpx.HTTPError as error:
            return 0, f"{type(error).__name__}: {error}"
    return answer.status_code, repr(beginning(answer.text, 80))
