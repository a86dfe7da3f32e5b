"""The screen of a VM: a picture of it, and on loopback a page that shows it, noVNC's own, and its VNC."""

from __future__ import annotations

import contextlib
import http.server
import secrets
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx

from harness.errors import HarnessError, TransportError
from harness.host.hypervisor import Hypervisor
from harness.keeping.reach import inside, way_to
from harness.screen.streams import vnc_at_socket
from harness.site.screen_password import screen_password
from harness.transport.http import client_over
from harness.transport.tunnel import LOOPBACK, loopback_tunnel

_ANSWER_S = 20.0
_PAGE = """<!doctype html><html lang="en"><meta charset="utf-8">
<meta http-equiv="refresh" content="2"><title>{name}</title>
<style>body{{margin:0;background:#222}}img{{max-width:100%}}</style>
<img src="screen.png" alt="the screen of {name}">"""
_NOVNC = "/vnc.html"

Picture = Callable[[], bytes]
"""Gives what is to be shown."""


@contextlib.contextmanager
def vnc_of(hypervisor: Hypervisor, name: str) -> Iterator[Path]:
    """A local unix socket that leads to the guest's VNC, from inside it where it listens to nobody else."""
    settings = hypervisor.site.guest
    if not settings.vnc_on_loopback:
        yield way_to(hypervisor, name, settings.vnc_port)
        return
    with contextlib.closing(inside(hypervisor, name)) as guest:
        yield guest.connection.forward(f"tcp:{LOOPBACK}:{settings.vnc_port}")


def picture(hypervisor: Hypervisor, way: Path) -> bytes:
    """What its screen shows now, as PNG.

    :raises RfbError: it has no screen that can be seen.
    """
    password = screen_password(hypervisor.site)
    with vnc_at_socket(way, timeout_s=_ANSWER_S, password=password) as vnc:
        return vnc.picture().png()


@contextlib.contextmanager
def shown(hypervisor: Hypervisor, name: str) -> Iterator[list[str]]:
    """Have it seen while the block runs; a line for each way to.

    :raises HarnessError: it has no screen that can be seen.
    """
    with contextlib.ExitStack() as undo:
        way = undo.enter_context(vnc_of(hypervisor, name))
        picture(hypervisor, way)  # else there is nothing to open
        page = undo.enter_context(_page(name, lambda: picture(hypervisor, way)))
        lines = [f"its screen, to look at: {page}"]
        novnc = way_to(hypervisor, name, hypervisor.site.guest.novnc_port)
        if _has_page(novnc):
            port = undo.enter_context(loopback_tunnel(novnc))
            lines.append(
                f"to work in, by noVNC:   http://{LOOPBACK}:{port}{_NOVNC}?autoconnect=1&resize=scale"
            )
        vnc = undo.enter_context(loopback_tunnel(way))
        lines.append(f"for a VNC viewer:       {LOOPBACK}:{vnc} (port {vnc}, no display number)")
        yield lines


def _has_page(way: Path) -> bool:
    """Whether the guest's websockify serves noVNC's page, too."""
    with client_over(way, "http://novnc", timeout_s=_ANSWER_S) as client:
        try:
            return client.get(_NOVNC).status_code == httpx.codes.OK
        except httpx.HTTPError:
            return False


@contextlib.contextmanager
def _page(name: str, look: Picture) -> Iterator[str]:
    """A page on loopback that shows a picture, again and again; its address, which nobody else knows."""
    secret = secrets.token_urlsafe(16)
    answers: dict[str, tuple[str, Picture]] = {
        f"/{secret}/": ("text/html; charset=utf-8", _PAGE.format(name=name).encode),
        f"/{secret}/screen.png": ("image/png", look),
    }

    class Handler(http.server.BaseHTTPRequestHandler):
        """Answers to who knows the address."""

        def do_GET(self) -> None:
            """One request."""
            kind, content = answers.get(self.path, ("", bytes))
            try:
                body = content()
            except HarnessError:  # it may be there again for the next
                kind, body = "", b""
            self.send_response(200 if kind else 404)
            self.send_header("Content-Type", kind or "text/plain")
            self.send_header("Content-Length", str(len(body)))
            self.send_header("Cache-Control", "no-store")
            self.send_header(
                "Content-Security-Policy", "default-src 'none'; img-src 'self'; style-src 'unsafe-inline'"
            )
            self.end_headers()
            with contextlib.suppress(OSError):
                self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Nothing."""

    try:
        server = http.server.ThreadingHTTPServer((LOOPBACK, 0), Handler)
    except OSError as error:
        raise TransportError(f"no page can be served on {LOOPBACK}: {error.strerror}") from error
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, name="screen", daemon=True)
    thread.start()
    try:
        yield f"http://{LOOPBACK}:{server.server_address[1]}/{secret}/"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
