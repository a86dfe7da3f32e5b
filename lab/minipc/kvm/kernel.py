"""Debian's kernel for the machine, the whole one, for the cloud kernel has no KVM; and the initrd for it."""

from __future__ import annotations

import gzip
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

from lab.image import kernel
from lab.image.cpio import Archive
from lab.image.packages import download
from lab.paths import LabPaths

PACKAGE = "linux-image-amd64"

MODULES = (
    *("virtio_ring", "virtio", "virtio_pci_modern_dev", "virtio_pci_legacy_dev", "virtio_pci", "virtio_blk"),
    *("crc32c_generic", "libcrc32c", "xfs"),
)
"""Inserted in this order."""

INIT = """#!/bin/busybox sh
bb=/bin/busybox
$bb mount -t devtmpfs dev /dev
for module in {modules}; do $bb insmod /modules/$module.ko; done
tries=0
until [ -b /dev/vda ]; do
    tries=$((tries + 1))
    [ $tries -gt 3000 ] && echo "initrd: no /dev/vda" && $bb poweroff -f
    $bb usleep 10000
done
$bb mount -t xfs -o rw,noatime /dev/vda /root || {{ echo "initrd: cannot mount /dev/vda"; $bb poweroff -f; }}
$bb mount -o move /dev /root/dev
exec $bb switch_root /root /sbin/init
"""


@dataclass(frozen=True)
class MachineKernel:
    """An unpacked kernel package in the cache, and the initrd for it."""

    release: str
    folder: Path

    @property
    def vmlinuz(self) -> Path:
        """The kernel as QEMU takes it."""
        return self.folder / "tree/boot" / f"vmlinuz-{self.release}"

    @property
    def initrd(self) -> Path:
        """The initrd that inserts the drivers of the root disk."""
        return self.folder / "initrd.img"

    @property
    def modules(self) -> Path:
        """All its modules."""
        return self.folder / "tree/lib/modules" / self.release


def fetch(paths: LabPaths) -> MachineKernel:
    """The newest kernel, from the cache where it is there."""
    release = kernel.newest_release(PACKAGE)
    found = MachineKernel(release, paths.cache / f"machine-kernel-{release}")
    if not found.folder.exists():
        for leftover in paths.cache.glob("machine-kernel*"):
            shutil.rmtree(leftover)
        with tempfile.TemporaryDirectory(dir=paths.cache, prefix="machine-kernel.") as folder:
            fresh = MachineKernel(release, Path(folder) / "result")
            fresh.folder.mkdir()
            download(f"linux-image-{release}", fresh.folder)
            fresh.folder.rename(found.folder)
    _write_initrd(found, busybox=kernel.fetch(paths).folder / "busybox")
    return found


def _write_initrd(found: MachineKernel, *, busybox: Path) -> None:
    archive = Archive()
    for folder in ("bin", "dev", "root", "modules"):
        archive.add_folder(folder)
    archive.add_file("bin/busybox", busybox.read_bytes(), mode=0o755)
    for name in MODULES:
        archive.add_file(f"modules/{name}.ko", kernel.module(found.modules, name).read_bytes())
    archive.add_file("init", INIT.format(modules=" ".join(MODULES)).encode(), mode=0o755)
    found.initrd.write_bytes(gzip.compress(archive.close(), compresslevel=6, mtime=0))
