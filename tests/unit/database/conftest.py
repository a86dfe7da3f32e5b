"""The database of the tests of queries."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from harness.database.scratch import ScratchPostgres, scratch_postgres


@pytest.fixture(scope="session")
def scratch_database() -> Iterator[ScratchPostgres]:
    """A PostgreSQL of our own; each file of tests has a schema of its own in it."""
    with scratch_postgres() as scratch:
        yield scratch
