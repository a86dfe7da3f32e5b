"""One VMM process of a build, its API and its console."""

from __future__ import annotations

import secrets
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from harness.errors import VmError
from harness.run import environment, run
from harness.vm.firecracker import Firecracker
from harness.wait import wait_until
from lab.image import chamber, golden


@dataclass(frozen=True)
class Vmm:
    """A program with Firecracker's command line."""

    program: tuple[str, ...]
    patience: int = 1
    """How many times as long as the lab's own its guests may take."""
    look_s: float = 0.05
    """Between two looks at them: on an emulated processor each costs them some of it."""

    def snapshot_version(self) -> str:
        """The format of its snapshots."""
        said = run([*self.program, "--snapshot-version"], timeout_s=60 * self.patience, cwd=chamber.ROOT)
        return said.stdout.splitlines()[0]


LOOK_ALIKE = Vmm((sys.executable, "-m", "lab.vmm"))
"""The lab's own."""


class Machine:
    """A running VMM: ``api`` drives it, ``console`` is what its guest has written."""

    def __init__(self, process: subprocess.Popen[bytes], api: Firecracker, log: Path, look_s: float) -> None:
        self.api = api
        self._look_s = look_s
        self._process = process
        self._log = log

    def console(self) -> str:
        """Everything written so far, by the guest and by the VMM."""
        return self._log.read_text(errors="replace")

    def wait_for_line(self, text: str, *, timeout_s: float) -> str:
        """Wait until the guest has written a line with ``text``; returns that line."""
        return wait_until(
            lambda: next((line for line in self._living_lines() if text in line), ""),
            what=f"{text!r} on the console ({self._log})",
            timeout_s=timeout_s,
            interval_s=self._look_s,
        )

    def _living_lines(self) -> list[str]:
        lines = self.console().splitlines()
        if self._process.poll() is not None:
            last = "\n  ".join(lines[-10:])
            raise VmError(f"the VMM ended with status {self._process.returncode}; its last words:\n  {last}")
        return lines


def _accepts(path: Path) -> bool:
    """The socket's file is there a moment before anybody listens."""
    with socket.socket(socket.AF_UNIX) as probe:
        return probe.connect_ex(str(path)) == 0


@contextmanager
def machine(folder: Path, name: str, vmm: Vmm) -> Iterator[Machine]:
    """Start a VMM with its socket and its log in ``folder``; it is gone afterwards."""
    api_sock, log = folder / f"{name}.sock", folder / f"{name}.log"
    words = [*vmm.program, "--api-sock", str(api_sock), "--id", f"build-{name}"]
    with log.open("wb") as output:
        process = subprocess.Popen(
            words,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            cwd=chamber.ROOT,
            env=environment({"PYTHONPATH": str(chamber.ROOT)}),
        )
    try:
        wait_until(
            lambda: _accepts(api_sock) or process.poll() is not None,
            what=f"the VMM's API at {api_sock}",
            timeout_s=30 * vmm.patience,
            interval_s=vmm.look_s,
        )
        api = Firecracker(
            api_sock,
            timeout_s=30 * vmm.patience,
            slow_timeout_s=180 * vmm.patience,
            epitaph=lambda: log.read_text()[-2000:],
        )
        try:
            yield Machine(process, api, log, vmm.look_s)
        finally:
            api.close()
    finally:
        process.kill()
        process.wait(timeout=30)
        chamber.wait_for_orphans()


def cold_boot(vm: Machine) -> None:
    """Configure the golden VM and start it."""
    api = vm.api
    api.put_machine_config(vcpu_count=golden.VCPUS, mem_size_mib=golden.MEMORY_MIB)
    api.put_boot_source(
        kernel_image_path=str(golden.KERNEL), initrd_path=str(golden.INITRD), boot_args=golden.BOOT_ARGS
    )
    api.put_drive(golden.DRIVE, path_on_host=str(golden.DISK), is_root_device=True)
    api.put_network_interface(golden.NIC, host_dev_name=golden.TAP, guest_mac=golden.MAC)
    api.put_mmds_config(network_interfaces=[golden.NIC], version="V1")
    api.put_entropy()
    api.put_action("InstanceStart")


def restore(vm: Machine, *, disk: Path) -> None:
    """Load the golden snapshot with a disk of its own, and let it run."""
    vm.api.load_snapshot(snapshot_path=str(golden.VMSTATE), mem_file_path=str(golden.MEMORY))
    vm.api.patch_drive(golden.DRIVE, path_on_host=str(disk))
    vm.api.put_mmds({"clone": {"generation": secrets.token_hex(8), "time": time.time()}})
    vm.api.patch_vm("Resumed")
