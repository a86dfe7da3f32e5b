"""What ``probes/survey.py`` tells of a host, and what is read of its golden disk, before any judgement."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import PurePosixPath

from harness.host.parts import Process, Tap
from harness.values import Natural

DISKS = (".ext4", ".img", ".raw", ".qcow2")
"""What the disks of VMs are called."""
_JAIL = 3
"""So many folders a jail's root has above it, and its base is one of them."""


@dataclass(frozen=True)
class Opened:
    """What a VMM's process has open, and what it was told to make its VM of."""

    pid: Natural
    program: str = ""
    """The program that runs, by its path: its own file, or the script that an interpreter runs."""
    root: str = "/"
    """Its root on the host: the jailer's chroot, or the host's own."""
    unit: str = ""
    """The unit whose control group it is in."""
    files: tuple[str, ...] = ()
    """Files open or mapped, by it or a child of its, as the host names them."""
    brought: tuple[str, ...] = ()
    """Files of a jail that lie elsewhere, too: mounted into it, or linked."""
    sockets: tuple[str, ...] = ()
    """Unix sockets that it listens on, as it named them itself."""
    version: str = ""
    """What its program says to --version; in a jail, what the one says that it is a copy of."""
    copy_of: str = ""
    """In a jail, the installed program that its own is a copy of."""
    kvm: bool = False
    """Whether it has /dev/kvm open."""
    config: Mapping[str, str | int] = field(default_factory=dict)
    """Of its --config-file: kernel, initrd, boot_args, disk, vcpus, memory_mib, drive_id, iface_id."""


@dataclass(frozen=True)
class Vmm:
    """A VMM: its line of the process table, and what it has open."""

    process: Process
    opened: Opened

    @property
    def told(self) -> str:
        """Where a value was seen that its command line or its open files tell."""
        return f"pid {self.process.pid} ({self.process.comm})"

    def word(self, option: str) -> str | None:
        """What follows an option on its command line, in either way of writing."""
        words: Sequence[str] = self.process.argv
        words = words if len(words) > 1 else " ".join(words).split()  # a process may write its own title
        for place, one in enumerate(words):
            if one == option and place + 1 < len(words):
                return words[place + 1]
            if one.startswith(f"{option}="):
                return one.partition("=")[2]
        return None

    def on_host(self, path: str) -> str:
        """A path that it says, as the host names it."""
        root = self.opened.root.rstrip("/")
        return f"{root}/{path.lstrip('/')}" if root and not path.startswith(f"{root}/") else path

    @property
    def api_socket(self) -> str | None:
        """The API's socket, as the host names it."""
        said = self.word("--api-sock") or next(iter(self.opened.sockets), None)
        return self.on_host(said) if said else None

    @property
    def jails_dir(self) -> str:
        """The jailer's base, of one whose root is `<base>/<program>/<id>/root`; empty where none is."""
        path = PurePosixPath(self.opened.root)
        is_a_jails = path.name == "root" and self.word("--id") == path.parent.name
        return str(path.parents[2]) if is_a_jails and len(path.parents) > _JAIL else ""

    @property
    def is_ours(self) -> bool:
        """Whether it is a clone of some run of the suite's."""
        words = (*self.process.argv, *self.opened.files, *self.opened.sockets)
        return any(re.search(r"(^|/)acc-[0-9a-f]{6}(\b|-)", one) for one in words)


@dataclass(frozen=True)
class Mention:
    """A text that a service's sources hold, and where."""

    text: str
    where: str


@dataclass(frozen=True)
class Service:
    """A running service of the host, as far as it tells whether it is the controller."""

    name: str
    pid: Natural = 0
    listens: tuple[str, ...] = ()
    """Where, as address:port; of several addresses of a port, loopback."""
    healthy: Mapping[str, str] = field(default_factory=dict)
    """Such a place -> the path that answered 200 there."""
    mentions: tuple[Mention, ...] = ()
    marked: Mapping[str, Natural] = field(default_factory=dict)
    """Pattern -> how many lines of its journal, or of a log file of its, have it."""
    log_files: tuple[Mention, ...] = ()
    """Files called *.log that it has open, or that its sources name, where they are there."""


