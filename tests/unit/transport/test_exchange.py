"""An HTTP exchange ends within its limits, whatever the peer does, and as an error that names the request."""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import httpx
import pytest

from harness.errors import ApiError, NoAnswerError
from harness.session.control_api import ControlApi
from harness.transport import exchange
from harness.transport.http import async_client_over, client_over, transport_over
from harness.vm.firecracker import Firecracker
from tests.unit.peers.fake_peer import fake_peer
from tests.unit.peers.misbehaving import MANNERS, Words, misbehaving

LIMIT_S = 0.5  # for what never comes to an end
SLACK_S = 60.0  # for what does, on however busy a machine

OK = b"HTTP/1.1 200 OK\r\n"
CHUNKED = OK + b"Transfer-Encoding: chunked\r\n\r\n"
PROTOCOL = Words(OK + b"Content-Length: 200\r\n\r\n" + b"x" * 200, b"HTTP/1.1 102 Wait\r\n\r\n")
FLOODS = {
    "body": Words(OK, OK + b"\r\n" + b"x" * 65536),
    "chunks": Words(OK, CHUNKED + b"1\r\nx\r\n" * 4096),
    "headers": Words(OK, OK + b"X-Y: z\r\n" * 4096),
    "102": PROTOCOL,
}


@pytest.fixture(autouse=True)
def a_small_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    """So that a flood is soon over."""
    monkeypatch.setattr(exchange, "ANSWER_LIMIT", 1 << 20)


@pytest.fixture
def in_time() -> Iterator[None]:
    """The test ends about when its limit says."""
    began = time.monotonic()
    yield
    assert time.monotonic() - began < SLACK_S


def get(path: Path, *, limit_s: float = SLACK_S) -> httpx.Response:
    """Ask over one connection."""
    with client_over(path, "http://vm", timeout_s=limit_s) as client:
        return client.get("/a?code=hush")


def get_async(path: Path, *, limit_s: float = SLACK_S) -> httpx.Response:
    """The same in an event loop."""

    async def ask() -> httpx.Response:
        async with async_client_over(path, "http://vm", timeout_s=limit_s) as client:
            return await client.get("/a?code=hush")

    return asyncio.run(ask())


both = pytest.mark.parametrize("ask", [get, get_async])
Ask = Callable[..., httpx.Response]


@both
@pytest.mark.parametrize("manner", MANNERS)
@pytest.mark.usefixtures("in_time")
def test_whatever_a_peer_does_the_whole_has_an_end(tmp_path: Path, ask: Ask, manner: str) -> None:
    with misbehaving(tmp_path / "s", manner, PROTOCOL), pytest.raises(httpx.TransportError) as caught:
        ask(tmp_path / "s", limit_s=LIMIT_S)
    if manner in ("silent", "dripping"):
        assert isinstance(caught.value, httpx.TimeoutException)
        assert "GET http://vm/a: not complete within 0.5 s" in str(caught.value)
    assert "hush" not in str(caught.value)


@both
@pytest.mark.parametrize("words", FLOODS.values(), ids=FLOODS)
@pytest.mark.usefixtures("in_time")
def test_no_flood_is_read_to_its_end(tmp_path: Path, ask: Ask, words: Words) -> None:
    with misbehaving(tmp_path / "s", "flooding", words), pytest.raises(httpx.TransportError):
        ask(tmp_path / "s", limit_s=LIMIT_S)


@both
def test_a_size_that_is_too_much_is_told(tmp_path: Path, ask: Ask) -> None:
    with (
        misbehaving(tmp_path / "s", "flooding", FLOODS["body"]),
        pytest.raises(httpx.ReadError, match="GET http://vm/a: over 1048576 bytes"),
    ):
        ask(tmp_path / "s")


def said(body: bytes, *headers: str) -> bytes:
    """An answer with that body."""
    lines = ["HTTP/1.1 200 OK", f"Content-Length: {len(body)}", *headers, "", ""]
    return "\r\n".join(lines).encode() + body


