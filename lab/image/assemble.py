"""Make the golden snapshot (the runbook's step 5), by Firecracker's API alone; runs inside the chamber."""

from __future__ import annotations

import shutil
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path

from harness.errors import HarnessError
from harness.run import run
from lab.image import chamber, golden, logs, manifest, parts
from lab.image.guest import Guest
from lab.image.machine import LOOK_ALIKE, Machine, Vmm, cold_boot, machine, restore
from lab.image.progress import Steps, steps
from lab.image.publish import publish
from lab.paths import LabPaths, lab_paths

STEPS = 8


def assemble(paths: LabPaths, show: Steps, *, written: Path | None = None, vmm: Vmm = LOOK_ALIKE) -> None:
    """Build in a staging folder beside the snapshots; what is made is golden at the very end.

    :param written: a folder with disk, kernel and initrd that were written elsewhere.
    """
    staging = staging_folder(paths)
    shutil.rmtree(staging, ignore_errors=True)
    with ExitStack() as undo:
        undo.callback(shutil.rmtree, staging, ignore_errors=True)
        fresh = staging / "firecracker/snapshots"
        fresh.mkdir(parents=True)
        folder = logs.fresh_folder(paths)
        with show.step("write the disk"):
            inputs = parts.take(written, fresh) if written else _write_files(fresh, paths)
        undo.enter_context(chamber.state_seen_as_on_host(staging / "firecracker"))
        chamber.set_up_network()
        guest = Guest(paths, folder, look_s=vmm.look_s)
        with machine(folder, "boot", vmm) as vm:
            facts = _boot_and_park(vm, guest, show, vmm)
        _verify(guest, folder, show, vmm)
        with show.step("digest and publish"):
            manifest.write(fresh, facts=facts, inputs=inputs)
            publish(fresh, paths.snapshots)


def staging_folder(paths: LabPaths) -> Path:
    """Where a build works; what a killed one left there, the next one removes."""
    return paths.store / "build"


def _write_files(fresh: Path, paths: LabPaths) -> manifest.Inputs:
    inputs = manifest.current_inputs(paths)
    parts.write(fresh, paths)
    return inputs


def _boot_and_park(vm: Machine, guest: Guest, show: Steps, vmm: Vmm) -> manifest.Facts:
    with show.step("boot the VM until its agent is healthy"):
        cold_boot(vm)
        guest.wait_healthy(timeout_s=240 * vmm.patience)
    with show.step("wait for the browser's window"):
        guest.wait_window(timeout_s=240 * vmm.patience)
    with show.step("look at the guest"):
        facts = guest.facts(vmm_version=vm.api.version(), snapshot_version=vmm.snapshot_version())
    with show.step("park, pause, take the snapshot"):
        guest.park()
        vm.wait_for_line(golden.PARKED, timeout_s=120 * vmm.patience)
        vm.api.patch_vm("Paused")
        vm.api.create_snapshot(snapshot_path=str(golden.VMSTATE), mem_file_path=str(golden.MEMORY))
    return facts


def _verify(guest: Guest, folder: Path, show: Steps, vmm: Vmm) -> None:
    """Restore one clone before anybody else does: a snapshot that cannot be used is never published."""
    scratch = golden.DISK.with_suffix(".scratch")
    with show.step("restore one clone of it"):
        run(["cp", "--reflink=auto", golden.DISK, scratch], timeout_s=300)
        with machine(folder, "verify", vmm) as vm:
            restore(vm, disk=scratch)
            vm.wait_for_line(golden.RESTORED, timeout_s=60 * vmm.patience)
            guest.wait_healthy(timeout_s=60 * vmm.patience)
        scratch.unlink()


def main(words: list[str]) -> int:
    """Entry of the module inside the chamber: no words, or a folder with written parts and a VMM."""
    written, vmm = (Path(words[0]), Vmm((words[1],), patience=4, look_s=2)) if words else (None, LOOK_ALIKE)
    try:
        with steps(STEPS) as show:
            assemble(lab_paths(), show, written=written, vmm=vmm)
    except (HarnessError, OSError) as error:
        print(f"build browser: {error}", file=sys.stderr)
        return chamber.HELD_UP if isinstance(error, chamber.HeldUpError) else 3
    except (KeyboardInterrupt, subprocess.TimeoutExpired) as error:
        print(f"build browser: ended by {type(error).__name__}", file=sys.stderr)
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
