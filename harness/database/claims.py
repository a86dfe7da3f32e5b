"""The claims about rows: each is one query in ``queries/`` that finds the rows which break the claim.

A query reads ``vms`` and ``sessions`` (see :meth:`harness.database.tables.Tables.relations`) and the site's
settings as parameters, and is written so that NULL never hides a row. It runs wrapped: the count of all rows
found (where it is asked again, only of those found before), their keys where they may settle, and the first
20 rows, a long value cut.
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
SHOWN_ROWS = 20
_WIDEST_VALUE = 4000  # bytes; what an agent leaves in an error_message may be a file

# Rows travel as JSON, in which every value has a text: a datetime of Python's has no infinity, for one.
_FOUND = """{relations}, found AS ({query}),
     kept AS (SELECT * FROM found WHERE coalesce({key} = ANY (%(among)s), true)),
     shown AS (SELECT * FROM kept ORDER BY 1, 2 LIMIT {shown})
SELECT json_build_object('count', (SELECT count(*) FROM kept),
                         'keys', array(SELECT {key} FROM kept WHERE {settles}),
                         'rows', array(SELECT (SELECT json_object_agg(key, CASE
                             WHEN octet_length(value::text) <= {widest} OR key = {named} THEN value
                             ELSE to_json(left(value #>> '{{}}', {widest} / 4) || '...') END)
                             FROM json_each(row_to_json(shown))) FROM shown))"""


@dataclass(frozen=True)
class Claim:
    """One claim about rows."""

    name: str
    """Also the name of the query's file, and of the check that makes the claim."""
    tables: tuple[str, ...]
    """What the query reads: `vms`, `sessions`."""
    says: str
    """What a row that breaks the claim is, in the check's words, after a number: "12 <says>"."""
    settles: bool = False
    """Whether a sound site breaks the claim in passing, between two statements of the controller. Not where
    looking again could hide what was seen: a status nobody knows, a time in the future that comes true."""
    about: str = ""
    """The field of the profile's [database] that names the one row the claim is about, where it is one."""

    @property
    def key(self) -> str:
        """The column that tells the rows found apart."""
        return "session_id" if "sessions" in self.tables else "vm_id"

    @cached_property
    def query(self) -> str:
        """The SQL of the file."""
        return (QUERIES / f"{self.name}.sql").read_text(encoding="utf-8")

    def composed(self, tables: Tables) -> sql.Composed:
        """The SQL for the tables of a site."""
        parts = {
            "relations": tables.relations(*self.tables),
            "query": sql.SQL(self.query),
            "key": sql.Identifier(self.key),
            "named": sql.Literal(self.key),
            "shown": sql.Literal(SHOWN_ROWS),
            "widest": sql.Literal(_WIDEST_VALUE),
            "settles": sql.Literal(self.settles),
        }
        return sql.SQL(_FOUND).format(**parts)


_VMS, _SESSIONS = ("vms",), ("sessions",)
_SHARING = {"address": "an address", "tap": "a TAP device", "pid": "a process", "socket": "an API socket"}
CLAIMS: Mapping[str, Claim] = {
    claim.name: claim
    for claim in (
        Claim("vm_states_are_known", _VMS, "VM rows with a status or a type that the service does not know"),
        Claim(
            "session_statuses_are_known", _SESSIONS, "sessions with a status that the service does not know"
        ),
        Claim(
            "live_vms_are_alive",
            _VMS,
            "VM rows with a live status that were stopped, or silent for longer than the profile allows",
            settles=True,
        ),
        Claim(
            "destroyed_vms_say_when",
            _VMS,
            "VM rows that are destroyed without destroyed_at, or have one and are not",
            settles=True,
        ),
        Claim(
            "live_sessions_have_a_live_vm",
            ("vms", "sessions"),
            "unfinished sessions on a VM that is gone, dead or missing",
            settles=True,
        ),
        Claim(
            "unfinished_sessions_are_in_time",
            _SESSIONS,
            "unfinished sessions past their deadline for longer than the controller takes to end one",
            settles=True,
        ),
        Claim("failed_sessions_say_why", _SESSIONS, "failed sessions without an error_message", settles=True),
        Claim("no_old_destroyed_vms", _VMS, "destroyed Browser VMs older than the clean-up allows"),
        Claim(
            "no_old_failed_sessions",
            _SESSIONS,
            "failed or timed-out sessions older than the clean-up allows",
        ),
        Claim(
            "vm_times_are_possible",
            _VMS,
            "VM rows with a time missing, in the future, or before what must come first",
        ),
        Claim(
            "session_times_are_possible",
            _SESSIONS,
            "sessions with a time missing, in the future, or before what must come first",
        ),
        *(
            Claim(
                f"live_vms_do_not_share_{what}",
                _VMS,
                f"VM rows with a live status that share {words}",
                settles=True,
            )
            for what, words in _SHARING.items()
        ),
        Claim(
            "live_sessions_do_not_share_a_vm",
            _SESSIONS,
            "unfinished sessions that share a Browser VM",
            settles=True,
        ),
        Claim(
            "incident_vm_is_destroyed",
            _VMS,
            "row of the incident's VM that is not destroyed",
            about="incident_vm",
        ),
        Claim(
            "incident_session_is_failed",
            _SESSIONS,
            "row of the incident's session that is not failed",
            about="incident_session",
        ),
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
        "host_sockets": _host_sockets(site),
    }


def is_the_hosts(site: Site, socket: str) -> bool:
    """Whether the path of a socket is the host's own, and none that each jail has."""
    folders = _host_sockets(site)
    return not folders or socket.startswith(tuple(folders))


def _host_sockets(site: Site) -> list[str]:
    """Folders of VMs on the host, whose sockets are its own; none where there is no other place for one."""
    state = site.state
    if state.jails_dir is None:
        return []
    folders = {f"{one.rstrip('/')}/" for one in state.folders}
    folders |= {one.removeprefix("/var") for one in folders if one.startswith("/var/run/")}
    return sorted(folders | {f"/var{one}" for one in folders if one.startswith("/run/")})
