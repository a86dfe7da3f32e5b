"""Debian's cloud kernel for the guest, and the small initrd that finds the root disk.

The kernel's virtio drivers are modules and its devices are announced by ACPI alone, so an initrd inserts
them. Nothing is installed on this machine: the packages are fetched and unpacked.
"""

from __future__ import annotations

import ctypes
import ctypes.util
import gzip
import io
import re
import shutil
import struct
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from harness.errors import HarnessError
from harness.run import run
from lab.image.cpio import Archive
from lab.image.packages import download
from lab.paths import LabPaths

PACKAGE = "linux-image-cloud-amd64"

MODULES = (
    *("virtio_ring", "virtio", "virtio_mmio", "virtio_blk", "failover", "net_failover", "virtio_net"),
    "virtio-rng",
)
"""Inserted in this order."""

GUEST_ONLY = ("autofs4", "ptp_kvm", "unix_diag", "inet_diag", "tcp_diag", "udp_diag")
"""Not needed to boot: what systemd, clone-guard and ``ss`` load when they want it."""

SLICES_MS = {"latency": 60, "min_granularity": 30, "wakeup_granularity": 40}
"""How long the guest's scheduler leaves a program at work, in Linux 6.1's words; others know none of them. At
every change of program the emulation forgets where translated code lies; ten times as slow as a processor, it
changes ten times as often for the same work, unless it is told."""

_INIT = """#!/bin/busybox sh
bb=/bin/busybox
{first}$bb mount -t devtmpfs dev /dev
$bb mount -t proc proc /proc
for module in {modules}; do $bb insmod /modules/$module.ko; done
tries=0
until [ -b /dev/vda ]; do
    tries=$((tries + 1))
    [ $tries -gt {tries} ] && echo "initrd: no /dev/vda" && $bb poweroff -f
    $bb usleep 10000
done
$bb mount -t {file_system} -o rw,noatime /dev/vda /root \\
    || {{ echo "initrd: cannot mount /dev/vda"; $bb poweroff -f; }}
$bb umount /proc
$bb mount -o move /dev /root/dev
exec $bb switch_root /root /sbin/init
"""

_SLICES = """$bb mkdir /debug
$bb mount -t debugfs debug /debug
for slice in {slices}; do
    file=/debug/sched/${{slice%=*}}_ns
    [ ! -e $file ] || echo ${{slice#*=}}000000 >$file
done
$bb umount /debug
"""


class KernelError(HarnessError):
    """The kernel package is not what it was expected to be."""


@dataclass(frozen=True)
class Kernel:
    """An unpacked kernel in the cache."""

    release: str
    folder: Path

    @property
    def vmlinux(self) -> Path:
        """The kernel as an uncompressed ELF file, as Firecracker takes it."""
        return self.folder / "vmlinux"

    @property
    def initrd(self) -> Path:
        """The initrd that inserts the drivers."""
        return self.folder / "initrd.img"

    @property
    def modules(self) -> Path:
        """A ``/lib/modules/<release>`` of few modules for the guest, without its index."""
        return self.folder / "lib/modules" / self.release


def newest_release(package: str = PACKAGE) -> str:
    """The release of the newest kernel that this machine's package lists offer."""
    said = run(["apt-cache", "depends", package], timeout_s=60).stdout
    found = re.search(r"Depends: linux-image-(\S+)", said)
    if not found:
        raise KernelError(f"apt-cache knows no {package}", hint="the package lists are empty: apt-get update")
    return found[1]


def fetch(paths: LabPaths) -> Kernel:
    """The newest kernel, from the cache where it is there."""
    release = newest_release()
    kernel = Kernel(release, paths.cache / f"kernel-{release}")
    if not kernel.folder.exists():
        for leftover in paths.cache.glob("kernel.*/"):
            shutil.rmtree(leftover)
        with tempfile.TemporaryDirectory(dir=paths.cache, prefix="kernel.") as folder:
            _unpack(release, Path(folder)).rename(kernel.folder)
        _forget_others(kernel)
    _write_initrd(kernel)
    return kernel


