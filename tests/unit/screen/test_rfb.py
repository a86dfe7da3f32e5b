"""The VNC client, against a VNC server over a socket and over a real WebSocket."""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
import time
import tracemalloc
from collections.abc import Iterator
from pathlib import Path

import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.server import ServerConnection

from harness.errors import TransportError
from harness.screen.des import encrypted
from harness.screen.picture import Screen, from_rgba, hex_colour, parse_colour
from harness.screen.rfb import Rfb, RfbError
from harness.screen.streams import vnc_at_address, vnc_at_socket, vnc_at_websocket
from tests.unit.peers.misbehaving import MANNERS, Words, behave, misbehaving
from tests.unit.peers.vnc_server import SIZE, VncServer, listening
from tests.unit.peers.websocket_peer import websocket_peer

TEAL = (0x11, 0x88, 0x99)
WHITE = (0xFF, 0xFF, 0xFF)
SLACK_S = 60.0  # where it took for ever


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
def session(folder: Path, server: VncServer, *, timeout_s: float = SLACK_S) -> Iterator[Rfb]:
    """A VNC session with a server at a socket."""
    with listening(folder / "vnc", server), vnc_at_socket(folder / "vnc", timeout_s=timeout_s) as vnc:
        yield vnc


def looks(vnc: Rfb) -> Iterator[Screen]:
    """One after another: what comes later than a look waits for is seen by the next."""
    last = time.monotonic() + SLACK_S
    while time.monotonic() < last:
        yield vnc.picture()


def test_a_picture_is_taken_through_a_socket(tmp_path: Path) -> None:
    """Whatever else the server has to say in between, and in however many parts the picture comes."""
    server = VncServer(TEAL)
    with session(tmp_path, server) as vnc:
        assert (vnc.width, vnc.height, vnc.name) == (*SIZE, "desk")
        assert vnc.picture().share(TEAL) == 1
        server.colour = WHITE
        assert any(picture.share(WHITE) == 1 for picture in looks(vnc))


def test_only_what_changes_is_asked_for_again(tmp_path: Path) -> None:
    """A server with nothing new stays silent, and is not asked twice."""
    server = VncServer(TEAL)
    with session(tmp_path, server) as vnc:
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
            list(looks(vnc))


@pytest.mark.parametrize(
    ("security", "said"), [(b"\x01\x02", "wants a password"), (b"\x00\x00\x00\x00\x04full", "refused: full")]
)
def test_a_server_that_lets_nobody_in_is_a_clear_error(tmp_path: Path, security: bytes, said: str) -> None:
    server = VncServer(TEAL)
    server.security = security
    with (
        listening(tmp_path / "vnc", server),
        pytest.raises(RfbError, match=said),
        vnc_at_socket(tmp_path / "vnc", timeout_s=SLACK_S),
    ):
        pass


VERSIONS = {
    b"RFB 003.003\n": (b"\0\0\0", b"RFB 003.003\n"),
    b"RFB 003.005\n": (b"\0\0\0", b"RFB 003.003\n"),
    b"RFB 003.007\n": (b"\1", b"RFB 003.007\n"),
    b"RFB 003.008\n": (b"\1", b"RFB 003.008\n"),
    b"RFB 003.889\n": (b"\1", b"RFB 003.008\n"),
}
"""Banner: what comes before its one kind of security, and the version that we then speak."""


@pytest.mark.parametrize("banner", VERSIONS)
@pytest.mark.parametrize("password", ["", "s3cret99", "short", "longer than eight"])
def test_a_server_of_any_version_is_shown_the_password(tmp_path: Path, banner: bytes, password: str) -> None:
    """Of which the first eight characters count."""
    server, (before, spoken) = VncServer(TEAL), VERSIONS[banner]
    server.banner, server.password = banner, password
    server.security = before + (b"\2" if password else b"\1")
    with (
        listening(tmp_path / "vnc", server),
        vnc_at_socket(tmp_path / "vnc", timeout_s=SLACK_S, password=password[:8] or None) as vnc,
    ):
        assert vnc.picture().share(TEAL) == 1
    assert server.heard[0] == spoken


@pytest.mark.parametrize("banner", VERSIONS)
def test_a_wrong_password_is_a_clear_error(tmp_path: Path, banner: bytes) -> None:
    """With the server's reason, where its version has one."""
    server, (before, spoken) = VncServer(TEAL), VERSIONS[banner]
    server.banner, server.password, server.security = banner, "right", before + b"\2"
    server.reason = b"\0\0\0\4nope" if spoken.endswith(b"8\n") else b""
    with (
        listening(tmp_path / "vnc", server),
        pytest.raises(RfbError, match=f"refused: {'nope' if server.reason else 'it does not say why'}"),
        vnc_at_socket(tmp_path / "vnc", timeout_s=SLACK_S, password="wrong"),
    ):
        pass


def test_a_password_is_not_shown_where_none_is_wanted(tmp_path: Path) -> None:
    server = VncServer(TEAL)
    server.security = b"\2\2\1"
    with (
        listening(tmp_path / "vnc", server),
        vnc_at_socket(tmp_path / "vnc", timeout_s=SLACK_S, password="s3cret99") as vnc,
    ):
        assert vnc.picture().share(TEAL) == 1
    assert server.heard[1] == b"\1"


DES = {
    "133457799bbcdff1 0123456789abcdef": "85e813540f0ab405",
    "e84ad660c4721ae0 70617373776f7264": "dbd83cfd727a1458",
    "0101010101010101 8000000000000000": "95f8a5e5dd31d900",
    "7ca110454a1a6e57 01a1d6d039776742": "690f5b0d9a26939b",
    "0131d9619dc1376e 5cd54ca83def57da": "7a389d10354bd271",
}
"""Key and block: worked examples, and vectors of NIST's Special Publication 500-20."""


@pytest.mark.parametrize("asked", DES)
def test_des_is_des(asked: str) -> None:
    key, block = map(bytes.fromhex, asked.split())
    assert encrypted(block, key).hex() == DES[asked]


def test_a_frozen_server_is_a_clear_error(tmp_path: Path) -> None:
    server = VncServer(TEAL)
    server.stop_painting = True
    with (
        session(tmp_path, server, timeout_s=2) as vnc,
        pytest.raises(RfbError, match=r"its picture: not complete within 2 s"),
    ):
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
        vnc_at_websocket(tmp_path / "ws", "ws://guest:6080/websockify", timeout_s=SLACK_S) as vnc,
    ):
        assert vnc.picture().share(TEAL) == 1


def test_a_socket_that_is_no_websocket_is_a_clear_error(tmp_path: Path) -> None:
    with (
        listening(tmp_path / "vnc", VncServer(TEAL)),
        pytest.raises(RfbError, match="no WebSocket at ws://guest/x"),
        vnc_at_websocket(tmp_path / "vnc", "ws://guest/x", timeout_s=SLACK_S),
    ):
        pass


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
        list(looks(vnc))
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
