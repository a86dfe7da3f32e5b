"""A sound population breaks no claim, and each defect put into it is named by its own claim alone."""

from __future__ import annotations

import contextlib
import re
import uuid
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import psycopg
import pytest

from harness.database.claims import CLAIMS, QUERIES
from harness.database.records import gather_within
from harness.database.scratch import ScratchPostgres
from harness.site.profile import Site, StateSection
from tests.unit.database.populations import NOW, Row, load
from tests.unit.peers.small_suite import ROOT

SCHEMA = "claims"
INCIDENT_VM, INCIDENT_SESSION = "vm-incident", str(uuid.UUID(int=9))
DONE, BUSY, WAKING, ENDING = (str(uuid.UUID(int=n)) for n in (1, 2, 3, 4))
SITE = Site.model_validate(
    {
        "name": SCHEMA,
        "database": {
            "schema_name": SCHEMA,
            "heartbeat_limit_s": 60,
            "incident_vm": INCIDENT_VM,
            "incident_session": INCIDENT_SESSION,
        },
    }
)


def _ago(**time: float) -> str:
    return (NOW - timedelta(**time)).isoformat()


def _vm(name: str, number: int, **more: Any) -> Row:
    row: Row = {
        "vm_id": name,
        "vm_type": "browser",
        "status": "running",
        "ip_address": f"192.168.100.{number}",
    }
    row |= {"tap_device": f"fc-{number}", "socket_path": f"/run/{number}", "firecracker_pid": number}
    return {
        **row,
        "created_at": _ago(minutes=9),
        "started_at": _ago(minutes=9),
        "last_heartbeat": NOW,
        **more,
    }


def _session(key: str, status: str, vm: str | None, **more: Any) -> Row:
    return {
        "session_id": key,
        "status": status,
        "browser_vm_id": vm,
        "created_at": _ago(minutes=8),
        "started_at": _ago(minutes=8),
        **more,
    }


SOUND_VMS = [
    _vm("vm-a", 2),
    _vm("vm-b", 3),
    _vm("vm-asleep", 4, status="hibernated", stopped_at=_ago(minutes=1), last_heartbeat=_ago(minutes=5)),
    _vm("vm-woken", 5, stopped_at=_ago(minutes=20), created_at=_ago(hours=1), started_at=_ago(minutes=2)),
    _vm("vm-gone", 2, status="destroyed", destroyed_at=_ago(minutes=1)),
    _vm(INCIDENT_VM, 6, status="destroyed", destroyed_at=_ago(minutes=1)),
]
SOUND_SESSIONS = [
    _session(DONE, "completed", "vm-gone", completed_at=_ago(minutes=1)),
    _session(BUSY, "ready", "vm-b", timeout_at=NOW + timedelta(minutes=5)),
    _session(WAKING, "started", None),
    _session(ENDING, "ready", "vm-a", timeout_at=_ago(seconds=59)),  # until the next sweep
    _session(INCIDENT_SESSION, "failed", INCIDENT_VM, error_message="VM health check timeout"),
]

