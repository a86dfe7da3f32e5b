"""What the driver says, turned into what failed and what to do next."""

from __future__ import annotations

import re

import psycopg

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
    "25006": "the session is read-only, and something tried to write: that is a fault of this suite",
}
"""By SQLSTATE."""

_BY_TEXT = (
    (r"password authentication failed|no password supplied", _BY_STATE["28P01"]),
    (r"pg_hba\.conf|is not permitted to log in|role .* does not exist", _BY_STATE["28000"]),
    (r"database .* does not exist", _BY_STATE["3D000"]),
    (r"starting up|shutting down|recovery mode", _BY_STATE["57P03"]),
    (r"too many (connections|clients)|remaining connection slots", _BY_STATE["53300"]),
    (r"certificate|SSL|TLS", "mend TLS: sslmode and sslrootcert in the connection string, or the server's"),
    (r"timeout|timed out", "nothing answered in time: a firewall, a wrong address, or a sleeping project?"),
    (r"refused|No such file", "nothing listens there: is the server up, are address and port right?"),
    (r"resolve|not known|name resolution", "the host name is not known: mend it in the connection string"),
    (r"closed|reset|terminated|broken pipe", "the connection was lost: look at the server's log"),
)
"""By what libpq says where there is no SQLSTATE: it gives none for a connection that failed."""


def refusal(what: str, error: psycopg.Error) -> DatabaseError:
    """Our error for the driver's. No text in it holds a secret."""
    said = " ".join(str(error).split()) or type(error).__name__
    hint = _BY_STATE.get(error.sqlstate or "") or _by_text(said)
    return DatabaseError(redact(f"{what}: {said}"), hint=hint)


def _by_text(said: str) -> str:
    for pattern, hint in _BY_TEXT:
        if re.search(pattern, said, re.IGNORECASE):
            return hint
    return "try the same with psql from here"
