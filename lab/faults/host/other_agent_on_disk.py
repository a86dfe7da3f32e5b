"""The golden disk holds another agent than it was built with."""

from __future__ import annotations

from contextlib import AbstractContextManager

from lab.faults.golden import golden_copy
from lab.faults.patient import Patient

REDS = {"host.disk_holds_agent_and_unit", "host.snapshot_whole"}
LAYERS = ("host/test_snapshot.py", "host/test_vmm.py")


_SCRIPT = """
echo '// mended by hand' >server.js
debugfs -w -R 'rm /root/vm-browser-agent/server.js' $file 2>/dev/null
debugfs -w -R 'write server.js /root/vm-browser-agent/server.js' $file 2>/dev/null
"""


def inject(patient: Patient) -> AbstractContextManager[None]:
    """Somebody wrote to it."""
    return golden_copy(patient, "disk", f"cd $(dirname $file)\n{_SCRIPT}")
