"""The installed VMM, and a process of it."""

from __future__ import annotations

import shlex
from contextlib import AbstractContextManager

from lab.faults.fault import behind, fault
from lab.faults.patient import Patient


@fault(
    reds={"host.vmm_runs"},
    behind=behind("host.vmm_runs", ("host.vmm_version", "host.snapshot_loadable")),
    cause="vmm.does_not_start",
)
def vmm_does_not_run(patient: Patient) -> AbstractContextManager[None]:
    """The VMM's binary does not run, so it tells no version, and loads no snapshot."""
    return patient.profile(vmm={"binary": "/bin/false"})


@fault(reds={"host.kvm_is_usable"})
def kvm_is_gone(patient: Patient) -> AbstractContextManager[None]:
    """KVM has no device, as where no module of it is loaded: the profile names one that is not there."""
    return patient.profile(vmm={"kvm": "/dev/fa018-kvm"})


@fault(reds={"host.vmm_version"})
def other_vmm_version(patient: Patient) -> AbstractContextManager[None]:
    """The installed VMM is not of the expected version: the profile expects another."""
    return patient.profile(vmm={"version": "0."})


_PARENT = (
    "import os, time; os.spawnv(os.P_NOWAIT, '/run/fa017/firecracker', ['firecracker']); time.sleep(1000)"
)


@fault(reds={"host.no_defunct_vmm"})
def defunct_vmm(patient: Patient) -> AbstractContextManager[None]:
    """A VMM process has ended, and its parent, busy otherwise, does not wait for it."""
    return patient.on_host(
        do=f"mkdir -p /run/fa017; cp /bin/true /run/fa017/firecracker; "
        f"systemd-run --quiet --collect --unit=fa017-parent python3 -c {shlex.quote(_PARENT)}; "
        "timeout 10 sh -c 'until grep -lE \"^[0-9]+ .firecracker. Z\" /proc/[0-9]*/stat; do :; done'",
        undo="systemctl stop fa017-parent; rm -r /run/fa017",
    )
