"""What the database holds: two round trips, one snapshot, so all claims see the same rows.

Where rows break a claim that a sound site breaks in passing, the claim is asked again until the site had time
to settle.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import psycopg
from psycopg.rows import class_row, scalar_row

from harness.clocks import Offset
from harness.database.claims import CLAIMS, Claim, parameters
from harness.database.connection import Database, asking, share_time
from harness.database.leg import told_behind
from harness.database.tables import Tables, ask_tables, read_tables, tables_cursor
from harness.errors import DatabaseError, SiteError, WaitTimeoutError
from harness.findings import mend_line
from harness.mend import HEADING, Mend
from harness.site.profile import DatabaseSection, Site
from harness.text import one_line
from harness.wait import wait_until

_SETTLE_POLL_S = 0.5
_WIDEST_CELL = 60

_SERVER = """
SELECT clock_timestamp() AS now, current_setting('server_version_num')::int AS version,
       current_user::text AS role,
       pg_backend_pid() AS pid, host(inet_client_addr()) AS client,
       coalesce((SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()), false) AS encrypted
"""


@dataclass(frozen=True)
class Server:
    """The server, and how it sees our session."""

    now: datetime
    version: int
    """150012 for 15.12."""
    role: str
    pid: int
    """The process that answers."""
    client: str | None
    """The address that it is asked from; None for a unix socket."""
    encrypted: bool
    """Whether it is, as the server sees it."""

    def told_behind(self, database: Database) -> str:
        """What lies behind our own leg, as far as anybody can tell from here; empty where nothing does."""
        pooled = self.pid != database.pid
        return told_behind(database.leg, pooled=pooled, client=self.client, encrypted=self.encrypted)


@dataclass(frozen=True)
class BreakingRows:
    """The rows that break one claim: how many, and the first 20 of them."""

    claim: Claim
    count: int = 0
    keys: Sequence[str] = ()
    """The key of each, where the claim settles."""
    rows: Sequence[Mapping[str, Any]] = ()

    @property
    def ids(self) -> list[str]:
        """The key of each row shown."""
        return [str(row[self.claim.key]) for row in self.rows]

    def report(self, mend: Mend | None = None) -> str:
        """The count, the rows as an aligned table, and the SQL that mends them."""
        lines = [f"{self.count} {self.claim.says}", aligned(self.rows)]
        if self.count > len(self.rows):
            lines.append(f"  … and {self.count - len(self.rows)} more")
        if mend:
            lines += [HEADING, f"  {mend_line(mend)}"]
        return "\n".join(lines)


@dataclass(frozen=True)
class Records:
    """What the database holds, and who answered."""

    server: Server
    clock: Offset
    """Database minus suite."""
    tables: Tables
    answers: Mapping[str, BreakingRows | DatabaseError]
    moment: datetime
    """What rows are held against."""
    unnamed: frozenset[str] = frozenset()
    """Claims about a row that the profile does not name."""

    def breaking(self, claim: str) -> BreakingRows:
        """The rows that break a claim.

        :raises DatabaseError: the claim could not be asked, or the answer would prove nothing.
        :raises SiteError: the claim is about a row that the profile does not name.
        """
        if claim in self.unnamed:
            raise SiteError(
                f"the site profile names no {CLAIMS[claim].about} in [database]: nothing can be asked of it",
                hint="name it, or say under [not_applicable] why there is none",
            )
        self.tables.require(*CLAIMS[claim].tables)
        answer = self.answers[claim]
        if isinstance(answer, DatabaseError):
            raise answer
        return answer


def gather(
    database: Database,
    site: Site,
    *,
    now: datetime | None = None,
    claims: Iterable[Claim] = tuple(CLAIMS.values()),
) -> Records:
    """Ask everything, in one transaction that ends here.

    :param now: the moment that rows are held against; default the server's clock.
    :raises DatabaseError: there was no answer at all. A claim that alone could not be asked keeps its error.
    """
    with database.transaction("the database's tables") as connection:
        return gather_within(connection, site, now=now, claims=claims)


def gather_within(
    connection: psycopg.Connection[Any],
    site: Site,
    *,
    now: datetime | None = None,
    claims: Iterable[Claim] = tuple(CLAIMS.values()),
) -> Records:
    """The same, in a transaction that is open."""
    began = time.time()
    with connection.pipeline():
        server_cursor = connection.cursor(row_factory=class_row(Server)).execute(_SERVER)
        tables_answer = tables_cursor(connection)
        ask_tables(tables_answer, site.database)
    ended = time.time()
    server = server_cursor.fetchall()[0]
    tables = read_tables(tables_answer, site.database)
    moment = now or server.now
    able = (claim for claim in claims if not tables.blocked.keys() & set(claim.tables))
    answers = _ask(connection, tables, dict.fromkeys(able), parameters(site, moment), site.database)
    told = server.now.timestamp()
    clock = Offset.between((began, ended), (told, told))
    return Records(server, clock, tables, answers, moment, _unnamed(site.database))


def settled_records(first: Records, database: Database, site: Site) -> Records:
    """The same records, in which a row breaks a claim that settles only if every look shows so.

    Looks are taken until no such row is left, or the site's settle time is over; none where the first found
    none. A controller that writes the end of a VM and then the end of its session is caught in between,
    but not twice; a stale row stays stale, and is shown as the last look saw it.
    """
    answers, values = dict(first.answers), parameters(site, first.moment)

    def suspects() -> dict[Claim, Sequence[str]]:
        found = (answer for answer in answers.values() if isinstance(answer, BreakingRows))
        return {one.claim: one.keys for one in found if one.claim.settles and one.keys}

    def none_left() -> bool:
        with database.transaction("the rows that break a claim, once more") as connection:
            answers.update(_ask(connection, first.tables, suspects(), values, site.database))
        return not suspects()

    if not suspects():
        return first
    try:
        with contextlib.suppress(WaitTimeoutError):
            wait_until(none_left, what="rows settle", timeout_s=site.host.settle_s, interval_s=_SETTLE_POLL_S)
    except DatabaseError as error:  # it costs no other claim its answer
        answers.update({claim.name: error for claim in suspects()})
    return replace(first, answers=answers)


def _unnamed(settings: DatabaseSection) -> frozenset[str]:
    about = {claim.name: claim.about for claim in CLAIMS.values() if claim.about}
    return frozenset(name for name, field in about.items() if getattr(settings, field) is None)


def _ask(
    connection: psycopg.Connection[Any],
    tables: Tables,
    among: Mapping[Claim, Sequence[str] | None],
    values: Mapping[str, object],
    settings: DatabaseSection,
) -> dict[str, BreakingRows | DatabaseError]:
    """Ask claims in one round trip, in the time of one; where that fails, one by one, each with its own time.

    So a query that fails, or waits for a lock, costs no other claim its answer.

    :param among: the claims, each with the keys of the only rows that are in question; none for all rows.
    """
    asked = {claim: {**values, "among": None if keys is None else [*keys]} for claim, keys in among.items()}
    try:
        with connection.transaction(), connection.pipeline():
            share_time(connection, settings, len(asked))
            cursors = [(claim, _send(connection, claim, tables, asked[claim])) for claim in asked]
        return {claim.name: _read(claim, cursor) for claim, cursor in cursors}
    except psycopg.Error:
        if connection.closed:
            raise
    with asking("the claims one by one"):
        share_time(connection, settings, 1)  # all had one's time together, and that may still be in force
    return {claim.name: _alone(connection, claim, tables, asked[claim]) for claim in asked}


def _alone(
    connection: psycopg.Connection[Any], claim: Claim, tables: Tables, values: Mapping[str, object]
) -> BreakingRows | DatabaseError:
    try:
        with asking(f"claim {claim.name}"), connection.transaction():
            return _read(claim, _send(connection, claim, tables, values))
    except DatabaseError as error:
        if connection.closed:
            raise
        return error


def _send(
    connection: psycopg.Connection[Any], claim: Claim, tables: Tables, values: Mapping[str, object]
) -> psycopg.Cursor[Any]:
    return connection.cursor(row_factory=scalar_row).execute(claim.composed(tables), values)


def _read(claim: Claim, cursor: psycopg.Cursor[Any]) -> BreakingRows:
    (found,) = cursor.fetchall()
    return BreakingRows(claim, found["count"], found["keys"], found["rows"])


def aligned(rows: Sequence[Mapping[str, Any]]) -> str:
    """A heading and a line per row, indented; empty without rows."""
    if not rows:
        return ""
    lines = [list(rows[0]), *([_shown(value) for value in row.values()] for row in rows)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "\n".join("  " + "  ".join(map(str.ljust, line, widths)).rstrip() for line in lines)


def _shown(value: object) -> str:
    """One cell on one line, whatever a row holds."""
    text = "NULL" if value is None else one_line(str(value))
    return text if len(text) <= _WIDEST_CELL else f"{text[: _WIDEST_CELL - 1]}…"
