"""The claims about rows in plain Python, written from the service's description and not from the SQL."""

from __future__ import annotations

from collections import Counter
from datetime import datetime, timedelta

from tests.unit.database.populations import SESSION_STATUSES, VM_STATUSES, Population, Row

LIVE = {"creating", "running", "hibernated", "stopping"}
OVER = {"completed", "failed", "timeout", "cancelled"}
DAY, DEADLINE, SILENCE = timedelta(hours=24), timedelta(seconds=1800), timedelta(seconds=60)
SKEW, SWEEP = timedelta(seconds=2), timedelta(seconds=60)


def expected(
    population: Population, now: datetime, *, created_at: bool, incident: tuple[str, str]
) -> dict[str, set[str]]:
    """Claim -> the keys of the rows that break it."""
    vms, sessions = population
    found: dict[str, set[str]] = {}
    live = {row["vm_id"]: row for row in vms if row["status"] in LIVE}

    def vm(claim: str, broken: object, row: Row) -> None:
        found.setdefault(claim, set()).update({row["vm_id"]} if broken else ())

    def session(claim: str, broken: object, row: Row) -> None:
        found.setdefault(claim, set()).update({row["session_id"]} if broken else ())

    for row in vms:
        gone, at = row["status"] == "destroyed", row["destroyed_at"]
        vm(
            "vm_states_are_known",
            row["status"] not in VM_STATUSES or row["vm_type"] not in ("browser", "cli"),
            row,
        )
        vm("destroyed_vms_say_when", gone != (at is not None), row)
        vm(
            "no_old_destroyed_vms",
            gone and row["vm_type"] == "browser" and at is not None and now - at > DAY,
            row,
        )
        vm(
            "live_vms_are_alive",
            row["vm_id"] in live and row["status"] != "hibernated" and _dead(row, now),
            row,
        )
        vm("vm_times_are_possible", _impossible_vm(row, now), row)
        vm("incident_vm_is_destroyed", row["vm_id"] == incident[0] and not gone, row)
    for claim, column in (
        ("live_vms_do_not_share_address", "ip_address"),
        ("live_vms_do_not_share_tap", "tap_device"),
        ("live_vms_do_not_share_socket", "socket_path"),
        ("live_vms_do_not_share_pid", "firecracker_pid"),
    ):
        holders = [r for r in live.values() if column != "firecracker_pid" or r["status"] != "hibernated"]
        found[claim] = _shared(holders, column, "vm_id")
    for row in sessions:
        over, age = row["status"] in OVER, row["created_at" if created_at else "started_at"]
        session("session_statuses_are_known", row["status"] not in SESSION_STATUSES, row)
        session("live_sessions_have_a_live_vm", not over and _vm_gone(row, live), row)
        session("unfinished_sessions_are_in_time", not over and _overdue(row, now), row)
        session(
            "failed_sessions_say_why",
            row["status"] == "failed" and not (row["error_message"] or "").strip(),
            row,
        )
        stale = row["status"] in ("failed", "timeout") and age is not None and now - age > DAY
        session("no_old_failed_sessions", stale, row)
        session("session_times_are_possible", age is None or _impossible_session(row, now), row)
        session(
            "incident_session_is_failed", row["session_id"] == incident[1] and row["status"] != "failed", row
        )
    found["live_sessions_do_not_share_a_vm"] = _shared(
        [r for r in sessions if r["status"] not in OVER], "browser_vm_id", "session_id"
    )
    return {claim: rows for claim, rows in found.items() if rows}


def _dead(row: Row, now: datetime) -> bool:
    stopped, started = row["stopped_at"], row["started_at"]
    heard = row["last_heartbeat"] or started or row["created_at"]
    woken = stopped is not None and started is not None and started > stopped
    return bool((stopped is not None and not woken) or heard is None or now - heard > SILENCE)


def _vm_gone(row: Row, live: dict[str, Row]) -> bool:
    if row["browser_vm_id"] is None:
        return bool(row["status"] != "started")
    return row["browser_vm_id"] not in live


def _overdue(row: Row, now: datetime) -> bool:
    if row["timeout_at"] is not None:
        return bool(now - row["timeout_at"] > SWEEP)
    began = row["started_at"] or row.get("created_at")
    return began is None or now - began > DEADLINE + SWEEP


def _before(row: Row, early: str, late: str) -> bool:
    return bool(row[early] and row[late] and row[late] - row[early] > SKEW)


def _impossible_vm(row: Row, now: datetime) -> bool:
    after_birth = ("started_at", "stopped_at", "destroyed_at", "last_heartbeat")
    return (
        row["created_at"] is None
        or any(_before(row, name, "created_at") for name in after_birth)
        or _before(row, "destroyed_at", "started_at")
        or any(row[name] and row[name] - now > SKEW for name in ("created_at", *after_birth))
    )


def _impossible_session(row: Row, now: datetime) -> bool:
    row = {"created_at": None, **row}
    row["began"] = row["started_at"] or row["created_at"]
    return (
        _before(row, "started_at", "created_at")
        or _before(row, "completed_at", "began")
        or _before(row, "timeout_at", "began")
        or any(row[name] and row[name] - now > SKEW for name in ("created_at", "started_at", "completed_at"))
    )


def _shared(rows: list[Row], column: str, key: str) -> set[str]:
    def value(row: Row) -> object:
        return row[column].partition("/")[0] if column == "ip_address" and row[column] else row[column]

    holders = Counter(map(value, rows))
    return {row[key] for row in rows if value(row) not in (None, "") and holders[value(row)] > 1}
