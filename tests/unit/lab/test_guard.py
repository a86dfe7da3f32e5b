"""How a restored guest learns of its restore, by the metadata service of the lab's own VMM."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Iterator

import pytest

from lab.image.guard import clock, mmds
from lab.image.guard.clock import IMPATIENT_S, Mmds
from lab.vmm.bodies import MmdsConfig
from lab.vmm.mmds.http import MmdsHttp
from lab.vmm.mmds.store import Mmds as Store

PATIENT_S = 60.0


class Service:
    """The metadata service of one VMM; ``silent`` as long as it knows nothing of a guest's connections."""

    def __init__(self, listening: socket.socket) -> None:
        self.store = Store(4096)
        self.silent = False
        self._listening = listening
        self._unheard: list[socket.socket] = []

    def forget(self) -> None:
        """Close the connections that it never answered."""
        for connection in self._unheard:
            connection.close()

    def serve(self) -> None:
        """Answer until the socket is closed."""
        http = MmdsHttp(self.store, MmdsConfig(network_interfaces=["eth0"]))
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self._listening.accept()
                if self.silent:
                    self._unheard.append(connection)
                    continue
                with connection, contextlib.suppress(OSError):  # whoever asked has given up
                    connection.sendall(http.answer(connection.recv(4096))[0])


@pytest.fixture
def service(monkeypatch: pytest.MonkeyPatch) -> Iterator[Service]:
    """Where the guard asks."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        made = Service(listening)
        thread = threading.Thread(target=made.serve, daemon=True)
        thread.start()
        monkeypatch.setattr(mmds, "ADDRESS", listening.getsockname())
        ask = mmds.identity
        monkeypatch.setattr(mmds, "identity", lambda seconds=PATIENT_S: ask(seconds))
        monkeypatch.setattr(clock, "IMPATIENT_S", PATIENT_S)
        yield made
        listening.shutdown(socket.SHUT_RDWR)
        thread.join(timeout=60)
        made.forget()


def test_another_generation_is_a_restore(service: Service) -> None:
    """Whatever else is told meanwhile; and the time goes on from when it was told."""
    source = Mmds()
    source.learn()
    service.store.put({"other": 1})
    assert not source.jumped()
    told = time.time() + 1000
    service.store.put({"clone": {"generation": "second", "time": told}})
    assert source.jumped()
    first = source.now()
    assert told <= first < source.now() < told + 60


def test_a_snapshot_of_a_clone_waits_for_a_third_one(service: Service) -> None:
    service.store.put({"clone": {"generation": "first", "time": 1}})
    source = Mmds()
    source.learn()
    assert not source.jumped()
    service.store.put({"clone": {"generation": "second", "time": 1}})
    assert source.jumped()


def test_a_question_that_nobody_answers_is_asked_again(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that was under way when the snapshot was taken; on a busy host with ever more patience."""
    monkeypatch.setattr(clock, "IMPATIENT_S", IMPATIENT_S)
    source = Mmds()
    source.learn()
    service.store.put({"clone": {"generation": "second", "time": 1}})
    patience: list[float] = []
    ask = mmds.identity

    def asked(seconds: float) -> object:
        patience.append(seconds)
        return ask(seconds if service.silent else PATIENT_S)

    monkeypatch.setattr(mmds, "identity", asked)
    service.silent = True
    assert not source.jumped()
    assert not source.jumped()
    service.silent = False
    assert source.jumped()
    assert patience == [IMPATIENT_S, 2 * IMPATIENT_S, 4 * IMPATIENT_S]


def test_a_guest_that_nobody_could_wake_is_not_parked(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    service.silent = True
    monkeypatch.setattr(mmds, "identity", lambda: mmds.Question(0.1).answer())
    with pytest.raises(RuntimeError, match="could never be noticed"):
        Mmds().learn()
