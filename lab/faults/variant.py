"""A golden snapshot with a defect: brought to life, changed from inside, and taken anew beside the good one.

Where there is none but a disk, the defect is that of the disk.
"""

from __future__ import annotations

import contextlib
import json
import shlex
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from harness.errors import VmError
from harness.guest.cold_boot import boot_without_desktop
from harness.host.hypervisor import Hypervisor
from harness.site.load import load_site
from harness.vm.machine import Vm, restore
from harness.wait import wait_until
from lab.faults.controller import Defect, defective
from lab.faults.golden import own_folder
from lab.faults.patient import Patient
from lab.image.golden import PARKED

_PARK = """
while systemctl is-active --quiet clone-guard-park; do sleep 0.1; done
systemctl start --no-block clone-guard-park
"""
"""A clone's guard may not have ended yet after the thaw, and a unit that runs is not started."""


def _changed_users(disk: Path | None, script: str) -> Defect:
    """A controller that makes its VMs of another golden snapshot; or, where it writes into the disk of each
    before it boots, has ``script`` run there when all else is written."""
    return Defect(
        python=f"""
        from dataclasses import replace
        from lab.controller import settings
        read = settings.from_environment
        settings.from_environment = lambda: replace(read(), golden={str(disk and disk.with_suffix(""))!r})
        """,
        node=f"""
        const program = own('program');
        const {{ run }} = program;
        program.run = async (words, options) => {{
          if (words[0] === 'umount') {{
            await run(['chroot', words[1], 'sh', '-euc', {json.dumps(script)}]);
          }}
          return run(words, options);
        }};
        """,
    )


_PATIENCE_S = 120.0  # how long it takes is not what is tried here


@contextmanager
def golden_variant(patient: Patient, script: str, *, healthy: bool = True) -> Iterator[None]:
    """Judge the lab by a golden snapshot in which ``script`` was run as root; it ends at the first failure.

    The controller goes on making VMs of the sound one; no file of those is written into clones that are
    experimented on.

    :param healthy: wait for the agent to be healthy again before the snapshot is taken.
    """
    with _variant(patient, script, healthy=healthy) as files:
        snapshot = {kind: str(file) for kind, file in files.items()}
        with patient.profile(snapshot=snapshot, launch={"overlay": {}}):
            yield


@contextmanager
def users_variant(patient: Patient, script: str) -> Iterator[None]:
    """Have the controller make users' VMs of such a snapshot, while the lab is judged by the sound one."""
    with contextlib.ExitStack() as undo:
        disk = None
        if patient.settings.snapshot.vmstate is not None:
            disk = undo.enter_context(_variant(patient, script, healthy=True))["disk"]
        undo.enter_context(defective(patient, _changed_users(disk, script)))
        yield


@contextmanager
def _variant(patient: Patient, script: str, *, healthy: bool) -> Iterator[dict[str, Path]]:
    site = load_site(patient.site)
    with own_folder(patient) as folder:
        files = {"disk": folder / "golden.ext4"}
        if site.snapshot.vmstate is None:
            with Hypervisor(site) as hypervisor, boot_without_desktop(hypervisor) as vm:
                _change(vm, script, healthy=healthy)
                vm.script("sync", timeout_s=_PATIENCE_S)
                vm.api.patch_vm("Paused")
                _copy_disk(vm, hypervisor, files["disk"])
        else:
            files |= {"vmstate": folder / "golden.snap", "memory": folder / "golden.mem"}
            with Hypervisor(site) as hypervisor, restore(hypervisor) as vm:
                _change(vm, script, healthy=healthy)
                _park(vm)
                _take(vm, hypervisor, files)
        yield files


def _change(vm: Vm, script: str, *, healthy: bool) -> None:
    vm.wait_healthy(max(_PATIENCE_S, vm.health_s))
    done = vm.script(f"set -e\n{script}", timeout_s=_PATIENCE_S)
    if done.status != 0:
        raise VmError(f"the fault's script ended with {done.status}: {done.stderr}", hint="mend lab/faults")
    if healthy:
        vm.wait_healthy(_PATIENCE_S)


def _park(vm: Vm) -> None:
    vm.script(_PARK, timeout_s=30)
    vm.hang_up()
    wait_until(lambda: PARKED in vm.console(), what="the changed clone to be parked", timeout_s=_PATIENCE_S)


def _take(vm: Vm, hypervisor: Hypervisor, files: dict[str, Path]) -> None:
    """Snapshot it onto a disk of its own: what a vmstate records is where the disk was."""
    vm.api.patch_vm("Paused")
    drive = _copy_disk(vm, hypervisor, files["disk"])
    vm.api.patch_drive(drive, path_on_host=str(files["disk"]))
    vm.api.create_snapshot(snapshot_path=str(files["vmstate"]), mem_file_path=str(files["memory"]))


def _copy_disk(vm: Vm, hypervisor: Hypervisor, target: Path) -> str:
    """Copy the root drive's file; that drive's id."""
    (root,) = [drive for drive in vm.api.vm_config()["drives"] if drive["is_root_device"]]
    copy = ["cp", "--reflink=auto", "--sparse=always", root["path_on_host"], str(target)]
    hypervisor.script(shlex.join(copy), timeout_s=120)
    return str(root["drive_id"])