def _unpack(release: str, folder: Path) -> Path:
    image, tools = folder / "image", folder / "tools"
    for place in (image, tools):
        place.mkdir()
    tree = download(f"linux-image-{release}", image)
    result = folder / "result"
    fresh = Kernel(release, result)
    fresh.modules.mkdir(parents=True)
    for name in (*MODULES, *GUEST_ONLY):
        shutil.copy(module(tree, name), fresh.modules / f"{name}.ko")
    for index in ("modules.builtin", "modules.builtin.modinfo", "modules.order"):
        shutil.copy(tree / "lib/modules" / release / index, fresh.modules)
    fresh.vmlinux.write_bytes(extract_vmlinux((tree / f"boot/vmlinuz-{release}").read_bytes()))
    shutil.copy(download("busybox-static", tools) / "bin/busybox", result / "busybox")
    return result


def module(tree: Path, name: str) -> Path:
    """The one file of a module in an unpacked package, however its name is spelled."""
    found = [
        file
        for spelled in {name, name.replace("-", "_"), name.replace("_", "-")}
        for file in tree.rglob(f"{spelled}.ko")
    ]
    if len(found) != 1:
        raise KernelError(
            f"the kernel package has {len(found)} modules {name}, 1 expected (looked in {tree})"
        )
    return found[0]


def _forget_others(kernel: Kernel) -> None:
    for other in kernel.folder.parent.glob("kernel-*"):
        if other != kernel.folder:
            shutil.rmtree(other)


def _write_initrd(kernel: Kernel) -> None:
    slices = " ".join(f"{name}={ms}" for name, ms in SLICES_MS.items())
    modules = {name: kernel.modules / f"{name}.ko" for name in MODULES}
    content = initrd(
        kernel.folder / "busybox", modules, file_system="ext4", tries=500, first=_SLICES.format(slices=slices)
    )
    kernel.initrd.write_bytes(content)


def initrd(
    busybox: Path, modules: Mapping[str, Path], *, file_system: str, tries: int, first: str = ""
) -> bytes:
    """An initrd that inserts modules in their order, waits for the root disk, and goes on from that.

    :param tries: how many hundredths of a second it waits.
    :param first: what is done before, for the shell of ``$bb``.
    """
    archive = Archive()
    for folder in ("bin", "dev", "proc", "root", "modules"):
        archive.add_folder(folder)
    archive.add_file("bin/busybox", busybox.read_bytes(), mode=0o755)
    for name, file in modules.items():
        archive.add_file(f"modules/{name}.ko", file.read_bytes())
    init = _INIT.format(first=first, modules=" ".join(modules), tries=tries, file_system=file_system)
    archive.add_file("init", init.encode(), mode=0o755)
    return gzip.compress(archive.close(), compresslevel=6, mtime=0)


def extract_vmlinux(image: bytes) -> bytes:
    """The ELF kernel inside a bzImage (layout: the kernel's ``Documentation/x86/boot.rst``).

    :raises KernelError: no bzImage, or packed otherwise than by LZ4, which is how Debian packs its kernels.
    """
    if image[0x202:0x206] != b"HdrS":
        raise KernelError("the kernel is no bzImage: it has no boot header")
    offset, length = struct.unpack_from("<II", image, 0x248)
    start = (image[0x1F1] + 1) * 512 + offset
    payload = image[start : start + length]
    if payload[:4] != b"\x02\x21\x4c\x18":
        raise KernelError(f"the kernel is not packed by LZ4: it begins with {payload[:4].hex()}")
    elf = _unpack_lz4(payload)
    if elf[:4] != b"\x7fELF":
        raise KernelError("the kernel's payload is no ELF file")
    return elf


def _unpack_lz4(payload: bytes) -> bytes:
    """LZ4's legacy frame: blocks of at most 8 MiB, each after its packed size; apt brings the library."""
    library = ctypes.CDLL(ctypes.util.find_library("lz4") or "liblz4.so.1")
    stream, blocks = io.BytesIO(payload[4:]), []
    room = ctypes.create_string_buffer(8 << 20)
    while len(head := stream.read(4)) == 4:
        packed = stream.read(int.from_bytes(head, "little"))
        size = library.LZ4_decompress_safe(packed, room, len(packed), len(room))
        if size < 0:
            # Behind the last block lies the unpacked size of the whole, which is no block.
            break
        blocks.append(room.raw[:size])
    return b"".join(blocks)
