"""What VMs left on the host against the live rows of ``vms``, in both directions.

A thing counts when every look within the profile's settle time shows it: a launch or a removal that is just
under way is over by then (:func:`harness.findings.lasting_findings`). The suite's own clones do not count.
"""

from __future__ import annotations

import pytest

from harness.findings import report
from harness.site.profile import Site
from harness.world.promises import bad_addresses, rows_without_process, rows_without_socket, rows_without_tap
from harness.world.reconcile import Reconciled
from harness.world.strays import stray_entries, stray_processes, stray_sockets, stray_taps
from harness.world.unjailed import outside_of_jails

pytestmark = [
    pytest.mark.acceptance,
    pytest.mark.behind("db.tables_and_columns_are_there", "db.sees_every_row"),
]


@pytest.mark.smoke
@pytest.mark.item("host-clean")
@pytest.mark.mend(step=1, how="kill the process: sudo kill -9 <PID>")
@pytest.mark.look("pgrep -a {vmm.process_name}")
def test_no_vmm_without_row(inventory: Reconciled) -> None:
    """No VMM process runs without a live row in the database."""
    found = inventory.of(stray_processes)
    assert not found, report(found, "VMM processes without a live row")


@pytest.mark.smoke
@pytest.mark.item("host-clean")
@pytest.mark.mend(step=1, how="remove the files: sudo rm -rf <vms_dir>/<vm id>*; a jail as the finding says")
@pytest.mark.look("ls -l {state.vms_dir}", "ls -ld {state.jails_dir}/*/*")
def test_no_vm_files_without_row(inventory: Reconciled, site: Site) -> None:
    """No VM directory or file lies on the host without a live row in the database."""
    found = inventory.of(stray_entries)
    assert not found, report(found, f"entries in {site.state.home} without a live row")
    if outside := inventory.of(outside_of_jails):
        pytest.skip(report(outside, "live VMs that have something where the profile names no folder"))


@pytest.mark.smoke
@pytest.mark.item("host-clean")
@pytest.mark.mend(step=1, how="remove the socket: sudo rm -f <sockets_dir>/<vm id>*.sock")
@pytest.mark.look("ls -l {state.sockets_dir}")
def test_no_socket_without_row(inventory: Reconciled, site: Site) -> None:
    """No API socket lies on the host without a live row in the database."""
    found = inventory.of(stray_sockets)
    assert not found, report(found, f"sockets in {site.state.sockets_dir} without a live row")


@pytest.mark.smoke
@pytest.mark.item("host-clean")
@pytest.mark.mend(step=1, how="delete the device: sudo ip link delete <TAP>")
@pytest.mark.look("ip -br link | grep {state.tap_prefix}", "sudo ip -all netns exec ip -br link")
def test_no_tap_without_row(inventory: Reconciled, site: Site) -> None:
    """No TAP device or network namespace of a VM exists without a live row in the database."""
    found = inventory.of(stray_taps)
    spaces = " or network namespaces" if any(one.key.startswith("namespace ") for one in found) else ""
    assert not found, report(found, f"TAP devices {site.state.tap_prefix}…{spaces} without a live row")


@pytest.mark.smoke
@pytest.mark.item("database-updated", proves=False)
@pytest.mark.mend(step=2, how="mark the VM destroyed in the database")
@pytest.mark.look(
    "pgrep -a {vmm.process_name}",
    "SELECT vm_id, status, firecracker_pid FROM {vms} WHERE status <> '{database.destroyed_vm_status}';",
)
def test_live_rows_have_process(inventory: Reconciled) -> None:
    """Every live row's pid is a running VMM of that very VM."""
    found = inventory.of(rows_without_process)
    assert not found, report(found, "live rows without their process")


@pytest.mark.item("database-updated", proves=False)
@pytest.mark.mend(step=2, how="end what is left of the VM (step 1), then mark it destroyed in the database")
@pytest.mark.look(
    "ls -l {state.sockets_dir}",
    "find {state.jails_dir} -xdev -type s",
    "SELECT vm_id, status, socket_path FROM {vms} WHERE status <> '{database.destroyed_vm_status}';",
)
def test_live_rows_have_socket(inventory: Reconciled) -> None:
    """Every live row's API socket exists."""
    found = inventory.of(rows_without_socket)
    assert not found, report(found, "live rows without their socket")


@pytest.mark.item("database-updated", proves=False)
@pytest.mark.mend(step=2, how="end what is left of the VM (step 1), then mark it destroyed in the database")
@pytest.mark.look(
    "bridge link show", "ip -br link | grep {state.tap_prefix}", "sudo ip -all netns exec ip -br link"
)
def test_live_rows_have_tap(inventory: Reconciled) -> None:
    """Every live row's TAP device exists, is up, and is a port of the bridge unless a namespace holds it."""
    found = inventory.of(rows_without_tap)
    assert not found, report(found, "live rows without their TAP device")


@pytest.mark.item("session-launches", proves=False)
@pytest.mark.mend(step=2, how="end one of the VMs that share an address (step 1) and mark it destroyed")
@pytest.mark.look(
    "SELECT ip_address, vm_id, status FROM {vms} WHERE status <> '{database.destroyed_vm_status}' ORDER BY 1;"
)
def test_addresses_unique(inventory: Reconciled) -> None:
    """Every live row has an address of its own, inside the VMs' range."""
    found = inventory.of(bad_addresses)
    assert not found, report(found, "live rows with a bad address")
