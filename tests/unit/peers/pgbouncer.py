"""Debian's own pgbouncer before a PostgreSQL, with one connection to it that all clients share."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import psycopg

from harness.run import environment
from harness.wait import wait_until
from tests.unit.peers.listening import listens
from tests.unit.peers.ports import free_port

_ADMIN = "anybody"

_CONFIG = """
[databases]
* = {server}
[pgbouncer]
pool_mode = {mode}
default_pool_size = 1
max_db_connections = 1
listen_addr = 127.0.0.1, ::1
listen_port = {port}
unix_socket_dir = {home}
auth_type = any
admin_users = {admin}
server_login_retry = 1
{tls}
"""


@dataclass(frozen=True)
class Pooler:
    """A running pgbouncer."""

    home: Path
    port: int

    @property
    def socket(self) -> Path:
        """Its unix socket."""
        return self.home / f".s.PGSQL.{self.port}"

    @property
    def url(self) -> str:
        """A connection string, through its unix socket; whose it is does not count."""
        return f"host={self.home} port={self.port} user={_ADMIN} dbname=postgres"

    @contextlib.contextmanager
    def client(self, dbname: str = "postgres") -> Iterator[psycopg.Connection]:
        """Another client: one that knows nothing of us, and leaves nothing behind itself."""
        opened = psycopg.connect(
            self.url, dbname=dbname, autocommit=True, prepare_threshold=None, connect_timeout=60
        )
        with contextlib.closing(opened) as client:
            yield client

    def listens(self) -> bool:
        """Whether it takes connections."""
        return listens(self.socket)

    def settings(self) -> dict[str, str]:
        """Every setting of the server, as another client finds them."""
        with self.client() as client:
            return dict(client.execute("SELECT name, setting FROM pg_settings").fetchall())

    @contextlib.contextmanager
    def paused(self) -> Iterator[None]:
        """Clients are let in, and none is answered."""
        with self.client("pgbouncer") as console:
            console.execute("PAUSE")
            try:
                yield
            finally:
                console.execute("RESUME")


@contextlib.contextmanager
def pgbouncer(
    home: Path,
    server: str,
    *,
    mode: str = "transaction",
    certificate: tuple[Path, Path] | None = None,
    within: Sequence[str] = (),
) -> Iterator[Pooler]:
    """A pooler for the block. It does not run as root, so it runs as `postgres` where we do.

    :param home: a folder that is not there yet, where `postgres` may look.
    :param server: how it reaches the server: `host=… user=…`.
    :param certificate: its key and certificate, where it is to speak TLS, and nothing else, over TCP.
    :param within: the command that starts it, where it is to run in another network.
    """
    home.mkdir(mode=0o700)
    tls = ""
    if certificate is not None:
        key, signed = (shutil.copy(file, home) for file in certificate)
        tls = f"client_tls_sslmode = require\nclient_tls_key_file = {key}\nclient_tls_cert_file = {signed}"
    pooler = Pooler(home, free_port())
    config = home / "pgbouncer.ini"
    config.write_text(
        _CONFIG.format(server=server, mode=mode, home=home, tls=tls, port=pooler.port, admin=_ADMIN)
    )
    drop: list[str] = []
    if os.geteuid() == 0:
        for file in (home, *home.iterdir()):
            shutil.chown(file, "postgres")
        drop = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups", "--pdeathsig=TERM"]
    with (home / "log").open("wb") as log:
        words = [*within, *drop, "/usr/sbin/pgbouncer", str(config)]
        process = subprocess.Popen(
            words, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=home, env=environment()
        )
    try:
        wait_until(pooler.listens, what=f"pgbouncer ({home / 'log'})", timeout_s=60, interval_s=0.02)
        yield pooler
    finally:
        process.kill()
        process.wait()
        shutil.rmtree(home)
