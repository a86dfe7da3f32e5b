"""The VNC client, against a VNC server that does as it should, or says why not, over both of its ways."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.server import ServerConnection

from harness.errors import TransportError
from harness.screen.des import encrypted
from harness.screen.rfb import Rfb, RfbError
from harness.screen.streams import vnc_at_address, vnc_at_socket, vnc_at_websocket
from tests.unit.peers.ports import free_port
from tests.unit.peers.vnc_server import SIZE, VncServer, listening, looks
from tests.unit.peers.websocket_peer import websocket_peer

TEAL = (0x11, 0x88, 0x99)
WHITE = (0xFF, 0xFF, 0xFF)
SLACK_S = 60.0  # where it took for ever


@contextlib.contextmanager
def session(folder: Path, server: VncServer, *, timeout_s: float = SLACK_S) -> Iterator[Rfb]:
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
        assert any(picture.share(WHITE) == 1 for picture in looks(vnc, for_s=SLACK_S))


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
            list(looks(vnc, for_s=SLACK_S))


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
    with (
        pytest.raises(RfbError, match="nobody answers"),
        vnc_at_address("127.0.0.1", free_port(), timeout_s=1),
    ):
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
