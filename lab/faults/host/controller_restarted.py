"""systemd had to restart the controller a moment ago."""

from __future__ import annotations

from contextlib import AbstractContextManager

from lab.faults.patient import Patient

REDS = {"host.controller_not_restarting"}
_KILL = """pid() { systemctl show --value -p MainPID master-controller; }
before=$(pid)
kill -KILL $before
timeout 30 sh -c "until systemctl show -p MainPID master-controller | grep -vqxE 'MainPID=(0|$before)' &&
    systemctl is-active --quiet master-controller; do sleep 0.1; done"
"""


def inject(patient: Patient) -> AbstractContextManager[None]:
    """It was killed, and runs again."""
    return patient.on_host(do=_KILL, undo="systemctl restart master-controller")