OLD = {"created_at": _ago(hours=50), "started_at": _ago(hours=50)}
DEFECTS = [
    pytest.param(
        "vm-gone", {"status": "Destroyed", "destroyed_at": None}, {"vm_states_are_known"}, id="vm-status"
    ),
    # A status that is NULL is not known as live either, so the session on the VM has lost it.
    pytest.param(
        "vm-b", {"status": None}, {"vm_states_are_known", "live_sessions_have_a_live_vm"}, id="vm-status-null"
    ),
    pytest.param("vm-gone", {"vm_type": None}, {"vm_states_are_known"}, id="vm-type-null"),
    pytest.param(
        DONE,
        {"status": "done"},
        {"session_statuses_are_known", "live_sessions_have_a_live_vm"},
        id="session-status",
    ),
    pytest.param(
        WAKING,
        {"status": None},
        {"session_statuses_are_known", "live_sessions_have_a_live_vm"},
        id="session-null",
    ),
    pytest.param("vm-a", {"stopped_at": _ago(minutes=1)}, {"live_vms_are_alive"}, id="stopped"),
    pytest.param("vm-a", {"last_heartbeat": _ago(seconds=61)}, {"live_vms_are_alive"}, id="silent"),
    pytest.param("vm-a", {"last_heartbeat": None}, {"live_vms_are_alive"}, id="never-heard"),
    pytest.param("vm-gone", {"destroyed_at": None}, {"destroyed_vms_say_when"}, id="destroyed-without-time"),
    pytest.param(
        "vm-a", {"destroyed_at": _ago(minutes=1)}, {"destroyed_vms_say_when"}, id="time-without-destroyed"
    ),
    pytest.param("vm-b", {"status": "failed"}, {"live_sessions_have_a_live_vm"}, id="session-on-dead-vm"),
    pytest.param(BUSY, {"browser_vm_id": "vm-x"}, {"live_sessions_have_a_live_vm"}, id="session-on-no-vm"),
    pytest.param(BUSY, {"browser_vm_id": None}, {"live_sessions_have_a_live_vm"}, id="session-lost-its-vm"),
    pytest.param(BUSY, {"timeout_at": _ago(seconds=61)}, {"unfinished_sessions_are_in_time"}, id="overdue"),
    pytest.param(
        BUSY, {"timeout_at": None, **OLD}, {"unfinished_sessions_are_in_time"}, id="overdue-by-default"
    ),
    pytest.param(INCIDENT_SESSION, {"error_message": " "}, {"failed_sessions_say_why"}, id="no-reason"),
    pytest.param(
        "vm-gone", {**OLD, "destroyed_at": _ago(hours=24.1)}, {"no_old_destroyed_vms"}, id="stale-vm"
    ),
    pytest.param(INCIDENT_SESSION, OLD, {"no_old_failed_sessions"}, id="stale-session"),
    pytest.param("vm-gone", {"created_at": None}, {"vm_times_are_possible"}, id="vm-without-birth"),
    pytest.param(
        "vm-gone", {"created_at": _ago(minutes=2)}, {"vm_times_are_possible"}, id="started-before-created"
    ),
    pytest.param("vm-a", {"last_heartbeat": "infinity"}, {"vm_times_are_possible"}, id="vm-in-the-future"),
    pytest.param(DONE, {"created_at": None}, {"session_times_are_possible"}, id="session-without-birth"),
    pytest.param(
        DONE, {"completed_at": _ago(hours=1)}, {"session_times_are_possible"}, id="over-before-started"
    ),
    pytest.param("vm-a", {"ip_address": "192.168.100.3/24"}, {"live_vms_do_not_share_address"}, id="address"),
    pytest.param("vm-a", {"tap_device": "fc-4"}, {"live_vms_do_not_share_tap"}, id="tap"),
    pytest.param("vm-a", {"firecracker_pid": 3}, {"live_vms_do_not_share_pid"}, id="pid"),
    pytest.param("vm-a", {"socket_path": "/run/3"}, {"live_vms_do_not_share_socket"}, id="socket"),
    pytest.param(WAKING, {"browser_vm_id": "vm-b"}, {"live_sessions_do_not_share_a_vm"}, id="two-sessions"),
    pytest.param(
        INCIDENT_VM,
        {"status": "failed", "destroyed_at": None},
        {"incident_vm_is_destroyed"},
        id="incident-vm",
    ),
    pytest.param(
        INCIDENT_SESSION, {"status": "timeout"}, {"incident_session_is_failed"}, id="incident-session"
    ),
]


@pytest.fixture(scope="module")
def connection(scratch_database: ScratchPostgres) -> Iterator[psycopg.Connection]:
    """A database with the sessions' tables and no rows."""
    scratch_database.add_schema(SCHEMA, created_at=True, references=False)
    with contextlib.closing(scratch_database.connect()) as opened:
        yield opened


