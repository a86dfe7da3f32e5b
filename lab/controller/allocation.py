"""Which address a VM gets. An address is never handed out twice: the rows tell what live VMs have, and what
was handed out but has no row yet is remembered here."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from ipaddress import IPv4Address


class NoAddressLeftError(Exception):
    """Every address of the range is taken."""


class Addresses:
    """The range from ``first`` to ``last``, both included, without ``reserved``."""

    def __init__(self, first: IPv4Address, last: IPv4Address, *, reserved: Iterable[IPv4Address] = ()) -> None:
        never = set(reserved)
        span = range(int(first), int(last) + 1)
        self._all = [address for address in map(IPv4Address, span) if address not in never]
        self._pending: set[IPv4Address] = set()
        self._next = 0

    @contextmanager
    def reserve(self, taken: Iterable[IPv4Address]) -> Iterator[IPv4Address]:
        """An address that is not in ``taken`` nor reserved by anybody else until this context ends.

        The caller reads ``taken`` from the rows and enters this context with nothing awaited in between, and
        leaves it when its own row is written or given up. The search goes round the range, so that an address
        rests as long as it can after its VM is gone.

        :raises NoAddressLeftError: there is none.
        """
        busy = self._pending | set(taken)
        for offset in range(len(self._all)):
            index = (self._next + offset) % len(self._all)
            address = self._all[index]
            if address not in busy:
                break
        else:
            raise NoAddressLeftError(f"all {len(self._all)} addresses are taken")
        self._next = index + 1
        self._pending.add(address)
        try:
            yield address
        finally:
            self._pending.discard(address)
