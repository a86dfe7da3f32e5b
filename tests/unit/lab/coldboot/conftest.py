"""The Node controller over a real database, with stand-ins for its VMs and without what needs root."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.database.scratch import ScratchPostgres, scratch_postgres
from tests.unit.lab.coldboot.host import USER, Agent, Host
from tests.unit.peers.small_suite import ROOT

SCHEMA = ROOT / "lab/minipc/database/schema.sql"


@pytest.fixture(scope="session")
def postgres() -> Iterator[ScratchPostgres]:
    """PostgreSQL with the service's tables and one user."""
    with scratch_postgres() as server:
        with server.connect() as connection:
            connection.execute(SCHEMA.read_text("utf-8").encode())
            connection.execute("INSERT INTO users (user_id, email) VALUES (%s, 'a@example.com')", [USER])
        yield server


@pytest.fixture
def idle_host(postgres: ScratchPostgres, tmp_path: Path) -> Iterator[Host]:
    """A host whose controller is not started yet; its tables are empty."""
    with postgres.connect() as connection:
        connection.execute("TRUNCATE auth_sessions, vms CASCADE")
    agent = Agent()
    with agent.listening() as port:
        host = Host(tmp_path, postgres, agent, port)
        host.prepare()
        try:
            yield host
        finally:
            host.kill_all()


@pytest.fixture
def host(idle_host: Host) -> Host:
    """A host whose controller runs."""
    idle_host.start()
    return idle_host
