"""One Browser VM on this host: made from the golden snapshot, and unmade whole."""

from __future__ import annotations

import asyncio
import json
import shutil
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from ipaddress import IPv4Address
from pathlib import Path

from lab.controller import jail, process, tap
from lab.controller.firecracker import Firecracker
from lab.controller.jail import Jail
from lab.controller.program import run
from lab.controller.settings import Settings

DRIVE = "rootfs"
INTERFACE = "eth0"


@dataclass
class Vm:
    """What this host has of a VM; ``pid`` once its process runs."""

    vm_id: str
    address: IPv4Address
    folder: Path
    socket: Path
    tap: str
    pid: int | None = None
    jail: Jail | None = None
    """Where it has one, its TAP is in it."""
    gone: asyncio.Event = field(default_factory=asyncio.Event, compare=False)
    """Set when it is to be destroyed: whatever talks to it stops."""
    ending: asyncio.Lock = field(default_factory=asyncio.Lock, compare=False)
    """Held by whoever destroys it."""

    @property
    def alive(self) -> bool:
        """Whether its process runs."""
        return process.is_running(self.pid, self.vm_id)

    @property
    def disk(self) -> Path:
        """Its own copy of the golden disk."""
        return self.folder / jail.DISK


def at(settings: Settings, vm_id: str, address: IPv4Address, pid: int | None = None) -> Vm:
    """That VM, with everything where this host's layout has it."""
    folder = settings.vms / vm_id
    if settings.jailer is not None:
        own = Jail(settings, vm_id)
        return Vm(vm_id, address, folder, own.socket, jail.TAP, pid, own)
    return Vm(vm_id, address, folder, settings.sockets / f"{vm_id}.sock", tap.name(vm_id), pid)


def device(settings: Settings, vm_id: str) -> str:
    """The device of the host's own that a VM gets."""
    return tap.name(vm_id) if settings.jailer is None else jail.door(vm_id)


async def connect(settings: Settings, vm: Vm) -> None:
    """Have its TAP, on the bridge or on the way there."""
    await (tap.create(vm.tap, settings.bridge) if vm.jail is None else vm.jail.connect())


async def clone_disk(settings: Settings, vm: Vm) -> None:
    """Make the VM's folder with its own copy of the golden disk; in a jail, of the whole snapshot.

    The jailed VMM has a right to its own files alone, and QEMU opens for writing what it maps privately.
    """
    vm.folder.mkdir(parents=True)
    stem = settings.snapshots / settings.golden
    wanted = {".ext4": vm.disk}
    if vm.jail is not None:
        wanted |= {suffix: vm.folder / f"golden{suffix}" for suffix in (".mem", ".snap")}
    for suffix, copy in wanted.items():
        words = ("cp", "--reflink=auto", "--sparse=always", str(stem.with_suffix(suffix)), str(copy))
        await run(*words, timeout_s=120)


async def start(settings: Settings, vm: Vm) -> None:
    """Start its process and restore the snapshot in it; the guest finds its identity before it runs."""
    stem = settings.snapshots / settings.golden if vm.jail is None else vm.folder / "golden"
    vm.pid = await process.start(vm.vm_id, vm.socket, vm.folder, vm.jail)
    async with Firecracker(vm.socket) as api:
        await api.load_snapshot(
            vmstate=stem.with_suffix(".snap"),
            memory=stem.with_suffix(".mem"),
            iface_id=INTERFACE,
            tap=vm.tap,
        )
        await api.replace_drive(DRIVE, vm.disk)
        await api.put_metadata({"clone": identity(settings, vm)})
        await api.resume()


def identity(settings: Settings, vm: Vm) -> dict[str, object]:
    """What the guest is told about itself. The MAC follows from the address, so it is as unique.

    By another ``generation`` a guest without a clock of its own, as Firecracker's are, notices its restore.
    """
    octets = vm.address.packed
    return {
        "ipv4": f"{vm.address}/{settings.prefix}",
        "gateway": str(settings.gateway),
        "mac": "06:00:" + ":".join(f"{octet:02x}" for octet in octets),
        "hostname": vm.vm_id[:11],
        "generation": vm.vm_id,
        "time": time.time(),
    }


def size(settings: Settings) -> tuple[int, int]:
    """vCPUs and MiB of memory of every clone: the golden snapshot's."""
    manifest = json.loads((settings.snapshots / "manifest.json").read_text())
    return int(manifest["vcpus"]), int(manifest["memory_mib"])


async def remove(vm: Vm) -> None:
    """End its process and delete its socket, TAP or jail, and folder; what of it is gone already is no fault.

    One step that fails keeps none of the others from being done; its error is raised in the end.
    """
    async with AsyncExitStack() as undo:  # runs what was pushed last first
        undo.push_async_callback(_remove_folder, vm.folder)
        if vm.jail is None:
            undo.push_async_callback(tap.delete, vm.tap)
        else:
            undo.push_async_callback(_remove_folder, vm.jail.folder)
            undo.push_async_callback(vm.jail.disconnect)
        undo.callback(vm.socket.unlink, missing_ok=True)
        undo.push_async_callback(process.stop, vm.pid, vm.vm_id)


async def _remove_folder(folder: Path) -> None:
    if folder.exists():
        shutil.rmtree(folder)


@asynccontextmanager
async def undone_on_failure(undo: Callable[[], Awaitable[None]]) -> AsyncIterator[None]:
    """Undo when the body fails or is cancelled."""
    try:
        yield
    except BaseException:
        await undo()
        raise
