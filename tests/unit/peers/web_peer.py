"""A small web server at a unix socket."""

from __future__ import annotations

import contextlib
import http.server
import socketserver
import ssl
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

Answer = tuple[int, dict[str, str], str]
"""Status, headers and body; a status of 0 drops the connection instead."""


class _Server(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    daemon_threads = True
    answers: Mapping[str, Answer]
    asked: list[str]


class _Handler(http.server.BaseHTTPRequestHandler):
    server: Any

    def do_GET(self) -> None:
        """Answer as was laid down for the path."""
        self.server.asked.append(self.path)
        status, headers, body = self.server.answers.get(self.path.partition("?")[0], (404, {}, "none"))
        self._answer(status, {"Content-Type": "text/html; charset=utf-8", **headers}, body)

    def do_POST(self) -> None:
        """A form; it is kept with the path, and answered as its path is."""
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        self.server.asked.append(f"{self.path} {body}")
        self._answer(*self.server.answers.get(f"POST {self.path}", (404, {}, "")))

    def _answer(self, status: int, headers: Mapping[str, str], body: str) -> None:
        if status == 0:
            return
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body.encode())

    def address_string(self) -> str:
        """A unix socket's peer has no address."""
        return "peer"

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@contextlib.contextmanager
def web_peer(
    path: Path, answers: Mapping[str, Answer], *, tls: ssl.SSLContext | None = None
) -> Iterator[list[str]]:
    """Serves those answers; what was asked for, in order."""
    with _Server(str(path), _Handler) as server:
        if tls:
            server.socket = tls.wrap_socket(server.socket, server_side=True)
        server.answers, server.asked = answers, []
        thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        try:
            yield server.asked
        finally:
            server.shutdown()
            thread.join(60)
