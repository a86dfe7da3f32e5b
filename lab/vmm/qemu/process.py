"""One QEMU process: its arguments, its state, its memory."""

import os
import signal
import socket
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lab.vmm.bodies import BootSource, Drive, Entropy, MachineConfig, NetworkInterface
from lab.vmm.faults import Fault
from lab.vmm.qemu import boot_clock, firmware
from lab.vmm.qemu.monitor import Monitor
from lab.vmm.qemu.spawn import spawn

FIRST_SLOT = 1  # interrupts of slot 0 (pin 0 of the second I/O APIC) never reach a Linux guest
MAX_DEVICES = 23
SECTOR = 512
PROGRAM = "qemu-system-x86_64"
EMULATED_CPU = "max,avx=off,avx2=off,fma=off,f16c=off,la57=off,smap=off,smep=off,umip=off,pku=off"
"""Without what costs emulation more than it brings the guest: wide registers, a fifth level of page tables,
and guards that have to be looked after at every step into the kernel."""
NO_CONFIGURATION = (
    "migration.send-configuration=off"  # a state saved without RAM has no configuration section
)


@dataclass(slots=True)
class Nic:
    """A network interface and its open TAP."""

    config: NetworkInterface
    tap: int
    mac: str


@dataclass(slots=True)
class Hardware:
    """All that QEMU needs to know to make the machine; the same for a boot and for a load."""

    accel: str
    machine: MachineConfig
    drives: list[Drive] = field(default_factory=list)
    nics: list[Nic] = field(default_factory=list)
    entropy: Entropy | None = None
    boot: BootSource | None = None
    append: str = ""


@dataclass(slots=True)
class Wires:
    """File descriptors that QEMU inherits under their own numbers."""

    ram: int
    monitor: int
    serial: int
    state: int | None  # the device state to load; its memory is then mapped privately


def arguments(hardware: Hardware, wires: Wires) -> list[str]:
    """QEMU's command line. Slots are pinned: left alone, QEMU fills them from the last to the first."""
    mib = hardware.machine.mem_size_mib
    share, rtc = ("on", "on") if wires.state is None else ("off", "off")
    # fmt: off
    argv = [
        PROGRAM, "-M", f"microvm,memory-backend=mem,acpi=on,rtc={rtc},suppress-vmdesc=on",
        *_accel(hardware.accel, restored=wires.state is not None),
        "-m", f"{mib}M", "-smp", str(hardware.machine.vcpu_count),
        "-object", f"memory-backend-file,id=mem,size={mib}M,mem-path=/proc/self/fd/{wires.ram},share={share}",
        "-nodefaults", "-no-user-config", "-display", "none",
        "-S", "-action", "reboot=shutdown,shutdown=pause",
        "-global", "virtio-mmio.force-legacy=false", "-global", NO_CONFIGURATION,
        "-chardev", f"socket,id=qmp,fd={wires.monitor}", "-mon", "chardev=qmp,mode=control",
        "-chardev", f"socket,id=serial,fd={wires.serial}", "-serial", "chardev:serial",
    ]
    # fmt: on
    if wires.state is not None:
        argv += ["-incoming", "defer", "-global", "migration.x-events=on"]
    slots = iter(range(FIRST_SLOT, FIRST_SLOT + MAX_DEVICES))
    for index, drive in boot_order(hardware.drives):
        argv += _drive(next(slots), index, drive)
    for index, nic in enumerate(hardware.nics):
        argv += _nic(next(slots), index, nic)
    if hardware.entropy is not None:
        argv += ["-object", "rng-random,id=rng,filename=/dev/urandom"]
        argv += ["-device", f"virtio-rng-device,rng=rng,bus=virtio-mmio-bus.{next(slots)}"]
    if hardware.boot is not None:
        argv += ["-kernel", hardware.boot.kernel_image_path, "-append", hardware.append]
        argv += ["-initrd", hardware.boot.initrd_path] if hardware.boot.initrd_path else []
    return argv


