"""Forwards through a real sshd on loopback, to addresses of either family."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.transport.ssh import SshConnection
from tests.unit.peers.private_sshd import PrivateSshd, private_sshd


@pytest.fixture(scope="module")
def sshd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PrivateSshd]:
    """An sshd of our own."""
    with private_sshd(tmp_path_factory.mktemp("sshd")) as running:
        yield running


@contextlib.contextmanager
def saying(word: bytes, address: str) -> Iterator[int]:
    """The port of somebody who says a word to whoever connects."""

    def serve() -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = listener.accept()
                with client:
                    client.sendall(word)

    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.create_server((address, 0), family=family) as listener:
        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield listener.getsockname()[1]
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            thread.join(60)


@pytest.mark.parametrize("address", ["127.0.0.1", "::1"])
def test_a_forward_leads_to_its_address_until_it_is_cancelled(
    sshd: PrivateSshd, tmp_path: Path, address: str
) -> None:
    connection = SshConnection(sshd.login, tmp_path, alias="somewhere")
    connection.open(60)
    try:
        with saying(b"here", address) as port:
            path = connection.forward(f"tcp:{address}:{port}")
            with socket.socket(socket.AF_UNIX) as near:
                near.settimeout(60)
                near.connect(str(path))
                assert near.recv(100) == b"here"
            connection.cancel([path])
            assert not path.exists()
    finally:
        connection.close()
