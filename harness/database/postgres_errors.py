"""What the driver says, turned into what failed and what to do next."""

from __future__ import annotations

import re

import psycopg

from harness.custodian.limits import LimitReached, TimeIsUp
from harness.errors import DatabaseError
from harness.redact import redact

_BY_STATE = {
    "28P01": "the password is wrong: compare the connection string with the database's settings",
    "28000": "the role is not let in from here: pg_hba.conf, or the allowed addresses of the project",
    "3D000": "no such database: mend the last part of the connection string",
    "42501": "grant it: GRANT SELECT ON ALL TABLES IN SCHEMA <schema> TO <role>; and USAGE on the schema",
    "42703": "no such column: compare the names in [database] of the site profile with the tables",
    "42P01": "no such table: mend the names in [database] of the site profile",
    "57014": "the query took too long: look for locks (pg_stat_activity), or raise statement_timeout_s",
    "55P03": "the table is locked: look at pg_stat_activity for who holds it",
    "57P03": "the server is starting, stopping or recovering: look at its log",
    "53300": "too many connections: end idle ones, or use the pooler's address",
    "22021": "text that is not in the encoding which the database says it has: mend the row, or its encoding",
    "22P05": "text that UTF-8 has no words for: mend the row",
    "25006": "the transaction is read-only, and something tried to write: that is a fault of this suite",
}
"""By SQLSTATE."""

_SILENT = (
    "nothing answered in time: a firewall, a wrong address, a sleeping project, a paused pooler? "
    "Where it is only slow, raise connect_timeout_s"
)
_TENANT = (
    "the pooler knows no such project or user: a pooler's user is postgres.<project>, its host names the "
    "project's region, and a paused project is to be restored first"
)
_IPV6 = (
    "there is no way to it from here: a project's own address (db.<project>.supabase.co) has IPv6 alone; "
    "where this machine, or the host with through_host, has none, use the pooler's address"
)
_BY_TEXT = (
    (r"tenant or user not found|tenant.*not found|ENOTFOUND\)|no such (user|tenant)", _TENANT),
    (
        r"not in (the )?tenant allow_list|network restrictions|EADDRNOTALLOWED",
        "the project lets nobody in from this address: add it to its network restrictions, or ask "
        "through_host",
    ),
    (
        r"max client(s| connections) reached|MaxClientsInSessionMode|EMAXCONN|unable to check out",
        "the pooler has no room: end idle clients, raise its pool size, or use its port for transactions",
    ),
    (
        r"circuit ?breaker|too many authentication (errors|failures)",
        "the pooler refuses all logins for a while, after wrong ones: mend the password, and wait for it",
    ),
    (r"ssl connection is required|SSLRequired", "the server wants TLS: sslmode=require, or verify-full"),
    (
        r"Network is unreachable|No route to host|Cannot assign requested address|Address family not",
        _IPV6,
    ),
    (r"(db\.\S+\.supabase\.co).*(resolve|not known|translate|No address associated)", _IPV6),
    (r"(resolve|not known|translate|No address associated).*(db\.\S+\.supabase\.co)", _IPV6),
    (r"wrong password|SASL authentication failed|EAUTH", _BY_STATE["28P01"]),
    (
        r"statement pooling",
        "this pooler gives each statement to another connection, so no two questions see the same rows, and "
        "none is held to be read-only: use its port for transactions or sessions, or the database's own",
    ),
    (r"startup parameter", "the pooler refuses it: take it out of the connection string, or of PGOPTIONS"),
    (
        r"query_wait_timeout|pgbouncer cannot connect",
        "the pooler has no connection to its server: look there",
    ),
    (r"password authentication failed|no password supplied", _BY_STATE["28P01"]),
    (r"pg_hba\.conf|is not permitted to log in|role .* does not exist", _BY_STATE["28000"]),
    (r"database .* does not exist", _BY_STATE["3D000"]),
    (r"starting up|shutting down|recovery mode", _BY_STATE["57P03"]),
    (r"too many (connections|clients)|remaining connection slots", _BY_STATE["53300"]),
    (r"certificate|SSL|TLS", "mend TLS: sslmode and sslrootcert in the connection string, or the server's"),
    (
        r"expected authentication request|unexpected message|lost synchron",
        "it is no PostgreSQL that answers there: mend address and port",
    ),
    (r"timeout|timed out", _SILENT),
    (r"refused|No such file", "nothing listens there: is the server up, are address and port right?"),
    (r"resolve|not known|name resolution", "the host name is not known: mend it in the connection string"),
    (r"closed|reset|terminated|broken pipe", "the connection was lost: look at the server's log"),
)
"""By what libpq says where there is no SQLSTATE: it gives none for a connection that failed."""

_TOLD_BY = {
    "42P01": "db.tables_and_columns_are_there",
    "42703": "db.tables_and_columns_are_there",
    "42501": "db.sees_every_row",
}
"""The check that says by itself what a SQLSTATE is about."""


def refusal(what: str, error: psycopg.Error | LimitReached | UnicodeError) -> DatabaseError:
    """Our error for the driver's, or for a limit of our own. No text in it holds a secret."""
    said = " ".join(str(error).split()) or type(error).__name__
    behind = _TOLD_BY.get(_state(error), ())
    return DatabaseError(redact(f"{what}: {said}"), hint=_hint(error, said), behind=behind)


def _hint(error: Exception, said: str) -> str:
    if isinstance(error, LimitReached):
        return _SILENT if isinstance(error, TimeIsUp) else "look for rows that are far too long, or too many"
    return _BY_STATE.get(_state(error)) or _by_text(said)


def _state(error: Exception) -> str:
    return (isinstance(error, psycopg.Error) and error.sqlstate) or ""


def _by_text(said: str) -> str:
    for pattern, hint in _BY_TEXT:
        if re.search(pattern, said, re.IGNORECASE):
            return hint
    return "try the same with psql from here"
