"""A VNC server that misbehaves, over a socket and over a WebSocket, is soon given up; it is said why."""

from __future__ import annotations

import contextlib
import struct
import threading
import time
import tracemalloc
from collections.abc import Iterator
from pathlib import Path

import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.server import ServerConnection

from harness.screen.rfb import Rfb, RfbError
from harness.screen.streams import vnc_at_socket, vnc_at_websocket
from tests.unit.peers.misbehaving import MANNERS, Words, behave, misbehaving
from tests.unit.peers.vnc_server import SIZE, looks
from tests.unit.peers.websocket_peer import websocket_peer

SLACK_S = 60.0  # where it took for ever
GREETING = b"RFB 003.008\n" + b"\x01\x01" + bytes(4) + struct.pack(">HH16x", *SIZE)
BELL = b"\x02"
NOTHING_NEW = struct.pack(">BxH", 0, 9999) + struct.pack(">HHHHi", 0, 0, 0, 0, 0) * 9999
COPIED = struct.pack(">BxxxI", 3, 1 << 16) + bytes(1 << 16)
PICTURE = struct.pack(">BxHHHHHi", 0, 1, 0, 0, *SIZE, 0) + bytes(SIZE[0] * SIZE[1] * 4)
FLOODS = {"bells": BELL, "rectangles": NOTHING_NEW, "copied": COPIED, "pictures of one pixel": PICTURE[:16]}


@contextlib.contextmanager
def peer_at(path: Path, way: str, manner: str, words: Words, *, greets: bytes = b"") -> Iterator[None]:
    """A VNC server that misbehaves once it has greeted so."""
    if way == "socket":
        with misbehaving(path, manner, words, opening=lambda it: it.sendall(greets)):
            yield
        return
    over = threading.Event()

    def serve(connection: ServerConnection) -> None:
        with contextlib.suppress(ConnectionClosed):
            if greets:
                connection.send(greets)
            behave(manner, words, connection.send, over)

    with websocket_peer(path, serve, subprotocol="binary"):
        try:
            yield
        finally:
            over.set()


@contextlib.contextmanager
def look(path: Path, way: str, timeout_s: float) -> Iterator[Rfb]:
    """A session over either."""
    reached = vnc_at_socket(path, timeout_s=timeout_s)
    if way == "websocket":
        reached = vnc_at_websocket(path, "ws://guest/x", timeout_s=timeout_s)
    with reached as vnc:
        yield vnc


ways = pytest.mark.parametrize("way", ["socket", "websocket"])


@ways
@pytest.mark.parametrize("manner", MANNERS)
def test_a_server_that_misbehaves_from_the_start_is_soon_given_up(
    tmp_path: Path, way: str, manner: str
) -> None:
    words = Words(GREETING + struct.pack(">I", 4) + b"desk", BELL)
    began = time.monotonic()
    with (
        peer_at(tmp_path / "s", way, manner, words),
        pytest.raises(RfbError, match="VNC server"),
        look(tmp_path / "s", way, 0.5),
    ):
        pass
    assert time.monotonic() - began < SLACK_S


LATER = {
    **{manner: (manner, BELL) for manner in MANNERS},
    **{name: ("flooding", it) for name, it in FLOODS.items()},
}


@ways
@pytest.mark.parametrize(("manner", "endless"), LATER.values(), ids=LATER)
def test_a_server_that_misbehaves_later_is_soon_given_up(
    tmp_path: Path, way: str, manner: str, endless: bytes
) -> None:
    """A picture that only looks whole is told by the next look."""
    began = time.monotonic()
    greets = GREETING + struct.pack(">I", 4) + b"desk"
    with (
        peer_at(tmp_path / "s", way, manner, Words(PICTURE, endless), greets=greets),
        pytest.raises(RfbError, match="VNC server"),
        look(tmp_path / "s", way, 0.5) as vnc,
    ):
        list(looks(vnc, for_s=SLACK_S))
    assert time.monotonic() - began < SLACK_S


