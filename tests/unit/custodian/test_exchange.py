"""A request has its time and its size, however its answer comes."""

from __future__ import annotations

import threading
import time

import pytest

from harness.custodian.exchange import LONGEST_ANSWER, NoAnswer, Unheard, ask
from tests.unit.peers.crooked_controller import (
    CROOKED,
    HEAD,
    Behaviour,
    crooked_controller,
    repeats,
    says,
    silent,
)
from tests.unit.peers.ports import free_port

GENEROUS_S = 60
"""Where it went on for ever."""


@pytest.mark.usefixtures("timed_once_reached")
@pytest.mark.parametrize("behaviour", CROOKED.values(), ids=CROOKED)
def test_whatever_a_controller_does_it_is_no_answer_in_time(behaviour: Behaviour) -> None:
    began = time.monotonic()
    with crooked_controller(behaviour) as url, pytest.raises(NoAnswer) as caught:
        ask("POST", f"{url}/x", "{}", timeout_s=1)
    assert not isinstance(caught.value, Unheard)
    assert time.monotonic() - began < GENEROUS_S


@pytest.mark.usefixtures("timed_once_reached")
def test_a_limit_that_was_reached_is_told() -> None:
    with crooked_controller(CROOKED["drips its body"]) as url, pytest.raises(NoAnswer) as caught:
        ask("GET", f"{url}/x", timeout_s=1)
    assert f"GET {url}/x: not complete within 1 s" in str(caught.value)
    with (
        crooked_controller(CROOKED["floods a body without a length"]) as url,
        pytest.raises(NoAnswer) as caught,
    ):
        ask("GET", f"{url}/x", timeout_s=GENEROUS_S)
    assert f"over {LONGEST_ANSWER} bytes" in str(caught.value)


BODIES = {
    "a length": b'Content-Length: 7\r\n\r\n{"a":1}',
    "no length": b'\r\n{"a":1}',
    "chunks": b'Transfer-Encoding: chunked\r\n\r\n3\r\n{"a\r\n4\r\n":1}\r\n0\r\n\r\n',
}


@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES)
def test_an_answer_is_whole(body: bytes) -> None:
    continued = b"HTTP/1.1 100 Continue\r\n\r\n"
    with crooked_controller(says(continued + HEAD + body)) as url:
        answer = ask("POST", f"{url}/x?y", "{}", timeout_s=GENEROUS_S)
    assert (answer["status"], answer["body"]) == (200, '{"a":1}')


def test_a_slow_answer_that_comes_in_time_is_one() -> None:
    def slowly(link: object, ended: threading.Event) -> None:
        for piece in (HEAD, b"Content-Length: 2\r\n", b"\r\n", b"{", b"}"):
            link.sendall(piece)  # type: ignore[attr-defined]
            ended.wait(0.25)

    with crooked_controller(slowly) as url:
        assert ask("GET", url, timeout_s=GENEROUS_S)["body"] == "{}"


@pytest.mark.parametrize("behaviour", [silent, repeats(b"X: y\r\n", pause_s=0.05, first=HEAD)])
def test_it_is_given_up_when_nobody_wants_it_any_more(behaviour: Behaviour) -> None:
    stop = threading.Event()
    threading.Timer(0.2, stop.set).start()
    began = time.monotonic()
    with crooked_controller(behaviour) as url, pytest.raises(NoAnswer, match="given up"):
        ask("GET", url, timeout_s=600, stop=stop)
    assert time.monotonic() - began < GENEROUS_S


NOWHERE = {
    "refused": "http://127.0.0.1:{port}/x",
    "no host": "http:///x",
    "a port too high": "http://127.0.0.1:99999/x",
    "a port that is none": "http://127.0.0.1:x/",
    "an unclosed bracket": "http://[::1/x",
    "no url": "",
    "no name": "http://a..b/x",
    "no TLS": "https://127.0.0.1:{port}/x",
}


@pytest.mark.parametrize("url", NOWHERE.values(), ids=NOWHERE)
def test_where_nobody_is_nobody_has_heard_it(url: str) -> None:
    with pytest.raises(Unheard):
        ask("POST", url.format(port=free_port()), "{}", timeout_s=GENEROUS_S)


def test_a_tls_handshake_has_no_more_time_than_the_rest() -> None:
    began = time.monotonic()
    with crooked_controller(silent) as url, pytest.raises(Unheard):
        ask("GET", url.replace("http:", "https:"), timeout_s=1)
    assert time.monotonic() - began < GENEROUS_S
