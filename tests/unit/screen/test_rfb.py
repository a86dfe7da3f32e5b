"""The VNC client, against a VNC server over a socket and over a real WebSocket."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.server import ServerConnection

from harness.errors import TransportError
from harness.screen.picture import Screen, from_rgba, hex_colour, parse_colour
from harness.screen.rfb import Rfb, RfbError
from harness.screen.streams import vnc_at_address, vnc_at_socket, vnc_at_websocket
from tests.unit.peers.vnc_server import SIZE, VncServer, listening
from tests.unit.peers.websocket_peer import websocket_peer

TEAL = (0x11, 0x88, 0x99)
WHITE = (0xFF, 0xFF, 0xFF)


def screen(*colours: tuple[int, int, int], unused: int = 0) -> Screen:
    """A picture one pixel high."""
    return Screen(len(colours), 1, b"".join(bytes((b, g, r, unused)) for r, g, b in colours))


def test_a_screen_knows_its_colours() -> None:
    blue, other_blue, white = b"\x89\x4e\x1d\x00", b"\x89\x4e\x1d\xff", b"\xff\xff\xff\x00"
    picture = Screen(2, 2, other_blue * 2 + blue + white)
    assert picture.share((0x1D, 0x4E, 0x89)) == 0.75
    assert picture.commonest() == ((0x1D, 0x4E, 0x89), 0.75)
    assert picture.png().startswith(b"\x89PNG")
    assert str(picture) == "2x2, 75 % #1d4e89, 25 % #ffffff, 2 colours"


def test_a_compressed_colour_is_known_within_its_tolerance() -> None:
    picture = screen((0x1F, 0x4C, 0x89), WHITE)
    assert picture.share((0x1D, 0x4E, 0x89)) == 0
    assert picture.share((0x1D, 0x4E, 0x89), off_by=2) == 0.5


def test_pictures_are_compared_by_what_is_seen_of_them() -> None:
    before = screen(TEAL, TEAL, TEAL, WHITE)
    assert before.changed(screen(TEAL, TEAL, TEAL, WHITE, unused=7)) == 0
    assert before.changed(screen(TEAL, WHITE, TEAL, WHITE)) == 0.25
    assert before.changed(screen(TEAL)) == 1


def test_a_canvas_is_a_picture_too() -> None:
    assert from_rgba(1, 1, bytes((*TEAL, 255))).share(TEAL) == 1


def test_colours_are_written_as_in_a_style_sheet() -> None:
    assert hex_colour(parse_colour("#118899")) == "#118899"
    with pytest.raises(ValueError, match="unpack"):
        parse_colour("#1188")


@contextlib.contextmanager
def session(folder: Path, server: VncServer, *, timeout_s: float = 5) -> Iterator[Rfb]:
    """A VNC session with a server at a socket."""
    with listening(folder / "vnc", server), vnc_at_socket(folder / "vnc", timeout_s=timeout_s) as vnc:
        yield vnc


def test_a_picture_is_taken_through_a_socket(tmp_path: Path) -> None:
    """Whatever else the server has to say in between, and in however many parts the picture comes."""
    server = VncServer(TEAL)
    with session(tmp_path, server) as vnc:
        assert (vnc.width, vnc.height, vnc.name) == (*SIZE, "desk")
        assert vnc.picture().share(TEAL) == 1
        server.colour = WHITE
        assert vnc.picture().share(WHITE) == 1


def test_only_what_changes_is_asked_for_again(tmp_path: Path) -> None:
    """A server with nothing new stays silent, and is not asked twice."""
    server = VncServer(TEAL)
    with session(tmp_path, server, timeout_s=0.2) as vnc:
        vnc.picture()
        server.stop_painting = True
        assert [vnc.picture().share(TEAL) for _ in range(3)] == [1, 1, 1]
    assert server.asked_incrementally == [False, True]


def test_a_server_that_hangs_up_later_is_a_clear_error(tmp_path: Path) -> None:
    server = VncServer(TEAL)
    with session(tmp_path, server) as vnc:
        vnc.picture()
        server.hang_up = True
        with pytest.raises(RfbError, match="hung up"):
            vnc.picture()


@pytest.mark.parametrize(
    ("security", "said"), [(b"\x01\x02", "wants a password"), (b"\x00\x00\x00\x00\x04full", "refused: full")]
)
def test_a_server_that_lets_nobody_in_is_a_clear_error(tmp_path: Path, security: bytes, said: str) -> None:
    server = VncServer(TEAL)
    server.security = security
    with (
        listening(tmp_path / "vnc", server),
        pytest.raises(RfbError, match=said),
        vnc_at_socket(tmp_path / "vnc", timeout_s=5),
    ):
        pass


def test_a_frozen_server_is_a_clear_error(tmp_path: Path) -> None:
    server = VncServer(TEAL)
    server.stop_painting = True
    with session(tmp_path, server, timeout_s=0.2) as vnc, pytest.raises(RfbError, match="timed out"):
        vnc.picture()


def test_nobody_is_a_clear_error(tmp_path: Path) -> None:
    with pytest.raises(TransportError, match="is lost"), vnc_at_socket(tmp_path / "none", timeout_s=1):
        pass
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    with pytest.raises(RfbError, match="nobody answers"), vnc_at_address("127.0.0.1", port, timeout_s=1):
        pass


@contextlib.contextmanager
def websocket(path: Path, server: VncServer) -> Iterator[None]:
    """A VNC server behind a WebSocket, as websockify does it."""

    def serve(connection: ServerConnection) -> None:
        left = bytearray()

        def read(count: int) -> bytes:
            while len(left) < count:
                message = connection.recv()
                assert isinstance(message, bytes)
                left.extend(message)
            part, left[:count] = bytes(left[:count]), b""
            return part

        with contextlib.suppress(ConnectionClosed):
            server.serve(read, connection.send)

    with websocket_peer(path, serve, subprotocol="binary"):
        yield


def test_a_picture_is_taken_through_a_websocket(tmp_path: Path) -> None:
    with (
        websocket(tmp_path / "ws", VncServer(TEAL)),
        vnc_at_websocket(tmp_path / "ws", "ws://guest:6080/websockify", timeout_s=5) as vnc,
    ):
        assert vnc.picture().share(TEAL) == 1


def test_a_socket_that_is_no_websocket_is_a_clear_error(tmp_path: Path) -> None:
    with (
        listening(tmp_path / "vnc", VncServer(TEAL)),
        pytest.raises(RfbError, match="no WebSocket at ws://guest/x"),
        vnc_at_websocket(tmp_path / "vnc", "ws://guest/x", timeout_s=2),
    ):
        pass
