"""A port that a test is given is its own until it is used, on a machine where many ask for some."""

from __future__ import annotations

import socket

import pytest

from tests.unit.peers.ports import free_port


@pytest.mark.parametrize("address", ["127.0.0.1", "127.0.0.2"])
def test_nobody_else_gets_a_port_that_was_given(address: str) -> None:
    """A socket that takes what no other has cannot have it, as little as one that takes any."""
    with socket.socket() as other, pytest.raises(OSError, match="in use"):
        other.bind((address, free_port()))


def test_it_refuses_until_somebody_listens_there() -> None:
    port = free_port()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port), timeout=60)
    for _ in range(2):  # a server that was started anew
        with socket.create_server(("127.0.0.1", port)), socket.create_connection(("127.0.0.1", port), 60):
            pass
