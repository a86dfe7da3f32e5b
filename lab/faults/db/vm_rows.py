"""Rows of VMs that break a claim."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager

from lab.faults import database, rows
from lab.faults.fault import fault
from lab.faults.patient import Patient

INCIDENT = "vm-6b03852d-0631-4f91-ae8a-fd352348e9c2"

_DESTROYED_LONG_AGO = {
    "status": "'destroyed'",
    "created_at": "now() - interval '3 days'",
    "started_at": "NULL",
    "stopped_at": "NULL",
    "destroyed_at": "now() - interval '2 days'",
}

FAULTS = (
    rows.fault_of_rows(
        "stopped_but_live",
        "A VM row with a live status was stopped, two hours ago.",
        rows.vm(status="'running'"),
        reds={"db.live_vms_are_alive"},
        asks=("db",),  # a host has nothing to show for such a row, and rightly says so
    ),
    rows.fault_of_rows(
        "destroyed_without_time",
        "A destroyed VM row has no destroyed_at.",
        rows.vm(status="'destroyed'"),
        reds={"db.destroyed_vms_say_when"},
    ),
    rows.fault_of_rows(
        "time_without_destruction",
        "A VM row that is not destroyed, but stopped, has destroyed_at.",
        rows.vm(destroyed_at="now() - interval '1 hour'"),
        reds={"db.destroyed_vms_say_when"},
    ),
    rows.fault_of_rows(
        "old_destroyed_vm",
        "A destroyed Browser VM is older than the clean-up allows: it was destroyed two days ago.",
        rows.vm(**_DESTROYED_LONG_AGO),
        reds={"db.no_old_destroyed_vms"},
    ),
    rows.fault_of_rows(
        "stopped_before_created",
        "A VM row has a time before what must come first: it was stopped an hour before it was created.",
        rows.vm(stopped_at="now() - interval '4 hours'"),
        reds={"db.vm_times_are_possible"},
    ),
    rows.fault_of_rows(
        "shared_address",
        "Two VM rows with a live status have one address; both hibernate, so the host shows neither.",
        *(rows.vm(n, **rows.ALIVE, ip_address="'192.168.100.250'") for n in (1, 2)),
        reds={"db.live_vms_do_not_share[address]", "host.addresses_unique"},
    ),
    rows.fault_of_rows(
        "shared_tap",
        "Two VM rows with a live status have one TAP device; both hibernate, so the host shows neither.",
        *(rows.vm(n, **rows.ALIVE, tap_device="'fc-vm-fa017'") for n in (1, 2)),
        reds={"db.live_vms_do_not_share[tap]"},
    ),
    rows.fault_of_rows(
        "shared_pid",
        "Two VM rows with a live status have one process: both are running.",
        *(rows.vm(n, status="'running'", stopped_at="NULL", firecracker_pid="999999") for n in (1, 2)),
        reds={"db.live_vms_do_not_share[pid]"},
        asks=("db",),  # the host has no such process, and rightly says so
    ),
)


@fault(reds={"db.live_vms_do_not_share[socket]"})
def shared_socket(patient: Patient) -> AbstractContextManager[None]:
    """Two VM rows with a live status have one API socket; both hibernate, so the host shows neither.

    It is where this host has its sockets: any other path may be one that each jail has.
    """
    path = f"'{patient.settings.state.sockets_dir}/fa017.sock'"
    return rows.present(patient, *(rows.vm(n, **rows.ALIVE, socket_path=path) for n in (1, 2)))


@fault(reds={"db.vm_states_are_known"})
def unknown_vm_status(patient: Patient) -> AbstractContextManager[None]:
    """A VM row has a status that the service does not know: the table no longer keeps it out."""
    unchecked = "ALTER TABLE vms DROP CONSTRAINT vms_status_check"
    return database.copied(patient, unchecked, rows.vm(status="'dreaming'"))


@fault(reds={"db.vm_states_are_known"})
def unknown_vm_type(patient: Patient) -> AbstractContextManager[None]:
    """A VM row has a type that the service does not know: the table no longer keeps it out."""
    unchecked = "ALTER TABLE vms DROP CONSTRAINT vms_vm_type_check"
    return database.copied(patient, unchecked, rows.vm(vm_type="'toaster'"))


@fault(reds={"db.live_vms_are_alive"}, asks=("db",))
@contextmanager
def silent_vm(patient: Patient) -> Iterator[None]:
    """A VM row with a live status has been silent for an hour, and the profile allows a minute."""
    silent = rows.vm(status="'running'", stopped_at="NULL", last_heartbeat="now() - interval '1 hour'")
    with patient.profile(database={"heartbeat_limit_s": 60}), rows.present(patient, silent):
        yield


@fault(reds={"db.incident_vm_is_destroyed"})
def incident_vm_alive(patient: Patient) -> AbstractContextManager[None]:
    """The incident's VM is not destroyed: its row says stopped, and has no destroyed_at."""
    return patient.rows(
        insert=f"UPDATE vms SET status = 'stopped', destroyed_at = NULL WHERE vm_id = '{INCIDENT}'",
        remove=f"UPDATE vms SET status = 'destroyed', destroyed_at = stopped_at WHERE vm_id = '{INCIDENT}'",
    )
