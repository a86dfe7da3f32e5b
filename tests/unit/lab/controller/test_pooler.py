"""The service behind a pooler that gives everybody one connection: it leaves that as it was, too."""

from __future__ import annotations

import asyncio

from harness.database.scratch import ScratchPostgres
from lab.controller.rows import Rows
from tests.unit.peers.pgbouncer import pgbouncer

OFTEN = 8
"""So often that a driver which prepares what it sends often would have done so."""


async def test_nothing_of_the_service_stays_on_a_poolers_connection(database: ScratchPostgres) -> None:
    """Its statements one after another, and side by side."""
    with pgbouncer(database.socket_dir / "pgbouncer", database.url()) as pooler:
        before = pooler.settings()
        rows = Rows(pooler.url)
        await rows.open()
        try:
            for _ in range(OFTEN):
                await rows.users()
            await asyncio.gather(*(rows.live_vms() for _ in range(OFTEN)))
        finally:
            await rows.close()
        assert pooler.settings() == before
        with pooler.client() as client:
            assert client.execute("SELECT * FROM pg_prepared_statements").fetchall() == []
