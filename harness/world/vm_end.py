"""The end of a session's VM, watched on the host and in the database at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from harness.database.connection import Database
from harness.database.vm_rows import LiveRow
from harness.database.whole_rows import SessionRows, is_destroyed, is_over, rows_of
from harness.host.hypervisor import Hypervisor
from harness.site.profile import DatabaseSection
from harness.wait import last_answer
from harness.world.look import look_at_vms
from harness.world.things import remains

_VM_END_POLL_S = 1.0


@dataclass(frozen=True)
class VmEnd:
    """What was seen when all of a VM was gone, or else when the time was over."""

    remains: Mapping[str, Sequence[str]]
    """What there was of the VM on the host, by kind."""
    rows: SessionRows
    """What the rows of the session and its VM said."""

    def left(self, settings: DatabaseSection) -> list[str]:
        """What was not over yet of the VM: things on the host, and its row."""
        things = [f"{kind}: {', '.join(found)}" for kind, found in self.remains.items()]
        return things if is_destroyed(self.rows.vm, settings) else [*things, self._row()]

    def _row(self) -> str:
        row = self.rows.vm
        if row is None:
            return "no row that says so"
        return f"row: status {row.get('status')!r}, destroyed_at {row.get('destroyed_at')}"


def watch_end(
    hypervisor: Hypervisor,
    database: Database,
    *,
    session: str,
    vm: LiveRow,
    timeout_s: float,
) -> VmEnd:
    """Look until nothing of a VM is left and the rows say so: a controller may write the rows last.

    :param vm: what the VM's row promised; there may be no such row any more.
    """

    site = hypervisor.site

    def look() -> VmEnd:
        found = remains(look_at_vms(hypervisor, [vm]), vm)
        return VmEnd(found, rows_of(database, site.database, session=session, vm_id=vm.vm_id))

    def all_over(end: VmEnd) -> bool:
        return not end.left(site.database) and is_over(end.rows.session, site.database)

    return last_answer(look, until=all_over, timeout_s=timeout_s, interval_s=_VM_END_POLL_S)
