"""The controller's addresses: whatever launches and ends at once, no two live VMs ever have the same one."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from contextlib import AsyncExitStack, suppress
from ipaddress import IPv4Address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab.controller.allocation import Addresses, NoAddressLeftError

FIRST = IPv4Address("192.168.100.2")


def addresses(count: int) -> Addresses:
    """A range of so many addresses."""
    return Addresses(FIRST, FIRST + (count - 1))


class Database:
    """Rows that are read and written with other tasks in between."""

    def __init__(self, rows: Iterable[IPv4Address] = ()) -> None:
        self.rows = set(rows)

    async def read(self) -> set[IPv4Address]:
        """What was there when the reading began, or at its end: a statement sees one moment."""
        seen = set(self.rows)
        await asyncio.sleep(0)
        return seen


async def launch(pool: Addresses, database: Database, pauses: tuple[int, int], *, fails: bool) -> None:
    """One VM's life as far as its address goes: reserved, written (or given up), some time later freed."""
    async with pool.reserve(database.read) as address:
        for _ in range(pauses[0]):
            await asyncio.sleep(0)
        if fails:
            return
        assert address not in database.rows, f"{address} was handed out twice"
        database.rows.add(address)
    for _ in range(pauses[1]):
        await asyncio.sleep(0)
    database.rows.remove(address)


_PAUSES = st.tuples(st.integers(0, 6), st.integers(0, 6))


_LIVES = st.lists(st.tuples(st.integers(0, 12), _PAUSES, st.booleans()), max_size=12)


@given(lives=_LIVES, size=st.integers(1, 3))
def test_no_address_is_handed_out_twice(lives: list[tuple[int, tuple[int, int], bool]], size: int) -> None:
    """However launches, failures and ends fall between each other, and however short addresses are."""

    async def scenario() -> None:
        pool, database = addresses(size), Database()

        async def later(start: int, pauses: tuple[int, int], fails: bool) -> None:
            for _ in range(start):
                await asyncio.sleep(0)
            with suppress(NoAddressLeftError):
                await launch(pool, database, pauses, fails=fails)

        await asyncio.gather(*(later(*life) for life in lives))

    asyncio.run(scenario())


@given(taken=st.sets(st.integers(0, 9)))
def test_every_free_address_is_found_and_then_it_says_so(taken: set[int]) -> None:
    """A new allocator, as after a restart, hands out what the rows leave, all of it, and no more."""

    async def scenario() -> None:
        pool, database = addresses(10), Database(FIRST + number for number in taken)
        async with AsyncExitStack() as stack:
            free = 10 - len(taken)
            got = [await stack.enter_async_context(pool.reserve(database.read)) for _ in range(free)]
            assert set(got) == {FIRST + number for number in range(10)} - database.rows
            with pytest.raises(NoAddressLeftError):
                await stack.enter_async_context(pool.reserve(database.read))

    asyncio.run(scenario())


async def test_a_reserved_address_is_never_given() -> None:
    """The snapshot's own address belongs to every clone for its first moments."""
    pool = Addresses(FIRST, FIRST + 1, reserved=[FIRST])
    async with pool.reserve(Database().read) as address:
        assert address == FIRST + 1


async def test_a_freed_address_rests() -> None:
    """An address that was just given up is not the next one."""
    pool = addresses(3)
    got = []
    for _ in range(4):
        async with pool.reserve(Database().read) as address:
            got.append(int(address) - int(FIRST))
    assert got == [0, 1, 2, 0]
