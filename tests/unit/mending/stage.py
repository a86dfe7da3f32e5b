"""A site on this machine, small and real: what mends it works on a real database, processes and files."""

from __future__ import annotations

import contextlib
import functools
import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import psycopg

from harness.database.connection import Database, read_only_session, writing_session
from harness.database.scratch import ScratchPostgres
from harness.mending.apply import Done, carry_out
from harness.mending.emergency import emergency_plan
from harness.mending.hands import Hands
from harness.mending.journal import Journal, read_journal
from harness.mending.operations import Plan, Planned, plan_json
from harness.mending.planning import MENDABLE, claims_of, plan, rows_of
from harness.mending.seen import look
from harness.mending.undo import Undone, undo
from harness.run import Result
from harness.site.profile import Site
from tests.unit.peers.this_machine import Here

SCHEMA, READS, WRITES = "mending", "ACCEPTANCE_TEST_READS", "ACCEPTANCE_TEST_WRITES"
VMM = f"vmm-{os.getpid()}"
"""Of this process alone: another may run the same tests beside it, and each sees all processes."""
_UNIT = "LoadState=loaded\nActiveState=active\nSubState=running\nUnitFileState=enabled\nNeedDaemonReload=no\n"


def vm(number: int) -> str:
    """The id of the n-th VM."""
    return f"vm-fa018{number:03d}-0000-4000-8000-000000000000"


def session(number: int) -> str:
    """The id of the n-th session."""
    return vm(number).removeprefix("vm-")


