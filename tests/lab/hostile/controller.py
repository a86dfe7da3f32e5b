"""A controller that answers in every ill manner."""

from __future__ import annotations

import gzip
import itertools
import json
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from tests.lab.hostile.text import NASTY

_DRIP_S = 0.3
_BOMB = gzip.compress(b"\0" * (64 << 20)) * 16
"""A megabyte that is a gigabyte."""


class Controller(ThreadingHTTPServer):
    """Answers, whatever it is asked, in one ill manner after another."""

    daemon_threads = True

    def __init__(self, port: int) -> None:
        super().__init__(("127.0.0.1", port), _Answer)
        self.turns = itertools.count()
        threading.Thread(target=self.serve_forever, args=(0.05,), daemon=True).start()

    def handle_error(self, request: object, client_address: object) -> None:
        """Whoever asked has gone."""


class _Answer(BaseHTTPRequestHandler):
    server: Controller

    def do_GET(self) -> None:
        """One manner for each question, by turns."""
        manners: tuple[Callable[[], None], ...] = (
            *(self.drip_head, self.drip_body, self.bomb, self.deep),
            *(self.digits, self.flood, self.garbage, self.halfway),
        )
        manners[next(self.server.turns) % len(manners)]()

    def do_POST(self) -> None:
        """A launch is answered; its every value is an attack."""
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if not self.path.endswith("/start"):
            return self.do_GET()
        session = {
            "sessionId": NASTY,
            "browserIP": "$(reboot)\nProxyCommand reboot",
            "vmId": f"../../{NASTY}",
        }
        return self.whole(json.dumps(session).encode())

    def whole(self, body: bytes, **headers: str) -> None:
        """An answer, complete."""
        self.send_response(200)
        for name, value in {**headers, "Content-Length": str(len(body))}.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(body)

    def drip_head(self) -> None:
        """A header that never ends."""
        self.drip(b"HTTP/1.1 200 OK\r\nX: ")

    def drip_body(self) -> None:
        """A body that never ends."""
        self.drip(b"HTTP/1.1 200 OK\r\n\r\n{")

    def drip(self, head: bytes) -> None:
        """Some bytes, then one now and then, until the other hangs up."""
        self.wfile.write(head)
        while True:
            self.wfile.write(b"x")
            threading.Event().wait(_DRIP_S)

    def bomb(self) -> None:
        """A megabyte that is a gigabyte."""
        self.whole(_BOMB, Content_Encoding="gzip")

    def deep(self) -> None:
        """JSON deeper than a stack."""
        self.whole(b"[" * 100_000)

    def digits(self) -> None:
        """A number longer than Python reads."""
        self.whole(b'{"session": {"status": ' + b"9" * 5_000 + b"}}")

    def flood(self) -> None:
        """More than anybody wants."""
        self.wfile.write(b"HTTP/1.1 200 OK\r\n\r\n")
        while True:
            self.wfile.write(NASTY.encode() * 1000)

    def garbage(self) -> None:
        """No HTTP."""
        self.wfile.write(NASTY.encode("utf-8") + b"\xff\xfe\n\n")

    def halfway(self) -> None:
        """An answer that breaks off."""
        self.wfile.write(
            b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\nContent-Type: text/x; charset=no\r\n\r\n\xff"
        )

    def log_message(self, *_: object) -> None:
        """Nothing."""
