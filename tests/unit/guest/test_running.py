"""The running agent as the inspector of a real Node.js tells it."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import threading
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import unix_connect
from websockets.sync.server import ServerConnection

from harness.errors import TransportError
from harness.guest.inspector import Inspector, inspector
from harness.guest.places import Place
from harness.guest.running import Running, look_at_process
from harness.wait import wait_until
from tests.unit.peers.listening import listens
from tests.unit.peers.ports import free_port
from tests.unit.peers.websocket_peer import websocket_peer

PROGRAM = """
function bound(what, error) {
  process.exit(1);
}
process.on('uncaughtException', bound.bind(null, 'x'));
process.once('unhandledRejection', () => process.exit(1));
process.on('unhandledRejection', console.error);
const server = require('http').createServer();
server.on('error', () => process.exit(1));
server.listen(PORT, '127.0.0.1', () => console.log('up'));
require('net').createServer().listen('/tmp/never-there/sock').on('error', () => {});
new (require('net').Server)();
"""


@contextlib.contextmanager
def looked_at(folder: Path, file: str, program: str, port: int) -> Iterator[Running]:
    """A program, once it says that it is up."""
    (folder / file).write_text(program.replace("PORT", str(port)))
    argv = ["node", "--inspect=127.0.0.1:0", str(folder / file)]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        assert process.stdout is not None
        inspects = process.stderr.readline().rsplit(":", 1)[1].split("/")[0]
        assert process.stdout.readline() == "up\n"
        socket = folder / "inspector"
        relay = ["socat", f"UNIX-LISTEN:{socket},fork", f"TCP:127.0.0.1:{inspects}"]
        with subprocess.Popen(relay) as through:
            try:
                wait_until(partial(listens, socket), what="the relay", timeout_s=60)
                with inspector(socket) as session:
                    yield look_at_process(session, process.pid, inside=process.pid)
                    with pytest.raises(TransportError, match=rf"is process {process.pid}'s, and the"):
                        look_at_process(session, process.pid, inside=process.pid + 1)
                assert process.poll() is None
            finally:
                os.kill(through.pid, signal.SIGTERM)
                process.kill()


def test_handlers_and_servers_are_told_with_their_places(tmp_path: Path) -> None:
    """A bound handler by the function that it stands for; Node.js's own by none."""
    port, file = free_port(), str(tmp_path / "server.js")
    with looked_at(tmp_path, "server.js", PROGRAM, port) as seen:
        assert seen.handlers["uncaughtException"] == (Place(file, 2, 15),)
        rejection = seen.handlers["unhandledRejection"]
        assert rejection[0] == Place(file, 6, 36)
        assert len(rejection) == 2
        (server,) = seen.servers_at(port)
        assert (server.address, server.errors) == ("127.0.0.1", (Place(file, 9, 20),))
        assert len(seen.servers) == 1, "what does not listen is no server"


def test_an_es_module_is_told_alike(tmp_path: Path) -> None:
    """Its scripts have URLs."""
    head = "import http from 'node:http';\nprocess.setUncaughtExceptionCaptureCallback(() => {});\n"
    text = "http.createServer().listen(PORT, '127.0.0.1', () => console.log('up')).on('error', () => {});\n"
    port = free_port()
    with looked_at(tmp_path, "a b.mjs", head + text, port) as seen:
        assert seen.handlers == {"uncaughtException": (None,), "unhandledRejection": ()}
        (server,) = seen.servers_at(port)
        assert server.errors == (Place(str(tmp_path / "a b.mjs"), 3, 85),)


ANSWERS: tuple[dict[str, object], ...] = (
    {},
    {"result": 7},
    {"result": {}},
    {"result": {"type": "object", "objectId": 7}},
    {"result": {"type": "object", "objectId": "1"}, "objects": 7},
    {"result": {"type": "object", "objectId": "1"}, "objects": {"objectId": "2"}},
    {"result": [{"name": "0", "value": {"objectId": "x"}}], "internalProperties": [{"name": 7}]},
    {
        "result": [{"name": "0", "value": {"objectId": "x"}}],
        "internalProperties": [{"name": "[[FunctionLocation]]", "value": {"value": {"lineNumber": "x"}}}],
    },
)


@pytest.mark.parametrize("answer", ANSWERS, ids=str)
def test_an_inspector_that_tells_nonsense_is_our_trouble(tmp_path: Path, answer: object) -> None:
    """Whatever else it says between its answers."""
    over = threading.Event()

    def serve(connection: ServerConnection) -> None:
        with contextlib.suppress(ConnectionClosed):
            for request in connection:
                connection.send('{"method": "Debugger.scriptParsed"}' if over.is_set() else "garbage")
                asked = json.loads(request)
                is_it = asked["params"].get("expression") == "process.pid"
                result = {"result": {"value": 7}} if is_it else answer
                connection.send(json.dumps({"id": asked["id"], "result": result}))

    with (
        websocket_peer(tmp_path / "s", serve),
        unix_connect(str(tmp_path / "s"), "ws://process/", close_timeout=1) as connection,
        pytest.raises(TransportError, match="inspector"),
    ):
        look_at_process(Inspector(connection), 7, inside=7)
