"""A small site on this machine: a database, folders, and processes that are called as its VMMs are."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from harness.database.scratch import ScratchPostgres, scratch_postgres
from tests.unit.mending.stage import Stage, staged


@pytest.fixture(scope="session")
def scratch_database() -> Iterator[ScratchPostgres]:
    """A PostgreSQL of our own."""
    with scratch_postgres() as scratch:
        yield scratch


@pytest.fixture
def stage(scratch_database: ScratchPostgres, monkeypatch: pytest.MonkeyPatch) -> Iterator[Stage]:
    """An empty site."""
    with staged(scratch_database, monkeypatch.setenv) as stage:
        yield stage
