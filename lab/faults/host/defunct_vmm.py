"""A VMM process has ended, and its parent does not wait for it."""

from __future__ import annotations

import shlex
from contextlib import AbstractContextManager

from lab.faults.patient import Patient

REDS = {"host.no_defunct_vmm"}
PARENT = (
    "import os, time; os.spawnv(os.P_NOWAIT, '/run/fa017/firecracker', ['firecracker']); time.sleep(1000)"
)


def inject(patient: Patient) -> AbstractContextManager[None]:
    """The parent is busy otherwise."""
    return patient.on_host(
        do=f"mkdir -p /run/fa017; cp /bin/true /run/fa017/firecracker; "
        f"systemd-run --quiet --collect --unit=fa017-parent python3 -c {shlex.quote(PARENT)}; "
        "timeout 10 sh -c 'until grep -lE \"^[0-9]+ .firecracker. Z\" /proc/[0-9]*/stat; do :; done'",
        undo="systemctl stop fa017-parent; rm -r /run/fa017",
    )
