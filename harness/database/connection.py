"""The site's database as we may ask it: read-only, bounded in time; its errors say what to do."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql

from harness.custodian.limits import LimitReached
from harness.database.bounded import BoundedConnection, connect_within
from harness.database.connection_string import ConnectionString, connection_string_of
from harness.database.leg import Leg, leg_of
from harness.database.postgres_errors import refusal
from harness.errors import DatabaseError, SiteError
from harness.redact import redact
from harness.site.profile import DatabaseSection, Site
from harness.transport.tunnel import LOOPBACK, loopback_tunnel

Forward = Callable[[str], Path]
"""``forward("tcp:127.0.0.1:5432")`` gives a local unix socket, as
:meth:`harness.host.hypervisor.Hypervisor.forward` does."""


class Database:
    """A session with the site's database, in which nothing is said but in :meth:`transaction`.

    The server's connection may be a pooler's, and somebody else's as soon as a transaction ends. So nothing
    is set for the session, and nothing prepared in it: whatever we need is set for one transaction.
    """

    def __init__(
        self,
        connection: BoundedConnection,
        settings: DatabaseSection,
        leg: Leg,
        name: str,
        *,
        access: str = "READ ONLY",
    ) -> None:
        self._connection = connection
        self._opening = _opening(connection, settings, name, access)
        self.leg = leg
        """The way to whoever let us in."""
        self.pid = connection.pgconn.backend_pid
        """The process that let us in; that of a pooler is none of the server's."""
        self.server_version = connection.info.parameter_status("server_version")
        """What whoever let us in says of the server; None where it says nothing."""
        self.writable: list[str] = []
        """What was asked in transactions that the server did not hold to be read-only."""

    @contextlib.contextmanager
    def transaction(self, what: str) -> Iterator[psycopg.Connection[Any]]:
        """Ask within one transaction: READ ONLY and REPEATABLE READ.

        All its questions see the same rows, so two claims never contradict each other because a row changed
        between them. It is to be left as soon as they are answered: an open snapshot keeps the server from
        cleaning up. Each exchange in it is bounded on our side, too.

        :raises DatabaseError: saying ``what`` was asked, what the server said, and what to do next.
        """
        connection = self._connection
        with asking(what):
            try:
                if self._begin() != "on":
                    self.writable.append(what)
                yield connection
                connection.commit()
            except BaseException:
                with contextlib.suppress(psycopg.Error, LimitReached):
                    connection.rollback()
                raise

    def close(self) -> None:
        """Hang up."""
        self._connection.close()

    def _begin(self) -> object:
        cursor = self._connection.execute(self._opening)
        while cursor.nextset():
            pass
        ((read_only,),) = cursor.fetchall()
        return read_only


@contextlib.contextmanager
def read_only_session(site: Site, *, run_id: str, forward: Forward | None = None) -> Iterator[Database]:
    """A session with the site's database that cannot write.

    :param forward: how to reach the database where the profile says ``through_host``.
    :raises DatabaseError: not reached, not let in, or not in time.
    """
    with _session(site, site.database, run_id=run_id, forward=forward, access="READ ONLY") as database:
        yield database


@contextlib.contextmanager
def writing_session(site: Site, *, run_id: str, forward: Forward | None = None) -> Iterator[Database]:
    """A session in a role that may write, for what mends rows alone: its transactions are READ WRITE.

    :raises SiteError: the profile names no such role, and the other one is never used to write.
    :raises DatabaseError: not reached, not let in, or not in time.
    """
    settings = site.database
    if settings.mend_url_env is None and settings.mend_url_file is None:
        raise SiteError(
            "no row can be mended: the profile names no role that may write",
            hint="name it by database.mend_url_env, and export its connection string; or paste the SQL",
        )
    theirs = settings.model_copy(
        update={"url_env": settings.mend_url_env, "url_file": settings.mend_url_file}
    )
    with _session(site, theirs, run_id=run_id, forward=forward, access="READ WRITE") as database:
        yield database


@contextlib.contextmanager
def _session(
    site: Site, settings: DatabaseSection, *, run_id: str, forward: Forward | None, access: str
) -> Iterator[Database]:
    conninfo = connection_string_of(settings)
    with contextlib.ExitStack() as stack:
        route = _route(stack, site, conninfo, forward)
        connection = stack.enter_context(contextlib.closing(_open(conninfo, route, settings)))
        encrypted = connection.pgconn.ssl_in_use
        # Through the host our socket only leads to a tunnel; the leg that counts begins on the host.
        through = "hostaddr" in route
        leg = (
            Leg(conninfo.address or LOOPBACK, encrypted, local=conninfo.local or not conninfo.host)
            if through
            else leg_of(connection.pgconn.socket, encrypted=encrypted)
        )
        yield Database(connection, settings, leg, f"acc-{run_id}", access=access)


