"""The golden disk holds another agent than it was built with."""

from __future__ import annotations

from contextlib import AbstractContextManager

from lab.faults.golden import copied_snapshot
from lab.faults.patient import Patient

REDS = {"host.disk_holds_agent_and_unit", "host.snapshot_whole"}


def inject(patient: Patient) -> AbstractContextManager[None]:
    """Somebody wrote to it."""
    return copied_snapshot(
        patient,
        """echo '// mended by hand' >server.js
debugfs -w -R 'rm /root/vm-browser-agent/server.js' browser-vm-golden.ext4 2>/dev/null
debugfs -w -R 'write server.js /root/vm-browser-agent/server.js' browser-vm-golden.ext4 2>/dev/null
rm server.js""",
    )
