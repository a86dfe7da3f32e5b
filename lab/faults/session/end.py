"""A session's end: whether it comes in time, whether it is told, and what it leaves behind."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager

from lab.faults import rows
from lab.faults.controller import Defect, defective, doing, on, rewritten, stopped_for_destroyed
from lab.faults.fault import fault
from lab.faults.patient import Patient

_ANSWER_LATE_ONCE = on(
    "POST",
    "/cancel",
    python="""
        if "late" not in globals():
            globals()["late"] = True
            await asyncio.sleep(3)
        """,
    node="""
        if (!globalThis.late) {
          globalThis.late = true;
          await sleep(3000);
        }
        """,
)


@fault(reds={"session.cancel_is_answered_in_time"})
@contextmanager
def cancel_takes_long(patient: Patient) -> Iterator[None]:
    """The answer to a request to cancel comes late.

    The first comes three seconds after the VM's end, which is too late here.
    """
    with patient.profile(session={"end_s": 3}), defective(patient, _ANSWER_LATE_ONCE):
        yield


_REMOVE_NOTHING = Defect(
    python="""
        from lab.controller import vm
        async def leave(machine):
            pass
        vm.remove = leave
        """,
    node="""
        const leave = async () => {};
        own('firecracker').stop = leave;
        own('network').deleteTap = leave;
        require('node:fs/promises').rm = leave;
        """,
)


@fault(
    reds={"session.nothing_of_the_vm_is_left"},
    behind={"session.host_is_as_before": "session.nothing_of_the_vm_is_left"},
)
@contextmanager
def nothing_removed(patient: Patient) -> Iterator[None]:
    """A cancelled session's VM is called destroyed, and all of it is still there.

    The controller removes nothing; the sound one that comes after it clears what has no row.
    """
    with patient.profile(session={"end_s": 5}), defective(patient, _REMOVE_NOTHING):
        yield


@fault(reds={"session.cancelled_vm_is_destroyed"})
def cancelled_vm_stopped(patient: Patient) -> AbstractContextManager[None]:
    """The row of a cancelled session's VM does not say that it was destroyed, but stopped."""
    return stopped_for_destroyed(patient)


@fault(reds={"session.cancelled_session_is_over"})
def cancelled_without_time(patient: Patient) -> AbstractContextManager[None]:
    """A cancelled session does not say when it ended: the database drops the time."""
    cancelled = "NEW.status = 'cancelled'"
    return rewritten(patient, "auth_sessions", when=cancelled, what="NEW.completed_at := NULL;")


@fault(reds={"session.host_is_as_before"})
def leaves_a_file(patient: Patient) -> AbstractContextManager[None]:
    """A session leaves a file among the folders of VMs: cancelling one writes a note."""
    note = f"{patient.settings.state.vms_dir}/fa017-note"
    return _left_by_cancelling(patient, "touch", note, undo=f"rm -f {note}")


@fault(reds={"session.golden_snapshot_is_untouched"})
def touches_golden(patient: Patient) -> AbstractContextManager[None]:
    """A session writes to the golden snapshot's files: cancelling one touches the kernel."""
    return defective(patient, doing("POST", "/cancel", "touch", str(patient.settings.snapshot.kernel)))


@fault(reds={"session.bridge_is_as_before"})
def changes_bridge(patient: Patient) -> AbstractContextManager[None]:
    """A session leaves the bridge with another address: cancelling one adds it."""
    words = ("ip", "address", "replace", "192.168.101.1/24", "dev", "fcbr0")
    undo = "ip address delete 192.168.101.1/24 dev fcbr0 2>/dev/null || true"
    return _left_by_cancelling(patient, *words, undo=undo)


@fault(reds={"session.firewall_is_as_before"})
def leaves_a_rule(patient: Patient) -> AbstractContextManager[None]:
    """A session leaves a rule about the bridge in the firewall.

    Cancelling one adds a table of its own, with a rule that no packet comes to.
    """
    rule = 'add table inet fa017; add chain inet fa017 left; add rule inet fa017 left iifname "fcbr0" counter'
    return _left_by_cancelling(patient, "nft", rule, undo="nft delete table inet fa017 2>/dev/null || true")


@contextmanager
def _left_by_cancelling(patient: Patient, *words: str, undo: str) -> Iterator[None]:
    """Whoever cancels a session has the controller run a program, too; ``undo`` is shell that heals it."""
    with patient.on_host(do="true", undo=undo), defective(patient, doing("POST", "/cancel", *words)):
        yield


@fault(reds={"session.other_rows_are_as_before"})
@contextmanager
def other_row_changed(patient: Patient) -> Iterator[None]:
    """Ending a session changes the row of another one, which was over long before.

    A completed session gets another count when one of the suite's users' is cancelled.
    """
    what = "UPDATE auth_sessions SET retry_count = retry_count + 1 WHERE session_id::text LIKE 'fa017%';"
    with (
        rows.present(patient, rows.session()),
        rewritten(patient, "auth_sessions", when="NEW.status = 'cancelled'", what=what),
    ):
        yield