def boot_order(drives: Sequence[Drive]) -> list[tuple[int, Drive]]:
    """Drives with their place in the list, the root device first so that it is vda."""
    return sorted(enumerate(drives), key=lambda item: not item[1].is_root_device)


def file_node(index: int, generation: int, drive: Drive, path: str) -> dict[str, Any]:
    """The block node that holds the backing file itself."""
    return {
        "driver": "host_device" if Path(path).is_block_device() else "file",
        "node-name": f"file{index}-{generation}",
        "filename": path,
        "locking": "off",  # as Firecracker; clones of one snapshot open one recorded path
        "read-only": drive.is_read_only,
        "cache": {"no-flush": drive.cache_type == "Unsafe"},
    }


def raw_node(index: int, generation: int, drive: Drive) -> dict[str, Any]:
    """The block node that the guest's disk is attached to; its file can be exchanged."""
    return {
        "driver": "raw",
        "node-name": f"drive{index}",
        "file": f"file{index}-{generation}",
        "read-only": drive.is_read_only,
        "cache": {"no-flush": drive.cache_type == "Unsafe"},
    }


def _accel(accel: str, *, restored: bool) -> list[str]:
    if accel == "kvm":
        return ["-accel", "kvm", "-cpu", "host"]
    # Translated code is most of a busy clone's own memory; an idle one fills little of this. A browser that
    # draws a few pages fills 400 MiB: with less, all of it is thrown away and translated anew, over and over.
    cache = ",tb-size=1024" if restored else ""
    return ["-accel", f"tcg,thread=multi{cache}", "-cpu", EMULATED_CPU]


def _drive(slot: int, index: int, drive: Drive) -> list[str]:
    from msgspec import json

    nodes = (file_node(index, 0, drive, drive.path_on_host or ""), raw_node(index, 0, drive))
    argv = [part for node in nodes for part in ("-blockdev", json.encode(node).decode())]
    return [*argv, "-device", f"virtio-blk-device,drive=drive{index},bus=virtio-mmio-bus.{slot}"]


def _nic(slot: int, index: int, nic: Nic) -> list[str]:
    mtu = f",host_mtu={nic.config.mtu}" if nic.config.mtu else ""
    return [
        *("-netdev", f"tap,id=net{index},fd={nic.tap}"),
        *("-device", f"virtio-net-device,netdev=net{index},mac={nic.mac},bus=virtio-mmio-bus.{slot}{mtu}"),
    ]


def _memory_file(name: str, content: bytes) -> int:
    fd = os.memfd_create(name)
    os.write(fd, content)
    os.lseek(fd, 0, os.SEEK_SET)
    return fd


