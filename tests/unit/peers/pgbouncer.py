"""Debian's own pgbouncer before a PostgreSQL of ours, with one connection to it that all clients share."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psycopg

from harness.database.scratch import ScratchPostgres
from harness.run import environment
from harness.wait import wait_until

PORT = 6432

_CONFIG = """
[databases]
* = host={server} user=postgres
[pgbouncer]
pool_mode = {mode}
default_pool_size = 1
max_db_connections = 1
listen_addr = 127.0.0.1, ::1
listen_port = {port}
unix_socket_dir = {home}
auth_type = any
server_login_retry = 1
{tls}
"""


@dataclass(frozen=True)
class Pooler:
    """A running pgbouncer."""

    home: Path
    """Its socket is in here."""
    process: subprocess.Popen[bytes]

    def url(self, *, dbname: str = "postgres") -> str:
        """A connection string, through its unix socket."""
        return f"host={self.home} port={PORT} user=postgres dbname={dbname}"

    @contextlib.contextmanager
    def client(self) -> Iterator[psycopg.Connection]:
        """Another client: one that knows nothing of us, and leaves nothing behind itself."""
        with contextlib.closing(
            psycopg.connect(self.url(), autocommit=True, prepare_threshold=None, connect_timeout=5)
        ) as client:
            yield client

    def settings(self) -> dict[str, str]:
        """Every setting of the server, as another client finds them."""
        with self.client() as client:
            return dict(client.execute("SELECT name, setting FROM pg_settings").fetchall())

    @contextlib.contextmanager
    def paused(self) -> Iterator[None]:
        """Clients are let in, and none is answered."""
        self.process.send_signal(signal.SIGUSR1)
        try:
            yield
        finally:
            self.process.send_signal(signal.SIGUSR2)


@contextlib.contextmanager
def pgbouncer(
    scratch: ScratchPostgres, *, mode: str = "transaction", certificate: tuple[Path, Path] | None = None
) -> Iterator[Pooler]:
    """A pooler for the block, one at a time. It does not run as root, so it runs as `postgres` where we do.

    :param certificate: its key and certificate, where it is to speak TLS, and nothing else, over TCP.
    """
    home = scratch.socket_dir / "pgbouncer"
    home.mkdir()
    config = home / "pgbouncer.ini"
    tls = ""
    if certificate is not None:
        key, signed = (shutil.copy(file, home) for file in certificate)
        tls = f"client_tls_sslmode = require\nclient_tls_key_file = {key}\nclient_tls_cert_file = {signed}"
    config.write_text(_CONFIG.format(server=scratch.socket_dir, mode=mode, home=home, tls=tls, port=PORT))
    drop: list[str] = []
    if os.geteuid() == 0:
        for file in (home, *home.iterdir()):
            shutil.chown(file, "postgres")
        drop = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups", "--pdeathsig=TERM"]
    with (home / "log").open("wb") as log:
        process = subprocess.Popen(
            [*drop, "/usr/sbin/pgbouncer", config],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            cwd=home,
            env=environment(),
        )
    try:
        pooler = Pooler(home, process)
        wait_until(
            (home / f".s.PGSQL.{PORT}").exists,
            what=f"pgbouncer ({home / 'log'})",
            timeout_s=10,
            interval_s=0.02,
        )
        yield pooler
    finally:
        process.kill()
        process.wait()
        shutil.rmtree(home)
