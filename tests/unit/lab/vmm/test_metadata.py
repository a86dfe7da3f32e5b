"""The metadata service answers whatever a guest sends to it, and takes no harm."""

from __future__ import annotations

import pytest

from lab.vmm.bodies import MmdsConfig
from lab.vmm.mmds import frames
from lab.vmm.mmds.http import MAX_TOKENS, MmdsHttp
from lab.vmm.mmds.store import Mmds

DOCUMENT = {"list": ["first", "second"], "²": "square"}


@pytest.fixture
def service() -> MmdsHttp:
    """A service with something in its store, that wants a token for it."""
    store = Mmds(51200)
    store.put(DOCUMENT)
    return MmdsHttp(store, MmdsConfig(network_interfaces=["eth0"], version="V2"))


def token(service: MmdsHttp) -> bytes:
    """A token that the service gave."""
    head = b"PUT /latest/api/token HTTP/1.1\r\nX-metadata-token-ttl-seconds: 60\r\n\r\n"
    return service.answer(head)[0].partition(b"\r\n\r\n")[2]


@pytest.mark.parametrize(
    "ttl", ["²", "٣", "-1", "+1", "", "1e3", "0x10", "9" * 900, "9" * 5000, "21601", "0", "1_0", "1 0"]
)
def test_odd_lifetime_is_refused(service: MmdsHttp, ttl: str) -> None:
    """A token lives for a number of seconds."""
    head = f"PUT /latest/api/token HTTP/1.1\r\nX-metadata-token-ttl-seconds: {ttl}\r\n\r\n"
    for encoding in ("utf-8", "latin-1"):
        assert b"HTTP/1.1 400 " in service.answer(head.encode(encoding, "replace"))[0]


def test_tokens_without_end_cost_no_memory(service: MmdsHttp) -> None:
    """The oldest ones are no longer valid; the newest is."""
    first = token(service)
    last = [token(service) for _ in range(MAX_TOKENS)][-1]
    head = b"GET /list/0 HTTP/1.1\r\nX-metadata-token: %s\r\n\r\n"
    assert service.answer(head % first)[0].startswith(b"HTTP/1.1 401 ")
    assert service.answer(head % last)[0].startswith(b"HTTP/1.1 200 ")


@pytest.mark.parametrize("part", ["²", "٣", "-1", "2", "9" * 900, "9" * 5000, "1e0", "+1", "\0", "first"])
def test_odd_place_in_a_list_is_not_found(service: MmdsHttp, part: str) -> None:
    """Only its own digits name a list's places."""
    for encoding in ("utf-8", "latin-1"):
        head = f"GET /list/{part} HTTP/1.1\r\n".encode(encoding, "backslashreplace")
        answer, _ = service.answer(head + b"X-metadata-token: " + token(service) + b"\r\n\r\n")
        assert b"HTTP/1.1 404 " in answer


@pytest.mark.parametrize("sent", [b"", b"\r\n\r\n", b"\xff\0", b"GET", b"GET  HTTP/1.1\r\n\r\n", b"a" * 9000])
def test_what_is_no_request_is_refused(service: MmdsHttp, sent: bytes) -> None:
    """It is answered, and the connection is closed."""
    answer, close = service.answer(sent)
    assert (answer.startswith(b"HTTP/1.1 400 "), close) == (True, True)


def test_no_frame_is_too_odd() -> None:
    """Cut at every length, and with every value of the lengths that it names inside."""
    peer = frames.Peer(bytes(6), bytes([10, 0, 0, 2]), 1234)
    good = frames.segment(
        bytes(6), bytes([169, 254, 169, 254]), 80, peer, seq=1, ack=1, flags=frames.SYN, data=b"x" * 40
    )
    assert frames.parse_segment(good)
    for place in range(len(good)):
        frames.parse_segment(good[:place])
        frames.parse_arp_request(good[:place])
        for value in range(256):
            frames.parse_segment(good[:place] + bytes([value]) + good[place + 1 :])