class Qemu:
    """A started QEMU, stopped before its first instruction (``-S``)."""

    def __init__(self, hardware: Hardware, *, ram_fd: int, state: bytes | None = None) -> None:
        """Start it; with a device ``state`` it will load that on top of the memory in ``ram_fd``."""
        self._ours, monitor = socket.socketpair()
        self.serial, serial = socket.socketpair()
        self.serial.setblocking(False)
        self._stderr = os.memfd_create("qemu-stderr")
        self._state = None if state is None else _memory_file("device-state", state)
        self.ram_fd = ram_fd
        wires = Wires(ram_fd, monitor.fileno(), serial.fileno(), self._state)
        inherit = [ram_fd, wires.monitor, wires.serial, *(nic.tap for nic in hardware.nics)]
        inherit += [] if self._state is None else [self._state]
        self.pid = spawn(arguments(hardware, wires), inherit=inherit, stderr=self._stderr)
        self.pidfd = os.pidfd_open(self.pid)
        for end in (monitor, serial):
            end.close()

    def connect(self) -> None:
        """Wait until QEMU answers, and has loaded the state it was given."""
        try:
            self.monitor = Monitor(self._ours)
            if self._state is not None:
                self.monitor.execute("migrate-incoming", uri=f"fd:{self._state}")
                self.monitor.wait("MIGRATION", status="completed")
        except Fault as fault:
            raise self._with_stderr(fault) from fault

    def run(self, command: str, **arguments: Any) -> Any:
        """One QMP command; a refusal carries what QEMU said on stderr."""
        try:
            return self.monitor.execute(command, **arguments)
        except Fault as fault:
            raise self._with_stderr(fault) from fault

    def first_lapic(self) -> str:
        """What QEMU tells of the first processor's local APIC."""
        return str(self.run("human-monitor-command", command_line="info lapic 0"))

    def reset(self) -> None:
        """Reset the machine; a reset ends it otherwise, and does again after :meth:`end_at_reset`."""
        self.run("set-action", reboot="reset")
        self.run("system_reset")

    def end_at_reset(self) -> None:
        """Have a guest's own reset end the machine, as from the start (``-action reboot=shutdown``)."""
        self.run("set-action", reboot="shutdown")

    def save_devices(self) -> bytes:
        """The state of all devices and vCPUs, without the guest's memory. The machine must be stopped."""
        # Xen's half of a migration: no RAM, and the disks stay ours, so the machine can simply go on
        state = boot_clock.left_out(self._written("xen-save-devices-state", live=False))
        size = firmware.size(self.run("human-monitor-command", command_line="info ramblock"))
        return firmware.insert(state, self._written("pmemsave", val=firmware.TOP - size, size=size))

    def _written(self, command: str, **arguments: Any) -> bytes:
        """What a QMP command writes into the file it is given."""
        fd = os.memfd_create(command)
        try:
            self.run(command, filename=f"/proc/{os.getpid()}/fd/{fd}", **arguments)
            return os.pread(fd, os.fstat(fd).st_size, 0)
        finally:
            os.close(fd)

    def swap_file(self, index: int, drive: Drive, path: str) -> None:
        """Exchange the file behind a disk; the guest keeps its disk and sees the new content and size."""
        old = self._generation(index)
        self.run("blockdev-add", **file_node(index, old + 1, drive, path))
        try:
            self.run("blockdev-reopen", options=[raw_node(index, old + 1, drive)])
        except Fault:
            self.run("blockdev-del", node_name=f"file{index}-{old + 1}")
            raise
        self.run("blockdev-del", node_name=f"file{index}-{old}")
        size = Path(path).stat().st_size if Path(path).is_file() else 0
        if size and not size % SECTOR and not drive.is_read_only:
            # to its own size, so nothing is cut off: that is how QEMU tells the guest of it
            self.run("block_resize", node_name=f"drive{index}", size=size)

    def kill(self) -> None:
        """End the process now; safe to call twice."""
        try:
            signal.pidfd_send_signal(self.pidfd, signal.SIGKILL)
            os.waitid(os.P_PIDFD, self.pidfd, os.WEXITED)
        except (ProcessLookupError, ChildProcessError):
            return

    def close(self) -> None:
        """End the process, and keep nothing of it; for one that never came up."""
        self.kill()
        self._ours.close()
        self.serial.close()
        for fd in (self._stderr, self._state, self.ram_fd, self.pidfd):
            if fd is not None:
                os.close(fd)

    def last_words(self) -> str:
        """What QEMU has said on stderr so far."""
        return os.pread(self._stderr, 4096, 0).decode(errors="replace").strip()

    def _with_stderr(self, fault: Fault) -> Fault:
        said = self.last_words()
        return Fault(f"{fault}; its stderr: {said}" if said else str(fault))

    def _generation(self, index: int) -> int:
        """Which of a drive's successive files is in use; QEMU knows, whatever became of an exchange."""
        names = [str(node["node-name"]) for node in self.run("query-named-block-nodes", flat=True)]
        return max(int(name.partition("-")[2]) for name in names if name.startswith(f"file{index}-"))
