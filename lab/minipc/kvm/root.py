"""The machine's root disk: the twin's tree, and what a whole machine needs beside. Nothing writes to it."""

from __future__ import annotations

import tempfile
from pathlib import Path

from lab.digest import digest_of_file, digest_of_text, digest_of_tree
from lab.image.packages import download
from lab.minipc import tree
from lab.minipc.kvm import image, vmm
from lab.minipc.kvm.kernel import MachineKernel
from lab.paths import LabPaths

OVERLAY = Path(__file__).parent / "overlay"
SIZE = 8 << 30

_WRITE = """
tree=$1 udev=$2 modules=$3 overlay=$4 firecracker=$5
cp -a "$tree/." .
tar -C "$udev" -c . | tar -x --keep-directory-symlink
mkdir -p lib/modules srv/lab
cp -a "$modules" lib/modules/
chroot . depmod "${modules##*/}"
cp -r --preserve=mode "$overlay/." .
install -m 755 "$firecracker" usr/local/bin/firecracker
chroot . systemd-sysusers
# One of its own from the beginning: a first boot would enable whatever Debian's presets do.
tr -d - </proc/sys/kernel/random/uuid >etc/machine-id
"""


def is_current(paths: LabPaths, kernel: MachineKernel) -> bool:
    """Whether it is there, made of what is here now."""
    return file(paths, kernel).exists()


def build(paths: LabPaths, kernel: MachineKernel) -> None:
    """Make it of the present tree, and forget all others; only while no machine runs."""
    wanted = file(paths, kernel)
    fresh = wanted.with_suffix(".new")
    image.make(fresh, size=SIZE)
    # udev is what loads drivers and tells systemd of devices; the twin, a container, has no use for it.
    with tempfile.TemporaryDirectory(dir=paths.cache, prefix="udev.") as folder:
        parts = (paths.minipc, download("udev", Path(folder)), kernel.modules, OVERLAY, vmm.chosen(paths))
        image.work(fresh, _WRITE, *parts, timeout_s=900)
    for other in paths.kvm.glob("root-*.xfs"):
        other.unlink()
    fresh.rename(wanted)


def file(paths: LabPaths, kernel: MachineKernel) -> Path:
    """Where the image is that is made of what is here now."""
    parts = (
        tree.wanted_digest(paths),
        kernel.release,
        digest_of_tree(OVERLAY),
        digest_of_file(vmm.chosen(paths)),
        digest_of_file(Path(__file__)),
    )
    return paths.kvm / f"root-{digest_of_text(' '.join(parts))[:16]}.xfs"
