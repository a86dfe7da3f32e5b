"""HTTP as Firecracker's small server speaks it."""

from __future__ import annotations

import json
import socket
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.lab.vmm.conftest import Start
from tests.unit.peers.vmm_program import Answer, Program, ask, receive

pytestmark = pytest.mark.lab


def send(program: Program, raw: bytes) -> Answer:
    """The answer to these bytes."""
    with program.connect() as sock:
        sock.sendall(raw)
        return receive(sock)


def test_response_heads(idle: Program) -> None:
    """An empty reason phrase, Firecracker's own headers, and no body where there is nothing to say."""
    assert idle.ask("GET", "/version").head == [
        "HTTP/1.1 200 ",
        "Server: Firecracker API",
        "Connection: keep-alive",
        "Content-Type: application/json",
        "Content-Length: 32",
    ]
    head = idle.ask("PUT", "/logger", {"level": "Info"}).head
    assert head == ["HTTP/1.1 204 ", "Server: Firecracker API", "Connection: keep-alive"]


@pytest.mark.parametrize(
    "raw",
    [
        b"POST / HTTP/1.1\r\n\r\n",
        b"get / HTTP/1.1\r\n\r\n",
        b"GET / HTTP/2.0\r\n\r\n",
        b"GET  HTTP/1.1\r\n\r\n",
        b"GET /\r\n\r\n",
        b"GET /" + b"a" * 1100 + b" HTTP/1.1\r\n\r\n",
        b"PUT /mmds HTTP/1.1\r\nContent-Length: many\r\n\r\n",
        b"PUT /mmds HTTP/1.1\r\nContent-Length: 60000\r\n\r\n",
    ],
    ids=["post", "lower-case", "version", "uri", "words", "long-line", "length", "payload"],
)
def test_what_is_no_request(idle: Program, raw: bytes) -> None:
    """Bytes that are no request get 400 with a body that strict JSON refuses, as Firecracker's is."""
    answer = send(idle, raw)
    assert answer.status == 400
    assert b"\nAll previous unanswered requests will be dropped." in answer.body
    with pytest.raises(json.JSONDecodeError):
        json.loads(answer.body)


def test_connection_is_kept(idle: Program) -> None:
    """Many requests on one connection."""
    with idle.connect() as sock:
        assert [ask(sock, "GET", "/version").status for _ in range(20)] == [200] * 20


def test_requests_arrive_in_pieces(idle: Program) -> None:
    """A request may come byte by byte, and two at once."""
    with idle.connect() as sock:
        for byte in b"GET /version HTTP/1.1\r\nX-Unknown: fine\r\n\r\n":
            sock.sendall(bytes([byte]))
        assert receive(sock).status == 200
        sock.sendall(b"GET /version HTTP/1.1\r\n\r\nGET /nothing HTTP/1.1\r\n\r\n")
        got = b""
        while got.count(b"HTTP/1.1 ") < 2:
            got += sock.recv(4096)
        assert b"HTTP/1.1 400 " in got


def test_expectation_is_met(idle: Program) -> None:
    """Expect: 100-continue gets its 100 before the body is sent."""
    body = b'{"level": "Info"}'
    with idle.connect() as sock:
        sock.sendall(
            b"PUT /logger HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: %d\r\n\r\n" % len(body)
        )
        assert receive(sock).status == 100
        sock.sendall(body)
        assert receive(sock).status == 204


def test_eleventh_connection_is_refused(fresh: Program) -> None:
    """Ten connections are served, the next gets 503 and is closed."""
    opened = [fresh.connect() for _ in range(10)]
    try:
        assert [ask(sock, "GET", "/version").status for sock in opened] == [200] * 10
        with fresh.connect() as last:
            answer = receive(last)
            assert (answer.status, answer.json) == (503, {"error": "Too many open connections"})
            assert last.recv(1) == b""
    finally:
        for sock in opened:
            sock.close()


def test_concurrent_requests(idle: Program) -> None:
    """Eight clients at once, each gets its own answers."""

    def many(number: int) -> list[int]:
        with idle.connect() as sock:
            path = "/version" if number % 2 else "/nothing"
            return [ask(sock, "GET", path).status for _ in range(30)]

    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(many, range(8)))
    assert found == [[200 if number % 2 else 400] * 30 for number in range(8)]


@pytest.mark.parametrize(
    ("method", "path", "says"),
    [
        ("GET", "/nothing", "Invalid request method and/or path: GET nothing."),
        ("DELETE", "/vm", "Invalid request method and/or path: DELETE vm."),
        ("PATCH", "/boot-source", "Invalid request method and/or path"),
    ],
)
def test_unknown_path_or_method(idle: Program, method: str, path: str, says: str) -> None:
    """There is no 404 and no 405: all of it is 400."""
    answer = idle.ask(method, path, None if method == "GET" else {"a": 1})
    assert (answer.status, says in answer.fault) == (400, True)


def test_body_where_none_belongs(idle: Program) -> None:
    """GET with a body and PUT without one are refused."""
    assert idle.ask("GET", "/version", {"a": 1}).status == 400
    assert "Empty PUT" in idle.ask("PUT", "/logger").fault


def test_slashes_do_not_matter(idle: Program) -> None:
    """A trailing slash is tolerated, and so is a client that just goes away."""
    with idle.connect() as sock:
        sock.sendall(b"PUT /logger HTTP/1.1\r\nContent-Length: 100\r\n\r\n{")
        sock.shutdown(socket.SHUT_RDWR)
    assert idle.ask("GET", "//version/").status == 200


def test_payload_limit_is_an_option(start_vmm: Start) -> None:
    """--http-api-max-payload-size moves the limit."""
    program = start_vmm("--http-api-max-payload-size", "100000")
    assert program.ask("PUT", "/mmds", {"a": "x" * 60000}).status == 204
