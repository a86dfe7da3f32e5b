"""The whole lab through one connection: a real pooler before its database, for suite and controller."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from lab.faults import database
from lab.faults.patient import Patient
from lab.minipc import keys, nspawn
from lab.paths import lab_paths
from tests.lab.judging import judge, outcomes
from tests.unit.peers.pgbouncer import Pooler, pgbouncer

pytestmark = [pytest.mark.lab, pytest.mark.slow]

_MOVE = """sed -i s/127.0.0.1:{}/127.0.0.1:{}/ /etc/master-controller.env
systemctl restart master-controller"""
_WRITE = "INSERT INTO users (user_id, email) VALUES (gen_random_uuid(), 'pooler@example.com')"


@pytest.fixture
def pooler() -> Iterator[Pooler]:
    """In the twin's network, at loopback; whoever comes is the controller to the server."""
    paths = lab_paths()
    server = f"host=127.0.0.1 user=controller password={keys.password(paths, 'controller')}"
    twin = nspawn.find(paths)
    assert twin, "it needs the twin: a program of this machine runs in its network"
    network = ["nsenter", f"--net=/proc/{twin.leader.pid}/ns/net", "--"]
    home = Path(tempfile.gettempdir()) / f"acc-pooler-{os.getpid()}"
    with pgbouncer(home, server, within=network) as running:
        yield running


@pytest.mark.parametrize("mark", ["smoke", "acceptance"])
def test_another_client_finds_the_connection_as_it_was(mark: str, pooler: Pooler, tmp_path: Path) -> None:
    """All of the lab goes through it; settings are as before, nothing is prepared, rows can be written."""
    patient = Patient(lab_paths(), tmp_path)
    url = keys.database_url(patient.paths, "acceptance_ro").replace(":5432/", f":{pooler.port}/")
    do, undo = _MOVE.format(5432, pooler.port), _MOVE.format(pooler.port, 5432)
    with patient.on_host(do=do, undo=undo), database.reached_by(patient, url):
        before = pooler.settings()
        seen = outcomes(judge(patient, "db", "host", "guest", "session", mark=mark))
        assert pooler.settings() == before
        with pooler.client() as client, client.transaction(force_rollback=True):
            assert client.execute("SELECT * FROM pg_prepared_statements").fetchall() == []
            client.execute(_WRITE)
    asked = {name: outcome for name, outcome in seen.items() if name.startswith("db.")}
    assert set(asked.values()) == {"PASS"}, asked
