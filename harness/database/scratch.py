"""A PostgreSQL of our own: a unix socket and no port, in a temporary directory, gone when the block ends."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psycopg
from psycopg import sql

from harness.errors import CommandError
from harness.run import environment, run
from harness.transport.private import private_directory
from harness.wait import wait_until

SCHEMA = (Path(__file__).parent / "scratch_schema.sql").read_text
_FAST = (
    "fsync=off",
    "synchronous_commit=off",
    "full_page_writes=off",
    "autovacuum=off",
    "shared_buffers=256MB",
)
_HBA = "local all locked scram-sha-256\nlocal all all trust\n"


@dataclass(frozen=True)
class ScratchPostgres:
    """A running cluster."""

    socket_dir: Path
    dbname: str = "postgres"

    def url(self, *, user: str = "postgres") -> str:
        """A connection string."""
        return f"host={self.socket_dir} user={user} dbname={self.dbname}"

    def connect(self) -> psycopg.Connection:
        """A session that may do everything."""
        return psycopg.connect(self.url())

    def add_schema(self, name: str, *, created_at: bool, references: bool) -> None:
        """The service's tables in a schema of their own.

        :param created_at: sessions have `created_at` beside `started_at`.
        :param references: with `browser_vm_id` -> `vms` ON DELETE SET NULL.
        """
        with contextlib.closing(self.connect()) as connection, connection.transaction():
            connection.execute(
                sql.SQL("CREATE SCHEMA {0}; SET search_path TO {0}").format(sql.Identifier(name))
            )
            connection.execute(SCHEMA(encoding="utf-8"))
            if created_at:
                connection.execute("ALTER TABLE auth_sessions ADD created_at timestamptz")
            if references:
                connection.execute(
                    "ALTER TABLE auth_sessions ADD FOREIGN KEY (browser_vm_id) REFERENCES vms"
                    " ON DELETE SET NULL"
                )


@contextlib.contextmanager
def scratch_postgres() -> Iterator[ScratchPostgres]:
    """A cluster for the block. PostgreSQL does not run as root, so it runs as `postgres` where we do.

    :raises CommandError: PostgreSQL is not installed, or did not start.
    """
    with contextlib.ExitStack() as stack:
        home = private_directory(prefix="acc-postgres-", parent=Path(tempfile.gettempdir()))
        stack.callback(shutil.rmtree, home, ignore_errors=True)
        drop: list[str] = []
        if os.geteuid() == 0:
            shutil.chown(home, "postgres", "postgres")
            drop = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"]
        binaries, data = _binaries(), home / "data"
        run(
            [
                *drop,
                binaries / "initdb",
                "-D",
                data,
                "-U",
                "postgres",
                "-A",
                "trust",
                "-E",
                "UTF8",
                "--no-locale",
                "-N",
            ],
            timeout_s=60,
            cwd=home,
        )
        (data / "pg_hba.conf").write_text(_HBA, encoding="utf-8")
        yield stack.enter_context(_running(home, [*drop, "--pdeathsig=INT"] if drop else [], binaries))


@contextlib.contextmanager
def _running(home: Path, drop: list[str], binaries: Path) -> Iterator[ScratchPostgres]:
    settings = [word for setting in _FAST for word in ("-c", setting)]
    words: list[str | Path] = [
        *drop,
        binaries / "postgres",
        "-D",
        home / "data",
        "-k",
        home,
        "-c",
        "listen_addresses=",
        *settings,
    ]
    with (home / "log").open("wb") as log:
        server = subprocess.Popen(
            words, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=home, env=environment()
        )
    try:
        scratch = ScratchPostgres(home)
        _await(scratch, server, home / "log")
        yield scratch
    finally:
        server.send_signal(signal.SIGINT)  # its fast shutdown: sessions are ended, files are closed
        try:
            server.wait(timeout=20)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()


def _await(scratch: ScratchPostgres, server: subprocess.Popen[bytes], log: Path) -> None:
    def look() -> bool:
        if server.poll() is not None:
            raise CommandError(
                f"postgres ended: {log.read_text(errors='replace')[-1000:]}", hint="mend what it says"
            )
        with contextlib.closing(scratch.connect()):
            return True

    wait_until(look, what="PostgreSQL", timeout_s=30, interval_s=0.02, retry_on=(psycopg.OperationalError,))


def _binaries() -> Path:
    """Debian keeps them off PATH; the newest version counts."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: float(path.parts[4]))
    if found:
        return found[-1].parent
    on_path = shutil.which("initdb")
    if on_path is None:
        raise CommandError(
            "PostgreSQL's server programs are not installed (looked in /usr/lib/postgresql and on PATH)",
            hint="apt-get install postgresql-15",
        )
    return Path(on_path).resolve().parent