GZIP = "Content-Encoding: gzip"
UNREADABLE = {
    "a bomb": (said(gzip.compress(bytes(50 << 20)), GZIP), "over 1048576 bytes once unpacked"),
    "a bomb in a bomb": (
        said(gzip.compress(gzip.compress(b"x")), "Content-Encoding: gzip, gzip"),
        "not asked for",
    ),
    "no gzip": (said(b"hello", GZIP), "not in gzip, as it says"),
    "half a gzip": (said(gzip.compress(b"hello" * 99)[:20], GZIP), "ends halfway"),
    "br": (said(b"hello", "Content-Encoding: br"), "not asked for"),
    "an encoding of 4 KB": (said(b"hello", f"Content-Encoding: {'x' * 4096}"), "not asked for"),
    "a chunk that is cut": (CHUNKED + b"ff\r\nhello", None),
    "a chunk of no size": (CHUNKED + b"zz\r\nhello\r\n", None),
    "a chunk of 2^63": (CHUNKED + b"8000000000000000\r\nhello\r\n", None),
    "two lengths": (OK + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\nx", None),
    "a length of -1": (OK + b"Content-Length: -1\r\n\r\nx", None),
    "a long length": (OK + b"Content-Length: " + b"9" * 5000 + b"\r\n\r\nx", None),
    "a body that is cut": (OK + b"Content-Length: 9\r\n\r\nx", None),
    "no status": (b"HTTP/1.1 OK\r\n\r\n", None),
    "a status of 9999": (b"HTTP/1.1 9999 OK\r\n\r\n", None),
    "HTTP/9": (b"HTTP/9.9 200 OK\r\n\r\n", None),
    "NUL in a header": (OK + b"A: \0\r\nContent-Length: 0\r\n\r\n", None),
    "nothing": (b"", None),
    "another protocol": (b"SSH-2.0-OpenSSH_9.2\r\n", None),
    "Upgrade": (b"HTTP/1.1 101 X\r\nUpgrade: y\r\nConnection: upgrade\r\n\r\n" + b"x" * 2000000, None),
}


@both
@pytest.mark.parametrize(("answer", "why"), UNREADABLE.values(), ids=UNREADABLE)
@pytest.mark.usefixtures("in_time")
def test_an_answer_that_cannot_be_read_is_no_answer(
    tmp_path: Path, ask: Ask, answer: bytes, why: str | None
) -> None:
    with fake_peer(tmp_path / "s", answer), pytest.raises(httpx.TransportError, match=why):
        ask(tmp_path / "s", limit_s=SLACK_S if why else LIMIT_S)


CHARSETS = "no-such, hex, base64, zip, rot13, undefined, idna, punycode, utf-7, unicode_escape, ü, utf-16, ''"
ODD = {
    **{f"charset {name}": f"Content-Type: text/plain; charset={name}" for name in CHARSETS.split(", ")},
    "charset of 4 KB": f"Content-Type: text/plain; charset={'x' * 4096}",
    "charset in RFC 2231": "Content-Type: text/plain; charset*=x'y'%ff%00",
    **{
        f"to {to[:20]}": f"Location: {to}"
        for to in (
            "http://h:99999/",
            "http://[::1",
            "//",
            "http://\xff/",
            "a b",
            "?" * 9000,
            "x:y",
            "http://xn--/",
        )
    },
    "cookies": "Set-Cookie: a=b; Expires=Wed, 99 Foo 9999 99:99:99 GMT; Max-Age=1e999; Domain=\xff; Path=",
    "gzip of nothing": GZIP,
}


@both
@pytest.mark.parametrize("header", ODD.values(), ids=ODD)
@pytest.mark.parametrize("status", [200, 307])
def test_an_odd_header_is_no_fault_of_ours(tmp_path: Path, ask: Ask, header: str, status: int) -> None:
    body = b"" if header == GZIP else b"gr\xc3\xbc\xff\xdf"
    answer = f"HTTP/1.1 {status} X\r\nContent-Length: {len(body)}\r\n".encode()
    answer += header.encode("latin-1") + b"\r\n\r\n" + body
    with fake_peer(tmp_path / "s", answer):
        assert ask(tmp_path / "s").text.startswith("gr" if body else "")


@both
@pytest.mark.parametrize("body", [b"", b"{", b"[" * 100_000, b"1" * 5000, b"\xff\xfe", b"\0"])
def test_what_is_no_json_is_a_value_error(tmp_path: Path, ask: Ask, body: bytes) -> None:
    with fake_peer(tmp_path / "s", said(body)), pytest.raises(ValueError, match=r"."):
        ask(tmp_path / "s").json()


@both
@pytest.mark.parametrize("members", [[b'{"a": 1}'], [b'{"a"', b": 1}"], [b'{"a": 1}', b""]])
def test_a_packed_answer_is_unpacked(tmp_path: Path, ask: Ask, members: list[bytes]) -> None:
    body = b"".join(map(gzip.compress, members))
    answer = said(body, "Content-Encoding: gzip", "Content-Type: application/json")
    with fake_peer(tmp_path / "s", answer):
        assert ask(tmp_path / "s").json() == {"a": 1}


@both
def test_of_members_without_end_no_more_are_unpacked(tmp_path: Path, ask: Ask) -> None:
    answer = said(gzip.compress(b"") * 10_000, "Content-Encoding: gzip")
    with fake_peer(tmp_path / "s", answer), pytest.raises(httpx.TransportError, match="over 100 members"):
        ask(tmp_path / "s")


def test_a_connection_is_used_again(tmp_path: Path) -> None:
    """And each request over it has a time of its own."""
    with (
        fake_peer(tmp_path / "s", *[said(b"x")] * 3) as peer,
        client_over(tmp_path / "s", "http://vm", timeout_s=SLACK_S) as client,
    ):
        assert [client.get("/").text for _ in range(3)] == ["x"] * 3
        assert len(peer.requests) == 3


@pytest.mark.parametrize("manner", MANNERS)
@pytest.mark.usefixtures("in_time")
def test_a_controller_that_misbehaves_gave_no_answer(tmp_path: Path, manner: str) -> None:
    transport = transport_over(tmp_path / "s", "http://127.0.0.1:4000")
    with (
        misbehaving(tmp_path / "s", manner, PROTOCOL),
        closing(ControlApi(transport, base_url="http://127.0.0.1:4000", timeout_s=LIMIT_S)) as api,
        pytest.raises(
            NoAnswerError, match=r"GET http://127\.0\.0\.1:4000/api/auth/sessions \(from the host\)"
        ),
    ):
        api.sessions()


@pytest.mark.parametrize("manner", MANNERS)
@pytest.mark.usefixtures("in_time")
def test_a_vmm_that_misbehaves_gave_no_answer(tmp_path: Path, manner: str) -> None:
    with (
        misbehaving(tmp_path / "s", manner, PROTOCOL),
        closing(Firecracker(tmp_path / "s", timeout_s=LIMIT_S)) as api,
        pytest.raises(ApiError, match="no answer from Firecracker to GET /version"),
    ):
        api.version()


def _request(connection: socket.socket) -> bytes:
    """A whole request; nothing where none comes."""
    words = b""
    while b"\r\n\r\n" not in words or (words.startswith(b"POST") and not words.endswith(b"}")):
        if not (more := connection.recv(65536)):
            return b""
        words += more
    return words


class ForgetfulPeer:
    """Answers one request a connection and then, when the next one has come, closes it without a word.

    :param also_new: the first request of a connection is treated no better, but for the very first.
    """

    def __init__(self, path: Path, *, also_new: bool = False) -> None:
        self._also_new = also_new
        self.heard: list[bytes] = []
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(path))
        self._listener.listen()
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        """Listen no more."""
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                self._serve(self._listener.accept()[0])

    def _serve(self, connection: socket.socket) -> None:
        with connection:
            for is_first in (True, False):
                if not (words := _request(connection)):
                    return
                self.heard.append(words)
                if not is_first or (self._also_new and len(self.heard) > 1):
                    return
                connection.sendall(said(b"ok"))


