"""Rows that a fault adds to the database: sound ones, but for the columns that the fault names.

Values are SQL expressions. Every id begins with ``fa017``, so that healing finds all of them.
"""

from __future__ import annotations

from contextlib import AbstractContextManager

from lab.faults.fault import LAYERS, Fault
from lab.faults.patient import Patient

_REMOVE = (
    "DELETE FROM auth_sessions WHERE session_id::text LIKE 'fa017%';"
    "DELETE FROM vms WHERE vm_id LIKE 'vm-fa017%'"
)
_VM = {
    "vm_type": "'browser'",
    "status": "'stopped'",
    "created_at": "now() - interval '3 hours'",
    "started_at": "now() - interval '3 hours'",
    "stopped_at": "now() - interval '2 hours'",
}
_SESSION = {
    "provider": "'codex'",
    "status": "'completed'",
    "created_at": "now() - interval '1 hour'",
    "started_at": "now() - interval '1 hour'",
    "completed_at": "now() - interval '50 minutes'",
    "timeout_at": "now() - interval '30 minutes'",
}
ALIVE = {"status": "'hibernated'", "stopped_at": "NULL"}
"""A VM that is live and has no process, so that the host has nothing to show for it."""

UNFINISHED = {"status": "'ready'", "completed_at": "NULL", "timeout_at": "now() + interval '1 hour'"}
"""A session that goes on."""


def vm_id(number: int) -> str:
    """The id of the fault's n-th VM."""
    return f"vm-fa017{number:03d}-0000-4000-8000-000000000000"


def vm(number: int = 1, /, **columns: str) -> str:
    """SQL that inserts a VM: a stopped one, unless ``columns`` say otherwise."""
    return _insert("vms", {"vm_id": f"'{vm_id(number)}'", **_VM, **columns})


def session(number: int = 1, /, **columns: str) -> str:
    """SQL that inserts a session: a completed one, unless ``columns`` say otherwise."""
    session_id = f"'{vm_id(number).removeprefix('vm-')}'"
    return _insert("auth_sessions", {"session_id": session_id, **_SESSION, **columns})


def present(patient: Patient, *inserts: str) -> AbstractContextManager[None]:
    """These rows, and then none of them."""
    return patient.rows(insert=";".join([_REMOVE, *inserts]), remove=_REMOVE)


def fault_of_rows(
    name: str, breaks: str, *inserts: str, reds: set[str], asks: tuple[str, ...] = LAYERS["db"]
) -> Fault:
    """A fault of the database that is nothing but these rows: an entry of a table of faults."""
    return Fault(
        name=f"db.{name}",
        breaks=breaks,
        inject=lambda patient: present(patient, *inserts),
        asks=asks,
        reds=frozenset(reds),
    )


def _insert(table: str, columns: dict[str, str]) -> str:
    return f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({', '.join(columns.values())})"
