"""The desktop behind the browser window: VNC and noVNC answer in a fresh clone."""

from __future__ import annotations

import socket

import httpx
import pytest

from harness.guest import claims
from harness.infra.host import Host
from harness.site.profile import Site
from harness.text import beginning
from harness.transport.http import client_over
from harness.vm.machine import Vm

pytestmark = [
    pytest.mark.acceptance,
    pytest.mark.item("window", proves=False),
    pytest.mark.mend(
        step=5, how="start the desktop (VNC, websockify) in the image before the snapshot; rebuild"
    ),
]


def test_window_is_listened_for(guest: Host, site: Site) -> None:
    """VNC and noVNC listen at their ports."""
    problem = claims.window_is_listened_for(guest, site)
    assert problem is None, problem


def test_vnc_speaks_rfb(clone: Vm, site: Site) -> None:
    """The VNC port answers with an RFB 3 banner."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as stream:
        stream.settimeout(site.guest.request_s)
        stream.connect(str(clone.forward(site.guest.vnc_port)))
        try:
            banner = stream.recv(12)
        except OSError as error:
            banner = str(error).encode()
    assert banner.startswith(b"RFB 003."), (
        f"port {site.guest.vnc_port} of {clone.name}: expected 'RFB 003.…', got {banner!r}; "
        f"towards the guest: {clone.reached(site.guest.vnc_port)}"
    )


def test_novnc_page_is_served(clone: Vm, site: Site) -> None:
    """The noVNC port serves its page over HTTP."""
    way = clone.forward(site.guest.novnc_port)
    with client_over(way, "http://guest", timeout_s=site.guest.request_s) as http:
        try:
            answer = http.get("/vnc.html")
            seen = f"{answer.status_code} {beginning(answer.text, 80)!r}"
        except httpx.HTTPError as error:
            answer, seen = None, f"{type(error).__name__}: {error}"
    assert answer is not None, (
        f"GET :{site.guest.novnc_port}/vnc.html of {clone.name}: {seen}; "
        f"towards the guest: {clone.reached(site.guest.novnc_port)}"
    )
    assert answer.status_code == 200, (
        f"GET :{site.guest.novnc_port}/vnc.html of {clone.name}: expected 200, got {seen}"
    )
