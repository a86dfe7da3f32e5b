"""An agent at a unix socket that asks a database over TCP, and a clone of it whose database is ours."""

from __future__ import annotations

import asyncio
import contextlib
import http.server
import re
import socket
import socketserver
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from harness.custodian.mute import Mute
from harness.run import Result
from harness.site.profile import Site
from tests.unit.peers.small_vm import SmallVm, state

NEVER = 60.0  # longer than anybody waits here


@dataclass
class Way:
    """What the agent does for one path."""

    asks: bool = True
    """Whether it asks its database first."""
    gives_up_s: float = 0.1
    """How long it waits for the answer."""
    closes: bool = True
    """Whether it then closes the connection."""
    status: int = 200
    """0: the connection is dropped."""
    answers: int | None = None
    """So many times it answers at once, and waits ever after."""


@dataclass
class Agent:
    """What it does, and the address that it was given."""

    ways: Mapping[str, Way]
    """By method and path, without the provider and the query."""
    says: bytes
    """To its database."""
    url: str = ""
    asked: list[str] = field(default_factory=list)
    """What was asked of it, in order."""
    open: list[socket.socket] = field(default_factory=list)

    def ask_database(self, way: Way) -> None:
        """One call, given up in the end."""
        place = re.search(r"([0-9.]+):([0-9]+)", self.url)
        assert place, f"no address: {self.url!r}"
        call = socket.create_connection((place[1], int(place[2])))
        call.sendall(self.says)
        call.settimeout(way.gives_up_s)
        with contextlib.suppress(OSError):
            call.recv(1)
        if way.closes:
            call.close()
        else:
            self.open.append(call)


class _Server(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    daemon_threads = True
    request_queue_size = 64
    agent: Agent


class _Handler(http.server.BaseHTTPRequestHandler):
    server: Any

    def do_GET(self) -> None:
        """As its way is."""
        with contextlib.suppress(ConnectionError):  # whoever asked has given up
            self._go()

    def do_POST(self) -> None:
        """The same."""
        self.do_GET()

    def _go(self) -> None:
        agent: Agent = self.server.agent
        name = f"{self.command} {self.path.partition('?')[0]}"
        agent.asked.append(name)
        way = agent.ways.get(name) or agent.ways.get(name.rpartition("/")[0]) or Way(asks=False, status=404)
        if way.answers is not None and agent.asked.count(name) > way.answers:
            time.sleep(way.gives_up_s)
        elif way.asks:
            agent.ask_database(way)
        if way.status:
            self.send_response(way.status)
            self.send_header("Content-Length", "2")
            self.end_headers()
            self.wfile.write(b"{}")

    def address_string(self) -> str:
        """A unix socket's peer has no address."""
        return "peer"

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@contextlib.contextmanager
def running(path: Path, agent: Agent) -> Iterator[Agent]:
    """Serve it there."""
    with _Server(str(path), _Handler) as server:
        server.agent = agent
        thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        try:
            yield agent
        finally:
            server.shutdown()
            thread.join(60)
            for call in agent.open:
                call.close()


class DatabaseVm(SmallVm):
    """A clone whose silent listener is a real one, on loopback.

    :param scheme: of the address that its agent had.
    """

    def __init__(
        self, socket_path: Path, site: Site, agent: Agent, *, journal: tuple[str, ...] = (), scheme: str = ""
    ) -> None:
        super().__init__(socket_path, site, said=f"{state(*journal)}DatabaseScheme={scheme}\n")
        self._agent_itself = agent
        self._loop = asyncio.new_event_loop()
        self._mutes: dict[int, Mute] = {}
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()

    def script(self, text: str, *, timeout_s: float) -> Result:
        """Its agent takes the address that it is restarted with."""
        if given := re.search(r'SUPABASE_URL="(.*?)"', text):
            self._agent_itself.url = given[1]
        return super().script(text, timeout_s=timeout_s)

    def stop(self) -> None:
        """End the listener's loop."""
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(60)
        self._loop.close()

    def _answer(self, op: str, **fields: Any) -> Any:
        if op not in ("listen", "accepted", "unlisten"):
            return super()._answer(op, **fields)
        return asyncio.run_coroutine_threadsafe(self._listener(op, **fields), self._loop).result(60)

    async def _listener(self, op: str, port: int, address: str = "") -> Any:
        if op == "accepted":
            return self._mutes[port].account()
        if op == "unlisten":
            return self._mutes.pop(port).stop()
        listening = socket.create_server((address, 0))
        number: int = listening.getsockname()[1]
        self._mutes[number] = Mute(listening)
        return {"port": number}
