"""The one way out for a browser of ours: a SOCKS5 proxy on loopback that leads to a few known addresses only.

What it leads to are unix sockets, such as :meth:`harness.host.hypervisor.Hypervisor.forward` makes; names are
never looked up.
"""

from __future__ import annotations

import asyncio
import struct
from pathlib import Path

from harness.custodian.relay import Streams, carry
from harness.transport.http import Endpoint
from harness.transport.tunnel import LoopbackServer

_GRANTED, _NOT_ALLOWED, _UNREACHABLE = 0, 2, 4
_HELLO_S = 10.0
_REFUSED = 1000  # addresses that are kept


class Gate(LoopbackServer):
    """The proxy; ``refused`` holds the first addresses that were asked for in vain."""

    def __init__(self) -> None:
        super().__init__()
        self.refused: list[Endpoint] = []
        self._ways: dict[Endpoint, Path] = {}

    def open(self, address: Endpoint, target: Path) -> None:
        """Let an address be reached, through a unix socket that leads to it."""
        self._ways[address] = target

    async def serve(self, client: Streams) -> None:
        """One connection of the browser's."""
        reader, writer = client
        async with asyncio.timeout(_HELLO_S):
            address = await _asked_for(reader, writer)
        target = self._ways.get(address)
        if target is None:
            if len(self.refused) < _REFUSED:
                self.refused.append(address)
            return _reply(writer, _NOT_ALLOWED)
        try:
            far = await asyncio.open_unix_connection(str(target))
        except OSError:
            return _reply(writer, _UNREACHABLE)
        _reply(writer, _GRANTED)
        return await carry(client, far)


async def _asked_for(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> Endpoint:
    """RFC 1928 without a password, up to the request to connect."""
    _, methods = await reader.readexactly(2)
    await reader.readexactly(methods)
    writer.write(b"\x05\x00")
    _, _, _, kind = await reader.readexactly(4)
    if kind == 3:
        host = (await reader.readexactly((await reader.readexactly(1))[0])).decode("latin-1")
    else:
        host = ".".join(map(str, await reader.readexactly(4 if kind == 1 else 16)))
    (port,) = struct.unpack(">H", await reader.readexactly(2))
    return host, port


def _reply(writer: asyncio.StreamWriter, code: int) -> None:
    writer.write(struct.pack(">BBBBIH", 5, code, 0, 1, 0, 0))