def test_a_connection_that_was_closed_as_idle_costs_nothing(tmp_path: Path) -> None:
    """The request goes out once more, on a new connection, whatever its method."""
    with (
        closing(ForgetfulPeer(tmp_path / "s")) as peer,
        client_over(tmp_path / "s", "http://vm", timeout_s=SLACK_S) as client,
    ):
        assert client.get("/first").text == "ok"
        assert client.post("/second", json={"a": 1}).text == "ok"
        assert [words.split()[1] for words in peer.heard] == [b"/first", b"/second", b"/second"]
        assert peer.heard[-1].endswith(b'{"a":1}')


def test_a_new_connection_that_ends_without_a_word_is_no_answer(tmp_path: Path) -> None:
    """It is tried once more, and no oftener."""
    with (
        closing(ForgetfulPeer(tmp_path / "s", also_new=True)) as peer,
        client_over(tmp_path / "s", "http://vm", timeout_s=SLACK_S) as client,
    ):
        client.get("/first")
        with pytest.raises(httpx.TransportError):
            client.get("/second")
        assert [words.split()[1] for words in peer.heard] == [b"/first", b"/second", b"/second"]


@pytest.mark.parametrize("held", [True, False])
def test_requests_that_begin_together_have_their_connections_at_once_where_they_are_held(
    tmp_path: Path, held: bool
) -> None:
    """A slow way must not turn many connections at once into a few at a time."""
    path, closed = tmp_path / "s", 0

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal closed
        await reader.readuntil(b"\r\n\r\n")
        writer.write(said(b"up"))
        await reader.read()
        closed += 1
        writer.close()

    async def ask() -> None:
        async with (
            await asyncio.start_unix_server(answer, path),
            async_client_over(path, "http://vm", timeout_s=SLACK_S, held=held) as client,
        ):
            await asyncio.gather(*(client.get("/") for _ in range(5)))
            async with asyncio.timeout(SLACK_S):
                while not held and closed < 5:
                    await asyncio.sleep(0)
            assert closed == (0 if held else 5)

    asyncio.run(ask())
