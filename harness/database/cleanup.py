"""The runbook's clean-up SQL, for the tables of a site. It is shown to the operator and never run here."""

from __future__ import annotations

from collections.abc import Sequence

from harness.database.tables import Tables
from harness.mend import Name, Statement
from harness.site.profile import DatabaseSection

REASON = "VM health check timeout - manual cleanup"


def destroy_vms(settings: DatabaseSection, ids: Sequence[str]) -> Statement:
    """Step 2: mark VMs as destroyed."""
    return Statement(
        "UPDATE {table} SET status = {status}, destroyed_at = NOW() WHERE vm_id IN ({ids});",
        {
            "table": Name((settings.schema_name, settings.vms_table)),
            "status": settings.destroyed_vm_status,
            "ids": tuple(ids),
        },
    )


def fail_sessions(settings: DatabaseSection, ids: Sequence[str]) -> Statement:
    """Step 2: mark sessions as failed, and say why."""
    return Statement(
        "UPDATE {table} SET status = {status}, error_message = {reason} WHERE session_id IN ({ids});",
        {
            "table": Name((settings.schema_name, settings.sessions_table)),
            "status": settings.failed_session_status,
            "reason": REASON,
            "ids": tuple(ids),
        },
    )


def delete_stale_vms(settings: DatabaseSection) -> Statement:
    """Step 7: delete old destroyed Browser VMs."""
    return Statement(
        "DELETE FROM {table} WHERE vm_type = {kind} AND status = {status} "
        "AND destroyed_at < NOW() - INTERVAL {age};",
        {
            "table": Name((settings.schema_name, settings.vms_table)),
            "kind": settings.browser_vm_type,
            "status": settings.destroyed_vm_status,
            "age": f"{settings.stale_after_h:g} hours",
        },
    )


def delete_stale_sessions(settings: DatabaseSection, tables: Tables) -> Statement:
    """Step 7: delete old failed or timed-out sessions, by the column that tells their age here."""
    return Statement(
        "DELETE FROM {table} WHERE status IN ({statuses}) AND {column} < NOW() - INTERVAL {age};",
        {
            "table": Name((settings.schema_name, settings.sessions_table)),
            "statuses": tuple(settings.stale_session_statuses),
            "column": Name((tables.age_column or "created_at",)),
            "age": f"{settings.stale_after_h:g} hours",
        },
    )
