"""The runbook's clean-up SQL, for the tables of a site. It is shown to the operator and never run here."""

from __future__ import annotations

from collections.abc import Sequence

from psycopg import sql

from harness.database.tables import Tables
from harness.site.profile import DatabaseSection

REASON = "VM health check timeout - manual cleanup"


def destroy_vms(settings: DatabaseSection, ids: Sequence[str]) -> str:
    """Step 2: mark VMs as destroyed."""
    return _written(
        "UPDATE {table} SET status = {status}, destroyed_at = NOW() WHERE vm_id IN ({ids});",
        table=_table(settings, settings.vms_table),
        status=sql.Literal(settings.destroyed_vm_status),
        ids=_literals(ids),
    )


def fail_sessions(settings: DatabaseSection, ids: Sequence[str]) -> str:
    """Step 2: mark sessions as failed, and say why."""
    return _written(
        "UPDATE {table} SET status = {status}, error_message = {reason} WHERE session_id IN ({ids});",
        table=_table(settings, settings.sessions_table),
        status=sql.Literal(settings.failed_session_status),
        reason=sql.Literal(REASON),
        ids=_literals(ids),
    )


def delete_stale_vms(settings: DatabaseSection) -> str:
    """Step 7: delete old destroyed Browser VMs."""
    return _written(
        "DELETE FROM {table} WHERE vm_type = {kind} AND status = {status} "
        "AND destroyed_at < NOW() - INTERVAL {age};",
        table=_table(settings, settings.vms_table),
        kind=sql.Literal(settings.browser_vm_type),
        status=sql.Literal(settings.destroyed_vm_status),
        age=sql.Literal(f"{settings.stale_after_h:g} hours"),
    )


def delete_stale_sessions(settings: DatabaseSection, tables: Tables) -> str:
    """Step 7: delete old failed or timed-out sessions, by the column that tells their age here."""
    return _written(
        "DELETE FROM {table} WHERE status IN ({statuses}) AND {column} < NOW() - INTERVAL {age};",
        table=_table(settings, settings.sessions_table),
        statuses=_literals(settings.stale_session_statuses),
        column=sql.Identifier(tables.age_column or "created_at"),
        age=sql.Literal(f"{settings.stale_after_h:g} hours"),
    )


def _table(settings: DatabaseSection, name: str) -> sql.Identifier:
    return sql.Identifier(settings.schema_name, name)


def _literals(values: Sequence[str]) -> sql.Composed:
    return sql.SQL(", ").join(map(sql.Literal, values))


def _written(text: str, **parts: sql.Composable) -> str:
    return sql.SQL(text).format(**parts).as_string(None)
