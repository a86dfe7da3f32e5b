"""The database session: read-only, bounded in time; its errors say what to do, and never the password."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import psycopg
from psycopg.conninfo import conninfo_to_dict

from harness.database.postgres_errors import refusal
from harness.errors import DatabaseError, SiteError
from harness.redact import redact, remember
from harness.site.profile import DatabaseSection, Site
from harness.site.secrets import secret
from harness.transport.tunnel import LOOPBACK, loopback_tunnel

Forward = Callable[[str], Path]
"""``forward("tcp:127.0.0.1:5432")`` gives a local unix socket, as
:meth:`harness.host.hypervisor.Hypervisor.forward` does."""


@dataclass(frozen=True)
class ConnectionString:
    """Where the database is, and who we are there; as text, it never shows the password."""

    parameters: dict[str, str] = field(repr=False)
    shown: str

    def __str__(self) -> str:
        return self.shown

    @property
    def host(self) -> str:
        """Host name, address or socket directory; one only."""
        return self.parameters.get("host") or self.parameters.get("hostaddr", "")

    @property
    def port(self) -> str:
        """The server's port."""
        return self.parameters.get("port", "5432")

    @property
    def local(self) -> bool:
        """Whether the bytes stay on the machine that the string is for."""
        return self.host.startswith("/") or self.host in ("", "localhost", "127.0.0.1", "::1")


def connection_string_of(settings: DatabaseSection) -> ConnectionString:
    """The connection string of the site, taken apart.

    :raises SiteError: none is given, or it cannot be read. It is not quoted: it holds the password.
    """
    where = " or ".join(str(source) for source in (settings.url_env, settings.url_file) if source)
    parameters = _taken_apart(remember(secret(settings.url_env, settings.url_file, what="the database")))
    if parameters is None or "," in parameters.get("host", "") + parameters.get("port", ""):
        raise SiteError(
            f"the connection string in {where} cannot be read (not shown: it holds the password)",
            hint="postgresql://user:password@host:5432/database, one host, reserved characters as %XX",
        )
    remember(parameters.get("password", ""))
    name = f"{parameters.get('user', '?')}@{parameters.get('host') or 'the local socket'}"
    shown = f"database {name}:{parameters.get('port', '5432')}/{parameters.get('dbname', '')} (from {where})"
    return ConnectionString(parameters, shown)


@contextlib.contextmanager
def read_only_session(
    site: Site, *, run_id: str, forward: Forward | None = None
) -> Iterator[psycopg.Connection]:
    """A session with the site's database that cannot write.

    Every transaction is READ ONLY and REPEATABLE READ: all questions of one transaction see the same rows, so
    two claims never contradict each other because a row changed between them. A transaction is left open no
    longer than its questions take, since an open snapshot keeps the server from cleaning up.

    :param forward: how to reach the database where the profile says ``through_host``.
    :raises DatabaseError: not reached, not let in, or not in time.
    """
    settings, conninfo = site.database, connection_string_of(site.database)
    with contextlib.ExitStack() as stack:
        route = _route(stack, site, conninfo, forward)
        # The server refuses `options` behind some poolers, so the settings are made by a statement.
        connection = stack.enter_context(contextlib.closing(_open(conninfo, route, settings, run_id)))
        with asking(str(conninfo)):
            _bound(connection, settings)
        yield connection


@contextlib.contextmanager
def asking(what: str) -> Iterator[None]:
    """Turn the driver's errors in the block into ours.

    :raises DatabaseError: saying ``what`` was asked, what the server said, and what to do next.
    """
    # Raised outside of `except`: the driver's own frames hold the password, and a report may show frames.
    trouble = None
    try:
        yield
    except psycopg.Error as error:
        trouble = refusal(what, error)
    if trouble is not None:
        raise trouble


def _taken_apart(text: str) -> dict[str, str] | None:
    try:
        return {name: str(value) for name, value in conninfo_to_dict(text).items() if value is not None}
    except psycopg.Error:
        return None


def _open(
    conninfo: ConnectionString, route: dict[str, str], settings: DatabaseSection, run_id: str
) -> psycopg.Connection:
    with asking(str(conninfo)):
        connection = psycopg.connect(
            **{**conninfo.parameters, **route},  # type: ignore[arg-type]
            application_name=f"acc-{run_id}",
            connect_timeout=max(2, round(settings.connect_timeout_s)),
            # A pooler may give each transaction to another server process, without what was prepared.
            prepare_threshold=None,
            keepalives_idle=10,
            tcp_user_timeout=round(1000 * (settings.statement_timeout_s + 10)),
        )
    connection.read_only = True
    connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
    return connection


def _bound(connection: psycopg.Connection, settings: DatabaseSection) -> None:
    wanted = {
        "default_transaction_read_only": "on",
        "statement_timeout": f"{round(1000 * settings.statement_timeout_s)}ms",
        "idle_in_transaction_session_timeout": f"{round(1000 * (settings.statement_timeout_s + 60))}ms",
        "search_path": "pg_catalog",
        "timezone": "UTC",
    }
    calls = ", ".join("set_config(%s, %s, false)" for _ in wanted)
    connection.execute(f"SELECT {calls}", [word for pair in wanted.items() for word in pair])
    connection.commit()


def _route(
    stack: contextlib.ExitStack, site: Site, conninfo: ConnectionString, forward: Forward | None
) -> dict[str, str]:
    """Parameters to change: TLS where bytes leave a machine, and the way through the host."""
    encrypted = {} if conninfo.local or "sslmode" in conninfo.parameters else {"sslmode": "require"}
    if not site.database.through_host or site.host.transport == "local":
        return encrypted
    if forward is None:
        raise DatabaseError(f"{redact(str(conninfo))}: through_host, and no host to go through")
    if conninfo.host.startswith("/"):
        raise SiteError(
            f"{redact(str(conninfo))}: through_host leads to a TCP address, not to a socket",
            hint="postgresql://user:password@127.0.0.1:5432/database",
        )
    socket = forward(f"tcp:{conninfo.host or LOOPBACK}:{conninfo.port}")
    # TCP, for libpq never speaks TLS over a unix socket; `host` stays, so a certificate is held to its name.
    port = stack.enter_context(loopback_tunnel(socket))
    return {**encrypted, "host": conninfo.host or LOOPBACK, "hostaddr": LOOPBACK, "port": str(port)}
