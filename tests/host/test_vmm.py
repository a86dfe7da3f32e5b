"""The VMM binary, and its processes that ended without being waited for."""

from __future__ import annotations

import pytest

from harness.errors import HarnessError
from harness.findings import Finding, report
from harness.host.facts import HostFacts
from harness.host.golden.judge import format_fault, vmm_version
from harness.host.parts import Vmm
from harness.site.profile import Site

pytestmark = pytest.mark.acceptance
RUNS = pytest.mark.behind("host.vmm_runs")

KVM_API = 12
"""Of every Linux since 2.6.22; Firecracker takes no other."""


@pytest.mark.smoke
@pytest.mark.item("session-launches", proves=False)
@pytest.mark.mend(step="troubleshooting", how="install Firecracker, or name its path in the profile")
@pytest.mark.look("{vmm.binary} --version")
def test_vmm_runs(host_facts: HostFacts, site: Site) -> None:
    """The VMM's binary is on the host and runs."""
    vmm = host_facts.vmm
    assert vmm.path, f"no {site.vmm.binary} on the host's PATH (as root)"
    said = vmm.said("version")
    assert vmm_version(vmm), (
        f"{vmm.path} --version ended with status {said.status} and said: "
        f"{(said.stderr or said.stdout).strip()[-300:] or 'nothing'}"
    )


@pytest.mark.smoke
@pytest.mark.item("session-launches", proves=False)
@pytest.mark.mend(
    step="troubleshooting",
    how="load KVM's module: modprobe kvm_intel, or kvm_amd; where that fails, see the firmware's settings",
)
@pytest.mark.look("ls -l {vmm.kvm}; lsmod | grep kvm")
def test_kvm_is_usable(host_facts: HostFacts, site: Site) -> None:
    """KVM can be used: its device opens for root, has API version 12, and makes a VM with a processor."""
    kvm = host_facts.kvm
    assert not kvm.fault, f"{site.vmm.kvm}: {kvm.fault}"
    assert kvm.version == KVM_API, f"{site.vmm.kvm}: its API has version {kvm.version}, not {KVM_API}"


@pytest.mark.item("session-launches", proves=False)
@RUNS
@pytest.mark.mend(step=5, how="install the profile's version and rebuild the snapshot with it")
@pytest.mark.look("{vmm.binary} --version")
def test_vmm_version(host_facts: HostFacts, site: Site) -> None:
    """The VMM has the version that the site profile expects."""
    vmm = _running(host_facts)
    version = vmm_version(vmm)
    assert version.startswith(site.vmm.version), (
        f"{vmm.path} is version {version}, and the profile expects {site.vmm.version}…"
    )


@pytest.mark.smoke
@pytest.mark.item("snapshot-rebuilt")
@RUNS
@pytest.mark.mend(step=5, how="rebuild the golden snapshot with the VMM that is installed")
@pytest.mark.look("{vmm.binary} --describe-snapshot {snapshot.vmstate}")
@pytest.mark.usefixtures("snapshot")
def test_snapshot_loadable(host_facts: HostFacts, site: Site) -> None:
    """The golden snapshot's format is one that the installed VMM loads."""
    fault = format_fault(_running(host_facts))
    assert not fault, f"{site.snapshot.vmstate}: {fault}"


@pytest.mark.smoke
@pytest.mark.item("host-clean")
@pytest.mark.mend(step=1, how="restart the parent of the defunct process (mostly the master-controller)")
@pytest.mark.look("ps -o pid,ppid,stat,comm -C {vmm.process_name}")
def test_no_defunct_vmm(defunct: list[Finding]) -> None:
    """No VMM process is defunct."""
    assert not defunct, report(defunct, "defunct VMM processes")


def _running(facts: HostFacts) -> Vmm:
    if facts.vmm.path is None or not vmm_version(facts.vmm):
        raise HarnessError(
            "there is no VMM on the host that runs and could be asked",
            hint="see host.vmm_runs, which fails for it",
            behind="host.vmm_runs",
        )
    return facts.vmm