class Stage(Here):
    """The site; ``sql`` changes its rows as anybody may."""

    def __init__(self, folder: Path, connection: psycopg.Connection[Any]) -> None:
        self.folder = folder
        self.connection = connection
        self.unit = _UNIT
        self.vmms_to_end: int | None = 9
        self.told: Callable[[str], int] = lambda _: 0
        """What the controller does when it is stopped or started, and the status of that."""
        self.vms, self.sockets = folder / "vms", folder / "sockets"
        for one in (self.vms, self.sockets):
            one.mkdir()
        self.binary = folder / VMM
        shutil.copy("/bin/sleep", self.binary)
        self.site = Site.model_validate(
            {
                "name": "stage",
                "host": {"transport": "local"},
                "vmm": {"binary": str(self.binary), "process_name": VMM},
                "state": {
                    "vms_dir": str(self.vms),
                    "sockets_dir": str(self.sockets),
                    "clones_dir": str(folder / "clones"),
                    "tap_prefix": "fx-",
                },
                "database": {
                    "url_env": READS,
                    "mend_url_env": WRITES,
                    "schema_name": SCHEMA,
                    "incident_vm": vm(900),
                    "incident_session": session(900),
                },
            }
        )
        self.undo = contextlib.ExitStack()

    def script(self, text: str, *, timeout_s: float) -> Result:  # noqa: ARG002 - as a host has it
        """What the host's systemd would say of the controller."""
        status = self.told(text) if text.startswith("systemctl st") else 0
        return Result(("sh", "-c", text), status, self.unit, "")

    def vmm(self, number: int, *, names: bool = True) -> subprocess.Popen[bytes]:
        """A process that is called as a VMM, with its VM's socket in its command line."""
        return self.called(f"{self.sockets}/{vm(number)}.sock" if names else "somebody's")

    def called(self, name: str) -> subprocess.Popen[bytes]:
        """A process of the VMM's program with this in its command line."""
        running = subprocess.Popen([name, "1000"], executable=self.binary)
        self.undo.callback(running.wait)
        self.undo.callback(running.kill)
        return running

    def vm_folder(self, number: int) -> Path:
        """A VM's folder, with a small file in it."""
        folder = self.vms / vm(number)
        folder.mkdir()
        (folder / "vm-config.json").write_text("{}")
        return folder

    def socket(self, number: int) -> tuple[Path, socket.socket]:
        """A VM's API socket, and what may listen on it."""
        path = self.sockets / f"{vm(number)}.sock"
        made = socket.socket(socket.AF_UNIX)
        self.undo.enter_context(made)
        made.bind(str(path))
        return path, made

    def add_vm(self, number: int, **columns: str) -> str:
        """A row of a VM, its values SQL."""
        values = {"vm_id": f"'{vm(number)}'", "vm_type": "'browser'", "status": "'running'", **columns}
        values = {"created_at": "now() - interval '3 days'", **values}
        self._insert("vms", values)
        return vm(number)

    def add_session(self, number: int, **columns: str) -> str:
        """A row of a session, its values SQL."""
        values = {"session_id": f"'{session(number)}'", "status": "'ready'", "provider": "'codex'", **columns}
        values = {"started_at": "now()", "timeout_at": "now() + interval '1 hour'", **values}
        self._insert("auth_sessions", values)
        return session(number)

    def rows(self, table: str = "vms") -> dict[str, dict[str, Any]]:
        """All rows of a table, by key."""
        key = "vm_id" if table == "vms" else "session_id"
        found = self.connection.execute(f"SELECT {key}::text, to_jsonb(t) FROM {table} t").fetchall()  # noqa: S608
        return dict(found)

    @contextlib.contextmanager
    def reading(self) -> Iterator[Database]:
        """The suite's own session."""
        with read_only_session(self.site, run_id="abcdef") as database:
            yield database

    def writing(self) -> AbstractContextManager[Database]:
        """A session in the role that may write."""
        return writing_session(self.site, run_id="abcdef")

    def plan(self, one: Planned | None = None) -> Plan:
        """What one look asks for; of the rows, those of one operation alone."""
        only = rows_of(one) if one else None
        with self.reading() as database:
            seen = look(self, database, claims=claims_of(MENDABLE))
        return plan(seen, self.site, "stage.toml", checks=MENDABLE, vmms=self.vmms_to_end, only=only)

    def emergency(self, one: Planned | None = None) -> Plan:  # noqa: ARG002 - as it is asked for
        """The emergency workaround, from one look."""
        with self.reading() as database:
            seen = look(self, database, claims=(), emergency=True)
        return emergency_plan(seen, self.site, "stage.toml")

    def mend(self, found: Plan, journal: Journal) -> list[Done]:
        """Carry it out, without asking."""
        hands = Hands(self, self.site, self.writing, journal)
        journal.write("plan", **plan_json(found))
        again = self.emergency if found.emergency else self.plan
        return list(carry_out(found, again, hands, journal, lambda _: True))

    def put_back(
        self, run: str, evidence: Path, *, confirm: Callable[..., bool] = lambda *_: True, by: str = "fedcba"
    ) -> list[Undone]:
        """Undo a run, with a journal of its own."""
        lines = read_journal(evidence, run)
        with contextlib.closing(Journal(evidence, by)) as journal:
            return list(undo(lines, self.site, self.writing, journal, confirm))

    def _insert(self, table: str, values: dict[str, str]) -> None:
        self.connection.execute(
            f"INSERT INTO {table} ({', '.join(values)}) VALUES ({', '.join(values.values())})"  # noqa: S608
        )


@contextlib.contextmanager
def staged(scratch: ScratchPostgres, setenv: Callable[[str, str], None]) -> Iterator[Stage]:
    """The site for the block; a reader of its own sees every row, and may write none."""
    with (
        contextlib.closing(scratch.connect()) as connection,
        tempfile.TemporaryDirectory(prefix="mending-") as folder,  # a short one: a socket's path is limited
    ):
        connection.autocommit = True
        connection.execute(f"DROP SCHEMA IF EXISTS {SCHEMA} CASCADE")
        scratch.add_schema(SCHEMA, created_at=False, references=True)
        connection.execute(f"SET search_path TO {SCHEMA}")
        connection.execute("DROP ROLE IF EXISTS reads_only")
        connection.execute(
            f"CREATE ROLE reads_only LOGIN; GRANT USAGE ON SCHEMA {SCHEMA} TO reads_only;"
            f"GRANT SELECT ON ALL TABLES IN SCHEMA {SCHEMA} TO reads_only"
        )
        setenv(READS, scratch.url(user="reads_only"))
        setenv(WRITES, scratch.url())
        stage = Stage(Path(folder), connection)
        with stage.undo:
            yield stage
        connection.execute(f"DROP SCHEMA {SCHEMA} CASCADE")
        connection.execute("DROP OWNED BY reads_only; DROP ROLE reads_only")


journal_in = functools.partial(Journal, run_id="abcdef")
