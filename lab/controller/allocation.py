"""Which address a VM gets. An address is never handed out twice: the rows tell what live VMs have, and what
was handed out but has no row yet is remembered here."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager
from ipaddress import IPv4Address


class NoAddressLeftError(Exception):
    """Every address of the range is taken."""


class Addresses:
    """The range from ``first`` to ``last``, both included, without ``reserved``."""

    def __init__(
        self, first: IPv4Address, last: IPv4Address, *, reserved: Iterable[IPv4Address] = ()
    ) -> None:
        never = set(reserved)
        span = range(int(first), int(last) + 1)
        self._all = [address for address in map(IPv4Address, span) if address not in never]
        self._pending: set[IPv4Address] = set()
        self._next = 0
        self._reading = asyncio.Lock()

    @asynccontextmanager
    async def reserve(
        self, read_taken: Callable[[], Awaitable[Iterable[IPv4Address]]]
    ) -> AsyncIterator[IPv4Address]:
        """An address that no live row has (``read_taken``) and nobody else gets while this context lasts.

        It is left when the address stands in a row, or was given up.

        :raises NoAddressLeftError: there is none.
        """
        # One at a time, so that nobody reserves while the rows are read; and an address whose row is written
        # meanwhile, which may be missing in what was read, was pending when the reading began.
        async with self._reading:
            before = set(self._pending)
            address = self._pick({*before, *await read_taken()})
            self._pending.add(address)
        try:
            yield address
        finally:
            self._pending.discard(address)

    def _pick(self, busy: set[IPv4Address]) -> IPv4Address:
        """The next free one, round the range, so that an address rests as long as it can."""
        count = len(self._all)
        for index in (number % count for number in range(self._next, self._next + count)):
            if self._all[index] not in busy:
                self._next = index + 1
                return self._all[index]
        raise NoAddressLeftError(f"all {count} addresses are taken")
