"""A clone with the relays and listeners that belong to it. Part of the custodian.

Sent to the host: standard library only, Python 3.9 or newer.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from typing import Any, TypeVar

from harness.custodian.cell import Cell, Refused
from harness.custodian.mute import Mute
from harness.custodian.relay import Relay

T = TypeVar("T")


class Holding:
    """A clone with the relays and listeners that belong to it."""

    def __init__(self, clone: Cell) -> None:
        self.clone = clone
        self.relays: dict[int, Relay] = {}
        self.mutes: dict[int, Mute] = {}

    async def open_socket(self) -> socket.socket:
        """A TCP socket inside the clone's namespace."""
        return await self.inside(stream_socket)

    async def inside(self, function: Callable[..., T], *args: Any) -> T:
        """Run a function in the clone's namespace."""
        namespace = self.clone.namespace
        if namespace is None:
            raise Refused(f"{self.clone.plan.name}: still being made")
        return await asyncio.wrap_future(namespace.submit(function, *args))

    async def relay(self, guest: str, port: int, owner: int) -> Relay:
        """The relay to a port of the guest, made where there is none yet; ``owner`` (a uid) may connect."""
        if port not in self.relays:
            path = self.clone.directory / f"{port}.sock"
            self.relays[port] = await Relay(path, (guest, port), self.open_socket).start(owner)
        return self.relays[port]

    async def listen(self, address: str, port: int) -> int:
        """A silent listener inside the namespace; its port."""
        listening = await self.inside(_listening_socket, address, port)
        bound: int = listening.getsockname()[1]
        self.mutes[bound] = Mute(listening)
        return bound

    def hang_up(self) -> list[OSError]:
        """End listeners and relays, whatever fails; what did."""
        failures = []
        for mute in self.mutes.values():
            mute.stop()
        for relay in self.relays.values():
            try:
                relay.stop()
            except OSError as error:
                failures.append(error)
        return failures


def stream_socket(family: int = socket.AF_INET) -> socket.socket:
    """For TCP."""
    return socket.socket(family, socket.SOCK_STREAM)


def _listening_socket(address: str, port: int) -> socket.socket:
    opened = stream_socket()
    try:
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        opened.bind((address, port))
        opened.listen(128)
    except BaseException:
        opened.close()
        raise
    return opened