@dataclass(frozen=True)
class Link:
    """A network device of the host."""

    name: str
    kind: str = ""
    addresses: tuple[str, ...] = ()
    """IPv4, with their prefix lengths."""


@dataclass(frozen=True)
class File:
    """A file that may belong to a golden snapshot, by its name or its first bytes."""

    path: str
    kind: str
    """`ext4`, `kernel`, `vmstate`, `memory`, `initrd` or `manifest`."""
    size: Natural = 0

    @property
    def folder(self) -> str:
        """Where it lies."""
        return str(PurePosixPath(self.path).parent)

    @property
    def stem(self) -> str:
        """Its name without the last suffix."""
        return PurePosixPath(self.path).stem


@dataclass(frozen=True)
class Told:
    """The probe's answer."""

    opened: tuple[Opened, ...] = ()
    services: tuple[Service, ...] = ()
    links: tuple[Link, ...] = ()
    files: tuple[File, ...] = ()
    manifests: Mapping[str, Mapping[str, str | int]] = field(default_factory=dict)
    """Path -> what it says of guest_address, boot_args, vcpus and memory_mib."""
    installed: Mapping[str, str] = field(default_factory=dict)
    """Programs called as VMMs are -> the release that each says it is."""
    kvm_users: tuple[str, ...] = ()
    """Where no VMM was found: what has KVM open."""
    folders: tuple[str, ...] = ()
    """Folders beside those of golden disks."""
    snapshots: tuple[str, ...] = ()
    """What looks like device state or memory and lies beside no disk."""
    linked: Mapping[str, str] = field(default_factory=dict)
    """Links that lead to such a file, or to a folder with some -> where they lead."""
    cut: tuple[str, ...] = ()
    """Folders that were not looked through to their ends for files: too much is in them."""
    called: tuple[str, ...] = ()
    """What is called by a VM that runs in a jail, and lies in none."""
    uncalled: tuple[str, ...] = ()
    """Folders that were not looked through to their ends for it."""
    unseen: Mapping[str, str] = field(default_factory=dict)
    """What was not looked at (`VMMs`, `services`, `network`, `files`, `folders`) -> why."""

    def links_to(self, path: str) -> list[str]:
        """What a file is called by way of the links."""
        return [
            link + path[len(real) :]
            for link, real in self.linked.items()
            if path == real or path.startswith(f"{real}/")
        ]

    def lacks(self, part: str) -> str:
        """What to say where a part of the look came to nothing; nothing where it did not."""
        return (
            f"; the {part} of the host could not be looked at: {why}"
            if (why := self.unseen.get(part))
            else ""
        )


@dataclass(frozen=True)
class HostSeen:
    """All that was seen of a host, but for its golden disk and its database."""

    vmms: tuple[Vmm, ...] = ()
    taps: tuple[Tap, ...] = ()
    host_netns: Natural = 0
    told: Told = Told()
    kvm_fault: str | None = None
    """What of KVM cannot be used; None where all of it can."""
    name: str = "firecracker"
    """What a VMM was looked for by."""

    @property
    def theirs(self) -> list[Vmm]:
        """The deployment's VMMs."""
        return [one for one in self.vmms if not one.process.defunct and not one.is_ours]


@dataclass(frozen=True)
class Rows:
    """A few rows of VMs that say how a deployment names things."""

    vms: tuple[Mapping[str, str | None], ...] = ()
    """With vm_id, tap_device, socket_path, ip_address."""


@dataclass(frozen=True)
class GuestDisk:
    """What was read of the golden disk: path in the guest -> text."""

    disk: str
    files: Mapping[str, str] = field(default_factory=dict)
    enabled: frozenset[str] = frozenset()
    """Units that a target wants."""
    error: str = ""