@contextlib.contextmanager
def asking(what: str) -> Iterator[None]:
    """Turn the driver's errors in the block, and limits that were reached, into ours.

    :raises DatabaseError: saying ``what`` was asked, what the server said, and what to do next.
    """
    # Raised outside of `except`: the driver's own frames hold the password, and a report may show frames.
    trouble = None
    try:
        yield
    except (psycopg.Error, LimitReached, UnicodeError) as error:
        trouble = refusal(what, error)
    if trouble is not None:
        raise trouble


def share_time(connection: psycopg.Connection[Any], settings: DatabaseSection, questions: int) -> None:
    """Let this many questions, sent at once in this transaction, take no longer than one may."""
    share = _milliseconds(settings.statement_timeout_s / max(1, questions))
    connection.execute(sql.SQL("SET LOCAL statement_timeout = {}").format(sql.Literal(share)))


def _opening(connection: BoundedConnection, settings: DatabaseSection, name: str, access: str) -> bytes:
    """What begins a transaction of ours: one round trip, and nothing in it outlives the transaction.

    Who writes keeps the search path of its role: a trigger of the service's may need it.
    """
    wanted: dict[str, str | int] = {
        "application_name": name,
        "client_encoding": "SQL_ASCII" if connection.any_bytes else "UTF8",
        "datestyle": "ISO",
        "idle_in_transaction_session_timeout": _milliseconds(settings.statement_timeout_s + 60),
        **({"search_path": "pg_catalog"} if access == "READ ONLY" else {}),
        "statement_timeout": _milliseconds(settings.statement_timeout_s),
        "timezone": "UTC",
    }
    sets = (sql.SQL(f"SET LOCAL {key} = {{}}").format(sql.Literal(value)) for key, value in wanted.items())
    begin = sql.SQL(f"BEGIN ISOLATION LEVEL REPEATABLE READ {access}")
    return sql.SQL("; ").join([begin, *sets, sql.SQL("SHOW transaction_read_only")]).as_bytes(None)


def _milliseconds(seconds: float) -> int:
    return max(1, round(1000 * seconds))


def _open(conninfo: ConnectionString, route: dict[str, str], settings: DatabaseSection) -> BoundedConnection:
    answer_s = settings.statement_timeout_s + settings.connect_timeout_s
    parameters: dict[str, str | int] = {
        **conninfo.parameters,
        **route,
        # A pooler keeps both for whoever has its connection next; we set them for a transaction.
        "application_name": "",
        "client_encoding": "",
        "keepalives_idle": 10,
        "tcp_user_timeout": _milliseconds(answer_s),
    }
    with asking(str(conninfo)):
        connection = connect_within(settings.connect_timeout_s, **parameters)
    connection.answer_s = answer_s
    return connection


def _says_how_private(conninfo: ConnectionString) -> bool:
    """Whether TLS is chosen already: a service of libpq's, or its environment, would be overruled."""
    if "sslmode" in conninfo.parameters or os.environ.get("PGSSLMODE"):
        return True
    return not conninfo.address and bool(conninfo.parameters.get("service") or os.environ.get("PGSERVICE"))


def _route(
    stack: contextlib.ExitStack, site: Site, conninfo: ConnectionString, forward: Forward | None
) -> dict[str, str]:
    """Parameters to change: TLS where bytes leave a machine, and the way through the host."""
    through = site.database.through_host and site.host.transport != "local"
    local = conninfo.local or (through and not conninfo.host)
    encrypted = {} if local or _says_how_private(conninfo) else {"sslmode": "require"}
    if not through:
        return encrypted
    if forward is None:
        raise DatabaseError(f"{redact(str(conninfo))}: through_host, and no host to go through")
    if conninfo.host.startswith("/"):
        raise SiteError(
            f"{redact(str(conninfo))}: through_host leads to a TCP address, not to a socket",
            hint="postgresql://user:password@127.0.0.1:5432/database",
        )
    socket = forward(f"tcp:{conninfo.address or LOOPBACK}:{conninfo.port}")
    # TCP, for libpq never speaks TLS over a unix socket; `host` stays, so a certificate is held to its name.
    port = stack.enter_context(loopback_tunnel(socket))
    return {**encrypted, "host": conninfo.host or LOOPBACK, "hostaddr": LOOPBACK, "port": str(port)}
