"""The claims about rows: each is one query in ``queries/`` that finds the rows which break it.

A query reads ``vms`` and ``sessions`` (see :meth:`harness.database.tables.Tables.relations`) and the site's
settings as parameters, and is written so that NULL never hides a row. It runs wrapped: the keys of all that
it finds (asked again, only of those found before), and the first 20 rows.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from pathlib import Path

from psycopg import sql

from harness.database.tables import Tables
from harness.site.profile import Site

QUERIES = Path(__file__).parent / "queries"
SHOWN = 20

# Rows travel as JSON, in which every value has a text: a datetime of Python's has no infinity, for one.
_FOUND = """{relations}, found AS ({query}),
     kept AS (SELECT * FROM found WHERE coalesce({key} = ANY (%(among)s), true)),
     shown AS (SELECT * FROM kept ORDER BY 1, 2 LIMIT {shown})
SELECT json_build_object('keys', array(SELECT {key} FROM kept),
                         'rows', array(SELECT row_to_json(shown) FROM shown))"""


@dataclass(frozen=True)
class Claim:
    """One claim about rows."""

    name: str
    """Also the name of its query's file."""
    tables: tuple[str, ...]
    """What it reads: `vms`, `sessions`."""
    says: str
    """What a row is that it finds, after a number: "12 <says>"."""
    settles: bool = False
    """Whether a sound site breaks it in passing, between two statements of the controller. Not where looking
    again could hide what was seen: a status that nobody knows, a time in the future that comes true."""

    @property
    def key(self) -> str:
        """The column that tells its rows apart."""
        return "session_id" if "sessions" in self.tables else "vm_id"

    @cached_property
    def query(self) -> str:
        """Its SQL."""
        return (QUERIES / f"{self.name}.sql").read_text(encoding="utf-8")

    def composed(self, tables: Tables) -> sql.Composed:
        """Its SQL for the tables of a site."""
        parts = {
            "relations": tables.relations(*self.tables),
            "query": sql.SQL(self.query),
            "key": sql.Identifier(self.key),
            "shown": sql.Literal(SHOWN),
        }
        return sql.SQL(_FOUND).format(**parts)


_VMS, _SESSIONS = ("vms",), ("sessions",)
CLAIMS: Mapping[str, Claim] = {
    claim.name: claim
    for claim in (
        Claim("unknown_vm_state", _VMS, "VM rows with a status or type that the profile does not know"),
        Claim("unknown_session_status", _SESSIONS, "sessions with a status that the profile does not know"),
        Claim(
            "dead_live_vm",
            _VMS,
            "VM rows with a live status that were stopped, or fell silent",
            settles=True,
        ),
        Claim(
            "destroyed_without_time",
            _VMS,
            "VM rows of which only one of status and destroyed_at says destroyed",
            settles=True,
        ),
        Claim("session_without_vm", ("vms", "sessions"), "live sessions without a live VM", settles=True),
        Claim("overdue_session", _SESSIONS, "unfinished sessions past their deadline", settles=True),
        Claim("failed_without_reason", _SESSIONS, "failed sessions that do not say why", settles=True),
        Claim("stale_vm", _VMS, "old destroyed Browser VMs"),
        Claim("stale_session", _SESSIONS, "old failed or timed-out sessions"),
        Claim("impossible_vm_time", _VMS, "VM rows with impossible times"),
        Claim("impossible_session_time", _SESSIONS, "sessions with impossible times"),
        Claim("shared_address", _VMS, "live VM rows that share an address", settles=True),
        Claim("shared_tap", _VMS, "live VM rows that share a TAP device", settles=True),
        Claim("shared_pid", _VMS, "live VM rows that share a process", settles=True),
        Claim("shared_socket", _VMS, "live VM rows that share an API socket", settles=True),
        Claim("shared_vm", _SESSIONS, "unfinished sessions that share a Browser VM", settles=True),
        Claim("incident_vm", _VMS, "row of the incident's VM that is not destroyed"),
        Claim("incident_session", _SESSIONS, "row of the incident's session that is not failed"),
    )
}


def parameters(site: Site, now: datetime) -> dict[str, object]:
    """The settings that queries use; ``now`` is one of them, so that a query means the same at any time."""
    base, skew = site.database, timedelta(seconds=site.host.clock_skew_s)
    limit = base.heartbeat_limit_s
    return {
        "now": now,
        "skew": skew,
        "vm_statuses": [*base.live_vm_statuses, base.destroyed_vm_status, *base.other_vm_statuses],
        "vm_types": [base.browser_vm_type, *base.other_vm_types],
        "browser": base.browser_vm_type,
        "live": list(base.live_vm_statuses),
        "processless": list(base.processless_vm_statuses),
        "destroyed": base.destroyed_vm_status,
        "silence": None if limit is None else timedelta(seconds=limit),
        "session_statuses": [
            *base.vmless_session_statuses,
            *base.unfinished_session_statuses,
            *base.finished_session_statuses,
        ],
        "finished": list(base.finished_session_statuses),
        "vmless": list(base.vmless_session_statuses),
        "failed": base.failed_session_status,
        "stale": list(base.stale_session_statuses),
        "stale_after": timedelta(hours=base.stale_after_h),
        "deadline": timedelta(seconds=base.session_deadline_s),
        "sweep": timedelta(seconds=base.sweep_s),
        "incident_vm": base.incident_vm,
        "incident_session": base.incident_session,
    }