UPGRADED = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"


@pytest.mark.parametrize("manner", MANNERS)
@pytest.mark.parametrize("endless", [b"HTTP/1.1 102 X\r\n\r\n", UPGRADED + b"A: b\r\n" * 9999, b"x"])
def test_a_server_that_misbehaves_before_there_is_a_websocket_is_soon_given_up(
    tmp_path: Path, manner: str, endless: bytes
) -> None:
    began = time.monotonic()
    with (
        misbehaving(tmp_path / "s", manner, Words(UPGRADED, endless)),
        pytest.raises(RfbError, match="no WebSocket at ws://guest/x"),
        look(tmp_path / "s", "websocket", 0.5),
    ):
        pass
    assert time.monotonic() - began < SLACK_S


def greeting(width: int, height: int, name: bytes, length: int | None = None) -> bytes:
    """A greeting with that screen and that name."""
    head = GREETING[:-20] + struct.pack(">HH16x", width, height)
    return head + struct.pack(">I", len(name) if length is None else length) + name


REFUSED = {
    "no screen": (greeting(0, 0, b"x"), "a screen of 0x0 pixels"),
    "no width": (greeting(0, 65535, b"x"), "a screen of 0x65535 pixels"),
    "17 GB of screen": (greeting(65535, 65535, b"x"), "a screen of 65535x65535 pixels"),
    "4 GB of name": (greeting(*SIZE, b"x", 0xFFFFFFFF), "a text of 4294967295 bytes"),
    "4 GB of reason": (GREETING[:12] + b"\0" + b"\xff" * 4, "a text of 4294967295 bytes"),
    "a reason to sound a bell": (
        GREETING[:12] + b"\0" + struct.pack(">I", 2) + b"\x07\x9b",
        r"refused: \\x07",
    ),
    "RFB 4": (b"RFB 004.000\n", "not a VNC server"),
}


@ways
@pytest.mark.parametrize(("greets", "why"), REFUSED.values(), ids=REFUSED)
def test_what_is_no_screen_is_refused_before_it_is_taken(
    tmp_path: Path, way: str, greets: bytes, why: str
) -> None:
    tracemalloc.start()
    with (
        peer_at(tmp_path / "s", way, "silent", Words(b"", b""), greets=greets),
        pytest.raises(RfbError, match=why),
        look(tmp_path / "s", way, SLACK_S),
    ):
        pass
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert most < 64 << 20


NO_PICTURES = {
    "4 GB copied": (struct.pack(">BxxxI", 3, 0xFFFFFFFF) + bytes(3 << 20), "its picture: over"),
    "an unknown encoding": (struct.pack(">BxHHHHHi", 0, 1, 0, 0, *SIZE, -239), "encoding -239"),
    "a rectangle beyond": (struct.pack(">BxHHHHHi", 0, 1, 1, 0, *SIZE, 0), "beyond its own screen"),
    "an unknown message": (b"\xfa", "message 250"),
    "colours": (b"\x01", "message 1"),
}


@ways
@pytest.mark.parametrize(("says", "why"), NO_PICTURES.values(), ids=NO_PICTURES)
def test_what_is_no_picture_is_refused(tmp_path: Path, way: str, says: bytes, why: str) -> None:
    with (
        peer_at(tmp_path / "s", way, "silent", Words(b"", b""), greets=greeting(*SIZE, b"desk") + says),
        pytest.raises(RfbError, match=why),
        look(tmp_path / "s", way, SLACK_S) as vnc,
    ):
        vnc.picture()


def test_a_name_is_data(tmp_path: Path) -> None:
    greets = greeting(*SIZE, b"\x1b]0;x\x07 \xff \xe2\x80\xae")
    with (
        peer_at(tmp_path / "s", "socket", "silent", Words(b"", b""), greets=greets),
        look(tmp_path / "s", "socket", SLACK_S) as vnc,
    ):
        assert vnc.name == "\x1b]0;x\x07 \udcff \u202e"
