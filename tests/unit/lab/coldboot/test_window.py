"""The window of the Node controller: its page, and the WebSocket that carries the VM's screen."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import ExitStack

import httpx
import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect
from websockets.sync.server import ServerConnection, serve

from tests.unit.lab.coldboot.host import ADDRESSES, PASSWORD, Host
from tests.unit.peers.ports import free_port


def echo(peer: ServerConnection) -> None:
    """Greet, and send back whatever comes; the word ``bye`` has it close."""
    peer.send(b"RFB 003.008\n")
    for message in peer:
        if message == b"bye":
            return
        peer.send(message)


@pytest.fixture
def windowed(idle_host: Host) -> Iterator[Host]:
    """A host in each of whose VMs a websockify listens."""
    port = free_port()
    with ExitStack() as stack:
        for address in ADDRESSES:
            server = serve(echo, address, port, subprotocols=["binary"], compression=None)  # type: ignore[list-item]
            threading.Thread(target=server.serve_forever, daemon=True).start()
            stack.callback(server.shutdown)
        idle_host.settings["WEBSOCKIFY_PORT"] = str(port)
        idle_host.start()
        yield idle_host


def websocket(host: Host, session_id: str) -> str:
    """The address of a session's screen."""
    return f"ws://127.0.0.1:{host.port}/api/auth/session/{session_id}/novnc/websock"


def test_the_page_loads_its_viewer_from_elsewhere(host: Host) -> None:
    """And gives the password in its script."""
    page = httpx.get(f"{host.base_url}/api/auth/session/{host.launch()}/novnc", timeout=60)
    assert page.headers["content-type"].startswith("text/html")
    assert 'import RFB from "http://cdn.lab.internal:9091/novnc/core/rfb.js"' in page.text
    assert f'credentials: {{ password: "{PASSWORD}" }}' in page.text
    assert "content-security-policy" not in page.headers


def test_the_screen_is_carried_both_ways(windowed: Host) -> None:
    """From its first byte on, until either end closes."""
    session_id = windowed.launch()
    with connect(websocket(windowed, session_id), subprotocols=["binary"], compression=None) as screen:  # type: ignore[list-item]
        assert screen.subprotocol == "binary"
        assert screen.recv(60) == b"RFB 003.008\n"
        screen.send(b"x" * 100_000)
        assert screen.recv(60) == b"x" * 100_000
        screen.send(b"bye")
        with pytest.raises(ConnectionClosed):
            screen.recv(60)


def test_a_vm_that_goes_closes_its_window(windowed: Host) -> None:
    session_id = windowed.launch()
    with connect(websocket(windowed, session_id), compression=None) as screen:
        screen.recv(60)
        windowed.ask("POST", f"/session/{session_id}/cancel")
        with pytest.raises(ConnectionClosed):
            screen.recv(60)
    with pytest.raises(InvalidStatus, match="409"):
        connect(websocket(windowed, session_id))


def test_without_a_websockify_there_is_no_window(host: Host) -> None:
    """An error, and no connection that breaks at once; the controller goes on."""
    session_id = host.launch()
    with pytest.raises(InvalidStatus, match="502"):
        connect(websocket(host, session_id))
    assert host.session(session_id)["status"]
