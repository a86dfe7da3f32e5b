"""A small controller on loopback: launches sessions that are only names, and says what it was asked."""

from __future__ import annotations

import contextlib
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from harness.custodian import sessions

BODY = json.dumps({"userId": "u", "provider": "codex"})
FINISHED = ["completed", "cancelled"]


class SmallController:
    """``sessions`` is each session's status by id; ``hold`` keeps launches from being answered.

    ``cancels`` answers requests to cancel in its stead; ``shows`` is what it is shown to be, look by look.
    """

    def __init__(self) -> None:
        self.sessions: dict[str, str] = {}
        self.requests: list[str] = []
        self.refuse_cancel = False
        self.cancels: tuple[int, dict[str, object] | str] | None = None
        self.shows: list[str] = []
        self.hold = threading.Event()
        self.hold.set()
        self.asked = threading.Event()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    @property
    def live(self) -> list[str]:
        """Sessions that go on."""
        return [session for session, status in self.sessions.items() if status == "ready"]

    def stop(self) -> None:
        """End it, and whatever it holds."""
        self.hold.set()
        self._server.shutdown()
        self._thread.join(60)
        self._server.server_close()

    def show(self, path: str) -> tuple[int, dict[str, object]]:
        """What a GET is answered."""
        session = path.split("/")[4]
        if session not in self.sessions:
            return 404, {"error": "no such session"}
        if self.shows:
            self.sessions[session] = self.shows.pop(0)
        return 200, {"session": {"session_id": session, "status": self.sessions[session]}}

    def answer(self, path: str, body: str) -> tuple[int, dict[str, object] | str]:
        """What a POST is answered; text is HTML."""
        self.requests.append(path)
        if path == "/api/auth/start":
            self.asked.set()
            self.hold.wait(60)
            if "userId" not in body:
                return 400, {"error": "userId is required"}
            session = f"s{len(self.sessions) + 1}"
            self.sessions[session] = "ready"
            return 200, {"sessionId": session}
        if self.cancels:
            return self.cancels
        session = path.split("/")[4]
        if session not in self.sessions:
            return 404, {"error": "no such session"}
        if self.refuse_cancel:
            return 500, {"error": "it clings to life"}
        if self.sessions[session] != "ready":
            return 409, {"error": "over already"}
        self.sessions[session] = "cancelled"
        return 200, {}

    def _handler(controller) -> type[BaseHTTPRequestHandler]:  # noqa: N805 - `self` is the handler's
        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.say(*controller.show(self.path))

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"])).decode()
                self.say(*controller.answer(self.path, body))

            def say(self, status: int, content: dict[str, object] | str) -> None:
                kind = "text/html" if isinstance(content, str) else "application/json"
                text = (content if isinstance(content, str) else json.dumps(content)).encode()
                with contextlib.suppress(ConnectionError):  # whoever asked has gone
                    self.send_response(status)
                    self.send_header("Content-Type", kind)
                    self.send_header("Content-Length", str(len(text)))
                    self.end_headers()
                    self.wfile.write(text)

            def log_message(self, *_: object) -> None:
                """Nothing."""

        return Handler


@contextlib.contextmanager
def small_controller() -> Iterator[SmallController]:
    """A controller for the block."""
    controller = SmallController()
    try:
        yield controller
    finally:
        controller.stop()


def request(controller: SmallController, body: str = BODY, limit_s: float = 60) -> dict[str, Any]:
    """A request for a session."""
    show = f"{controller.url}/api/auth/session/{{session}}"
    urls = {"url": f"{controller.url}/api/auth/start", "session_url": show, "cancel_url": f"{show}/cancel"}
    return {**urls, "finished": FINISHED, "body": body, "limit_s": limit_s, "end_s": 60}


def own(note: Path, controller: SmallController, **changed: Any) -> dict[str, Any]:
    """Ask for a session, and own it."""
    return sessions.start_session(note, **request(controller, **changed))