def _broken(
    connection: psycopg.Connection, changed: str = "", change: Row | None = None
) -> dict[str, list[str]]:
    """Claim -> keys, with one row of the sound population changed."""
    vms = [{**row, **(change or {} if row["vm_id"] == changed else {})} for row in SOUND_VMS]
    sessions = [{**row, **(change or {} if row["session_id"] == changed else {})} for row in SOUND_SESSIONS]
    with connection.transaction(force_rollback=True):
        load(connection, SCHEMA, (vms, sessions))
        records = gather_within(connection, SITE, now=NOW)
    counted = {name: records.breaking(name) for name in CLAIMS}
    return {name: one.ids for name, one in counted.items() if one.count}


def test_sound_rows_break_no_claim(connection: psycopg.Connection) -> None:
    """Nothing is found where nothing is wrong."""
    assert _broken(connection) == {}


@pytest.mark.parametrize(("changed", "change", "claims"), DEFECTS)
def test_defect_is_named_by_its_claim(
    connection: psycopg.Connection, changed: str, change: Row, claims: set[str]
) -> None:
    """One change turns its claim red, with the row in it, and no other that is not bound to it."""
    broken = _broken(connection, changed, change)
    assert broken.keys() == claims
    # What breaks for a session is in its own row, also where the change was made in its VM's.
    assert {changed, BUSY} & {key for keys in broken.values() for key in keys}


JAILED = SITE.model_copy(
    update={"state": StateSection(jails_dir="/srv/jailer", sockets_dir="/var/run/firecracker")}
)


@pytest.mark.parametrize(
    ("path", "is_shared"),
    [
        ("/run/firecracker.socket", False),
        ("/run/api.sock", False),
        ("/srv/jailer/firecracker/3/root/run/api.sock", True),
        ("/var/run/firecracker/3.sock", True),
        ("/run/firecracker/3.sock", True),
        ("/var/lib/firecracker/vms/vm-a/api.sock", True),
    ],
)
def test_a_path_that_each_jail_has_is_no_shared_socket(
    connection: psycopg.Connection, path: str, *, is_shared: bool
) -> None:
    """Where no VMM is in a jail, any path is the host's."""
    vms = [{**row, "socket_path": path} if row["vm_id"] in ("vm-a", "vm-b") else row for row in SOUND_VMS]
    for site, expected in ((JAILED, is_shared), (SITE, True)):
        with connection.transaction(force_rollback=True):
            load(connection, SCHEMA, (vms, SOUND_SESSIONS))
            found = gather_within(connection, site, now=NOW).breaking("live_vms_do_not_share_socket")
        assert bool(found.count) == expected


def test_every_claim_has_a_defect() -> None:
    """No claim goes without a row that breaks it."""
    assert set().union(*(one.values[2] for one in DEFECTS)) == set(CLAIMS)  # type: ignore[arg-type]


def test_query_claim_and_check_have_one_name() -> None:
    """Every file in queries/ is a claim's, and every claim is the check of its name, or one case of it."""
    assert {path.stem for path in QUERIES.iterdir()} == set(CLAIMS)
    files = [ROOT / "tests" / "db" / name for name in ("test_vm_rows.py", "test_session_rows.py")]
    checks = {name for file in files for name in re.findall(r"^def test_(\w+)", file.read_text(), re.M)}
    assert {name if name in checks else name.rpartition("_")[0] for name in CLAIMS} == checks


def test_only_twenty_rows_are_shown_and_all_are_counted(connection: psycopg.Connection) -> None:
    """A report has 20 rows, the count of all, and columns in line."""
    vms = [_vm(f"vm-{n:02}", n, vm_type=None) for n in range(25)]
    with connection.transaction(force_rollback=True):
        load(connection, SCHEMA, (vms, []))
        found = gather_within(connection, SITE, now=NOW).breaking("vm_states_are_known")
    lines = found.report().splitlines()
    assert (found.count, found.ids[0], len(found.ids)) == (25, "vm-00", 20)
    assert lines[0].startswith("25 VM rows")
    assert lines[-1] == "  … and 5 more"
    assert len(lines) == 23
