"""The parts of the host's answer, as values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import IPv4Interface
from typing import Literal

from pydantic import ConfigDict, with_config

from harness.answers import reading
from harness.values import Moment, Natural

Kind = Literal["file", "directory", "socket", "link", "other"]


@dataclass(frozen=True)
class HostIdentity:
    """Who we are on the host, and its monotonic clock."""

    uid: int
    hostname: str
    kernel: str
    python: str
    monotonic: float


@dataclass(frozen=True)
class Process:
    """A VMM in the process table; ``started`` (clock ticks since boot) and ``pid`` name it for good."""

    pid: Natural
    ppid: Natural
    state: str
    comm: str
    started: Natural
    argv: tuple[str, ...] = ()
    """At most the first 4096 bytes of them."""
    exe: str | None = None
    netns: Natural | None = None

    @property
    def command(self) -> str:
        """Its command line, or its name where a defunct one has none."""
        return " ".join(self.argv) or f"[{self.comm}]"

    @property
    def defunct(self) -> bool:
        """Ended, and not yet waited for by its parent."""
        return self.state in ("Z", "X")


@dataclass(frozen=True)
class Processes:
    """VMMs in full, and the name of every process by pid."""

    vmms: tuple[Process, ...]
    names: Mapping[int, str]


@dataclass(frozen=True)
class DirectoryEntry:
    """A file, folder, socket or link that lies in a folder of the host."""

    path: str
    kind: Kind
    size: Natural = 0
    mtime: float = 0.0
    inode: Natural = 0
    device: Natural = 0


@dataclass(frozen=True)
class Jail(DirectoryEntry):
    """What the jailer made for one VMM: ``root`` in it is that one's root. All paths are the host's."""

    sockets: tuple[DirectoryEntry, ...] = ()
    pids: tuple[Natural, ...] = ()
    """Processes whose root it is."""
    mounts: tuple[str, ...] = ()
    """What is mounted in it for everybody, as a folder of snapshots is."""


@dataclass(frozen=True)
class ControlGroup(DirectoryEntry):
    """A control group that the jailer made for one VMM."""


@dataclass(frozen=True)
class Jails:
    """All that the jailer made, and is still there."""

    jails: tuple[Jail, ...] = ()
    groups: tuple[ControlGroup, ...] = ()


@dataclass(frozen=True)
class Listing:
    """What lies in a folder: how much there is, and the first 10,000 of it, by name."""

    entries: tuple[DirectoryEntry, ...]
    count: Natural

    @property
    def is_whole(self) -> bool:
        """Whether all of it was told."""
        return self.count <= len(self.entries)


@dataclass(frozen=True)
class Sockets(Listing):
    """The folder of API sockets; ``real`` is its name without links."""

    real: str


@dataclass(frozen=True)
class Tap:
    """A TAP device, and the network namespace it is in (inode, and name where it has one)."""

    name: str
    index: Natural
    netns: Natural
    netns_name: str = ""
    master: str | None = None
    up: bool = True


@dataclass(frozen=True)
class Taps:
    """TAP devices everywhere; ``names`` are the network namespaces other than the host's, by inode."""

    host_netns: Natural
    names: Mapping[int, str]
    taps: tuple[Tap, ...]


@with_config(ConfigDict(extra="ignore"))
@dataclass(frozen=True)
class InterfaceAddress:
    """One address of a device."""

    family: str
    local: str
    prefixlen: Natural


@with_config(ConfigDict(extra="ignore"))
@dataclass(frozen=True)
class Bridge:
    """The device that has the bridge's name."""

    ifname: str
    flags: tuple[str, ...]
    addr_info: tuple[InterfaceAddress, ...] = ()
    linkinfo: Mapping[str, object] = field(default_factory=dict)

    @property
    def kind(self) -> str:
        """``bridge`` if it is one."""
        return str(self.linkinfo.get("info_kind", "plain device"))

    @property
    def addresses(self) -> list[IPv4Interface]:
        """Its IPv4 addresses.

        :raises UnreadableError: one is none.
        """
        with reading(f"the addresses of {self.ifname}"):
            return [IPv4Interface(f"{a.local}/{a.prefixlen}") for a in self.addr_info if a.family == "inet"]


@with_config(ConfigDict(extra="ignore"))
@dataclass(frozen=True)
class Unit:
    """``systemctl show``: what must be of the moment at which the host told its uptime."""

    NRestarts: Natural
    ActiveEnterTimestampMonotonic: Natural
    ActiveState: str

    def active_for(self, monotonic: float) -> float:
        """Seconds since it became active."""
        return monotonic - self.ActiveEnterTimestampMonotonic / 1e6

    def is_looping(self, monotonic: float, *, stable_s: float) -> bool:
        """Whether systemd starts it again and again, or has given that up: it does not stay up by itself."""
        down = self.ActiveState in ("activating", "failed")
        return self.NRestarts > 1 and (down or self.active_for(monotonic) < stable_s)


@dataclass(frozen=True)
class Line:
    """A line of a log."""

    time: Moment
    text: str


@dataclass(frozen=True)
class ErrorLine(Line):
    """A line of a log that is an error, and what it names: ids, and words by which the suite is known."""

    names: tuple[str, ...] = ()


@dataclass(frozen=True)
class Gap:
    """What a log does not tell: of nothing before this moment is it known whether it was logged."""

    known_from: Moment
    why: str


@dataclass(frozen=True)
class Exit:
    """An end of a service: when, what systemd said of it, and the service's last words before."""

    time: Moment
    how: str
    words: tuple[tuple[Moment, str], ...]


@dataclass(frozen=True)
class Errors:
    """Error lines since a moment: how many among the ``read`` latest, the last of them, those ignored."""

    since: Moment
    limit: Natural
    read: Natural
    count: Natural
    last: tuple[ErrorLine, ...]
    ignored: Mapping[str, int]
    undated: bool = False
    """No line tells for sure when it was written, so that all that were read are in it."""
    zone: str = ""
    """The host's own, where the lines' times name none and were taken for times of that one."""
    gap: Gap | None = None
    exits: tuple[Exit, ...] = ()
    """The service's last ends in this boot, oldest first."""


@dataclass(frozen=True)
class Api:
    """An HTTP answer, or why there was none."""

    status: int | None
    body: str
    error: str
    seconds: float


@dataclass(frozen=True)
class Room:
    """MiB that are free."""

    disk_mib: int
    memory_mib: int


@dataclass(frozen=True)
class Answer:
    """What a program said."""

    status: int
    stdout: str
    stderr: str

    @property
    def first_line(self) -> str:
        """The first line of its output."""
        return self.stdout.strip().partition("\n")[0].strip()


@dataclass(frozen=True)
class Vmm:
    """Where the binary is (None: nowhere on PATH), and its answers: version, snapshot_version, describe."""

    path: str | None
    answers: Mapping[str, Answer]

    def said(self, name: str) -> Answer:
        """One of its answers.

        :raises UnreadableError: it was not asked.
        """
        with reading(f"what {self.path} says of itself"):
            return self.answers[name]


@dataclass(frozen=True)
class Kvm:
    """The version of KVM's API, where it told one, and what of KVM cannot be used, where something cannot."""

    version: int | None
    fault: str | None
