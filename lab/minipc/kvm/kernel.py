"""Debian's kernel for the machine, the whole one, for the cloud kernel has no KVM; and the initrd for it."""

from __future__ import annotations

import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

from lab.image import kernel
from lab.image.packages import download
from lab.paths import LabPaths

PACKAGE = "linux-image-amd64"

MODULES = (
    *("virtio_ring", "virtio", "virtio_pci_modern_dev", "virtio_pci_legacy_dev", "virtio_pci", "virtio_blk"),
    *("crc32c_generic", "libcrc32c", "xfs"),
)
"""Inserted in this order."""


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
    modules = {name: kernel.module(found.modules, name) for name in MODULES}
    busybox = kernel.fetch(paths).folder / "busybox"
    found.initrd.write_bytes(kernel.initrd(busybox, modules, file_system="xfs", tries=3000))
    return found
