"""Rows for the tests of the queries: how they are drawn, and how they get into a database."""

from __future__ import annotations

import json
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
from hypothesis import strategies as st
from psycopg import sql

Row = dict[str, Any]
Population = tuple[list[Row], list[Row]]
"""Rows of `vms`, and of `auth_sessions`."""

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
_TICK = timedelta(microseconds=1)
_EDGES = [timedelta(hours=-24), timedelta(seconds=-1860), timedelta(seconds=-60), timedelta(seconds=2)]
_MOMENTS = [
    *(NOW + edge + tick for edge in _EDGES for tick in (-_TICK, timedelta(0), _TICK)),
    *(NOW + timedelta(seconds=s) for s in (-200_000, -90_000, -1802, -1798, -2, 0, 86_400)),
]
"""At, just before and just after each limit of the profile, and far from all."""

VM_STATUSES = ("creating", "running", "hibernated", "stopping", "stopped", "failed", "destroyed")
SESSION_STATUSES = (
    *("started", "vm_created", "ready", "url_captured", "awaiting_user_auth", "user_authenticating"),
    *("completed", "failed", "timeout", "cancelled"),
)
_times = st.none() | st.sampled_from(_MOMENTS)
_vm_ids = [f"vm-{n}" for n in range(10)]


def _one_of(*values: object) -> st.SearchStrategy[Any]:
    return st.sampled_from([None, "", *values])


_vm = st.fixed_dictionaries(
    {
        "vm_id": st.sampled_from(_vm_ids),
        "vm_type": st.sampled_from(["browser", "browser", "cli", "toaster", "", None]),
        "status": st.sampled_from([*VM_STATUSES, "Running", "", None]),
        "ip_address": _one_of("192.168.100.2", "192.168.100.2/24", "192.168.100.3"),
        "tap_device": _one_of("fc-vm-0", "fc-vm-1"),
        "socket_path": _one_of("/run/a.sock", "/run/b.sock"),
        "firecracker_pid": st.sampled_from([None, 7, 8]),
        **dict.fromkeys(["created_at", "started_at", "stopped_at", "destroyed_at", "last_heartbeat"], _times),
    }
)
_session = st.fixed_dictionaries(
    {
        "session_id": st.integers(1, 10).map(lambda n: str(uuid.UUID(int=n))),
        "browser_vm_id": st.sampled_from([None, *_vm_ids]),
        "status": st.sampled_from([*SESSION_STATUSES, "Ready", "", None]),
        "error_message": st.sampled_from([None, "", " \n", "it broke"]),
        **dict.fromkeys(["created_at", "started_at", "completed_at", "timeout_at"], _times),
    }
)


@st.composite
def populations(draw: st.DrawFn, *, created_at: bool, references: bool) -> Population:
    """Rows of a schema variant; with ``references`` no session names a VM without a row."""
    vms = draw(st.lists(_vm, max_size=10, unique_by=lambda row: row["vm_id"]))
    sessions = draw(st.lists(_session, max_size=10, unique_by=lambda row: row["session_id"]))
    ids = {row["vm_id"] for row in vms}
    for row in sessions:
        if not created_at:
            del row["created_at"]
        if references and row["browser_vm_id"] not in ids:
            row["browser_vm_id"] = None
    return vms, sessions


def load(connection: psycopg.Connection, schema: str, population: Population) -> None:
    """Put rows in, a statement per table."""
    for table, rows in zip(("vms", "auth_sessions"), population, strict=True):
        name = sql.Identifier(schema, table)
        insert = sql.SQL("INSERT INTO {0} SELECT * FROM jsonb_populate_recordset(NULL::{0}, %s)")
        connection.execute(insert.format(name), [json.dumps(rows, default=str)])


def contents(connection: psycopg.Connection, schema: str) -> dict[str, Row]:
    """Every row, by its key."""
    rows: dict[str, Row] = {}
    for table, key in (("vms", "vm_id"), ("auth_sessions", "session_id")):
        ask = sql.SQL("SELECT {}::text, to_jsonb(t) FROM {} AS t")
        rows |= dict(
            connection.execute(ask.format(sql.Identifier(key), sql.Identifier(schema, table))).fetchall()
        )
    return rows
