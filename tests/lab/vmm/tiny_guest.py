"""A guest of one shell: Debian's cloud kernel and an initrd whose console takes commands."""

from __future__ import annotations

import gzip
from dataclasses import dataclass
from pathlib import Path

from lab.image.cpio import Archive
from lab.image.kernel import MODULES, Kernel, fetch, newest_release
from lab.paths import LabPaths, lab_paths

READY = b"tiny-guest-ready\n"
ADDRESS = "192.168.100.2"
GATEWAY = "192.168.100.1"
INIT = f"""#!/bin/busybox sh
/bin/busybox mkdir -p /proc /sys /dev
/bin/busybox --install -s /bin
export PATH=/bin
mount -t proc proc /proc; mount -t sysfs sys /sys; mount -t devtmpfs dev /dev
exec </dev/console >/dev/console 2>&1
for module in {" ".join(MODULES)}; do insmod /modules/$module.ko; done
stty -echo -onlcr
if ip link set eth0 up 2>/dev/null; then
    ip address add {ADDRESS}/24 dev eth0
    ip route add 169.254.169.254 dev eth0
fi
echo 1 > /proc/sys/kernel/printk
echo tiny-guest-ready
while :; do while IFS= read -r line; do eval "$line"; echo "=== $?"; done; done
"""


@dataclass(frozen=True)
class TinyGuest:
    """What a boot needs."""

    kernel: Path
    initrd: Path


def build(folder: Path) -> TinyGuest:
    """Put the initrd into ``folder``; the kernel comes from a cache."""
    kernel = _kernel()
    archive = Archive()
    for name in ("bin", "modules"):
        archive.add_folder(name)
    archive.add_file("bin/busybox", (kernel.folder / "busybox").read_bytes(), mode=0o755)
    for name in MODULES:
        archive.add_file(f"modules/{name}.ko", (kernel.modules / f"{name}.ko").read_bytes())
    archive.add_file("init", INIT.encode(), mode=0o755)
    initrd = folder / "tiny-initrd.img"
    initrd.write_bytes(gzip.compress(archive.close(), compresslevel=1))
    return TinyGuest(kernel.vmlinux, initrd)


def _kernel() -> Kernel:
    """The lab's kernel where it was fetched already, else one of our own: the lab need not be built."""
    release = newest_release()
    built = Kernel(release, lab_paths().cache / f"kernel-{release}")
    if built.initrd.exists():
        return built
    own = LabPaths(lab_paths().tiny_guest)
    own.cache.mkdir(parents=True, exist_ok=True)
    return fetch(own)
