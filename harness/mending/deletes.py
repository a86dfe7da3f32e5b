"""Step 7, narrowed to rows that were seen: the runbook's own condition, and their keys beside it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from harness.database.cleanup import delete_stale_sessions, delete_stale_vms
from harness.database.tables import Tables
from harness.mend import Statement
from harness.site.profile import DatabaseSection


def delete_vms(settings: DatabaseSection, ids: Sequence[str]) -> Statement:
    """Delete these, where they are still old destroyed Browser VMs."""
    return _only(delete_stale_vms(settings), "vm_id", ids)


def delete_sessions(settings: DatabaseSection, tables: Tables, ids: Sequence[str]) -> Statement:
    """Delete these, where they are still old failed or timed-out sessions.

    The runbook goes by created_at, which some schemas do not have: then by started_at.
    """
    return _only(delete_stale_sessions(settings, tables), "session_id", ids)


def _only(statement: Statement, key: str, ids: Sequence[str]) -> Statement:
    narrowed = statement.sql.removesuffix(";") + f" AND {key} IN ({{ids}});"
    return replace(statement, sql=narrowed, parameters={**statement.parameters, "ids": tuple(ids)})
