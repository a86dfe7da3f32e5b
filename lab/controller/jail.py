"""A jail for a VM: a network namespace with its TAP, and the folder that its VMM has for its root.

The original jailer makes the folder, and starts the VMM in it as a user of its own. What the lab's
VMM needs beside (its interpreter, QEMU, the VM's own files) is mounted in a mount namespace of that VMM
alone: it is gone with it, and whoever removes the jail removes nothing else.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from lab.controller import tap
from lab.controller.program import run
from lab.controller.settings import Settings

TAP = "vmtap0"
"""In each namespace."""
NAMESPACES = Path("/run/netns")
PROGRAM = "firecracker"
DISK = "rootfs.ext4"
"""In the folder of each VM."""
_SOCKET = "/run/firecracker.socket"
_DOOR = "fv-"
_RAW_PACKETS = (
    *("setpriv", "--inh-caps", "+net_raw", "--ambient-caps", "+net_raw"),
    *("--securebits", "+no_setuid_fixup", "--"),
)
"""The metadata service of the lab's VMM answers beside QEMU, by raw packets of the TAP: its one right."""
_MOUNTED = """
root=$1 folder=$2 disk=$3 recorded=$4; shift 4
for place in /usr /opt /proc "$folder"; do
    mkdir -p "$root$place"
    mount --rbind "$place" "$root$place"
done
for name in bin lib lib64; do ln -sf "usr/$name" "$root/$name"; done
mkdir -p "$root/dev"
touch "$root/dev/null"
mount --bind /dev/null "$root/dev/null"
mkdir -p "$(dirname "$root$recorded")"
touch "$root$recorded"
mount --bind "$disk" "$root$recorded"
exec "$@"
"""


def door(vm_id: str) -> str:
    """The host's end of the way into a VM's namespace, a port of the bridge."""
    return _DOOR + vm_id.removeprefix("vm-")[: tap.ID_CHARACTERS]


def left(settings: Settings) -> list[str]:
    """Names of the jails and namespaces that there are: those of VMs begin with a VM's id."""
    return [path.name for path in (*(settings.jails / PROGRAM).glob("*"), *NAMESPACES.glob("*"))]


@dataclass(frozen=True)
class Jail:
    """That of one VM."""

    settings: Settings
    vm_id: str

    @property
    def folder(self) -> Path:
        """What the jailer makes."""
        return self.settings.jails / PROGRAM / self.vm_id

    @property
    def socket(self) -> Path:
        """The VMM's API socket, by the host's path."""
        return self.folder / "root" / _SOCKET.lstrip("/")

    async def connect(self) -> None:
        """Make the namespace, with the TAP and a way from it to the bridge.

        It is isolated as a TAP on the bridge would be: it reaches the host, and no other VM.
        """
        end, user = door(self.vm_id), self.settings.jail_user
        outside = (
            f"link add {end} type veth peer name up0 netns {self.vm_id}\n"
            f"link set dev {end} master {self.settings.bridge} up\n"
            f"link set dev {end} type bridge_slave isolated on\n"
        )
        inside = (
            f"tuntap add dev {TAP} mode tap user {user}\n"
            "link add br0 type bridge\n"
            "link set dev up0 master br0 up\n"
            f"link set dev {TAP} master br0 up\n"
            "link set dev br0 up\n"
        )
        await run("ip", "netns", "add", self.vm_id)
        await run("ip", "-batch", "-", input_text=outside)
        await run("ip", "-netns", self.vm_id, "-batch", "-", input_text=inside)

    async def disconnect(self) -> None:
        """Delete the namespace with all that is in it; whatever of it is gone already is no fault."""
        await tap.delete(door(self.vm_id))
        if (NAMESPACES / self.vm_id).exists():
            await run("ip", "netns", "delete", self.vm_id)

    def give(self, folder: Path) -> None:
        """Have a VM's files be its VMM's own."""
        for path in (folder, *folder.iterdir()):
            os.chown(path, self.settings.jail_user, self.settings.jail_user)

    def started_by(self, folder: Path, options: Sequence[str]) -> list[str]:
        """The command line that becomes the VMM, which finds the VM's folder where the host has it.

        A snapshot is loaded with the disk that it names, before that is exchanged: that is the VM's own.
        """
        root, user = self.folder / "root", str(self.settings.jail_user)
        root.mkdir(parents=True, exist_ok=True)
        program = shutil.which(PROGRAM) or PROGRAM
        apart = ["unshare", "--mount", "--propagation", "slave", "--", "sh", "-euc", _MOUNTED, "jail"]
        place = ["--exec-file", program, "--chroot-base-dir", str(self.settings.jails)]
        rights = ["--uid", user, "--gid", user, "--netns", str(NAMESPACES / self.vm_id)]
        jailer = [*_RAW_PACKETS, str(self.settings.jailer), "--id", self.vm_id, *place, *rights]
        recorded = self.settings.snapshots / f"{self.settings.golden}.ext4"
        files = [str(one) for one in (root, folder, folder / DISK, recorded)]
        return [*apart, *files, *jailer, "--", "--api-sock", _SOCKET, *options]
