"""What the golden VM is: its shape, its names, and where its files lie for whoever restores it."""

from __future__ import annotations

from pathlib import Path

from lab.paths import GOLDEN, STATE_ON_HOST

SNAPSHOTS = STATE_ON_HOST / "snapshots"
"""The folder as the VMM sees it; the drive's path in the snapshot is under it."""

VMSTATE = SNAPSHOTS / f"{GOLDEN}.snap"
MEMORY = SNAPSHOTS / f"{GOLDEN}.mem"
DISK = SNAPSHOTS / f"{GOLDEN}.ext4"
KERNEL = SNAPSHOTS / "vmlinux"
INITRD = SNAPSHOTS / "initrd.img"
FILES: tuple[Path, ...] = (VMSTATE, MEMORY, DISK, KERNEL, INITRD)

VCPUS = 2
MEMORY_MIB = 1024
DRIVE = "rootfs"
NIC = "eth0"
TAP = "vmtap0"
MAC = "02:fc:00:00:00:02"
"""The snapshot's own; every clone takes another one."""

GUEST = "192.168.100.2"
PREFIX = 24
GATEWAY = "192.168.100.1"

BOOT_ARGS = (
    "console=ttyS0 reboot=k panic=1 net.ifnames=0 quiet tsc=reliable"
    " mitigations=off init_on_alloc=0 hardened_usercopy=off randomize_kstack_offset=off"
    " audit=0 apparmor=0 transparent_hugepage=never"
)
"""``tsc=reliable``: the kernel would else distrust an emulated TSC and count ticks, and lose some. What is
off guards against attackers, or speeds up real processors, and costs emulation a seventh of its time."""

PARKED = "clone-guard: parked"
RESTORED = "clone-guard: restored"
"""What clone-guard says on the console."""
