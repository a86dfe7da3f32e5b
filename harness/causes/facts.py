"""What was seen of a VM whose agent does not answer. Each part may be unknown, and says then why."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from harness.infra.start_failure import Said
from harness.values import Natural


@dataclass(frozen=True)
class Process:
    """A VMM; ``ended`` is the exit status of one that is over (negative for a signal), where it is known."""

    pid: int = 0
    state: str = ""
    """The kernel's letter for it; empty: there is no such process."""
    rss_kib: Natural = 0
    ended: int | None = None
    said: str = ""
    """The last lines of its log."""
    oom: str = ""
    """The host kernel's line that tells of its end for want of memory."""

    @property
    def runs(self) -> bool:
        """Whether there is such a process, and no defunct one."""
        return self.state not in ("", "Z", "X")

    @property
    def is_known(self) -> bool:
        """Whether it is known which process it is, or how it ended: else nothing tells that it has."""
        return bool(self.pid) or self.ended is not None


@dataclass(frozen=True)
class Link:
    """A device of the host's: a TAP, or the bridge."""

    name: str
    up: bool
    master: str = ""
    vnet_hdr: bool | None = None
    addresses: tuple[str, ...] = ()
    sent: Natural = 0
    """Packets to the guest, on a TAP, while we asked."""
    received: Natural = 0
    """Packets from the guest."""


@dataclass(frozen=True)
class Answer:
    """How a connection to a port of the guest fared, and what came over it."""

    port: int
    fate: str
    """``connected``, ``refused``, ``timeout``, or what else the kernel said."""
    status: int | None = None
    """Of HTTP; None: nothing that could be read came in time."""
    said: str = ""
    """The beginning of what came."""

    @property
    def connected(self) -> bool:
        """Whether somebody there took the connection."""
        return self.fate == "connected"


@dataclass(frozen=True)
class Hops:
    """What the host shows of the way to a VM, asked at once."""

    process: Process
    api: str = ""
    """The state that the VMM's API tells, as ``Running``; empty: it does not answer."""
    boot_args: str = ""
    tap: Link | None = None
    """None: there is no such device."""
    apart: bool = False
    """Whether the VMM has a network namespace of its own: the TAP is in that, and no port of the bridge."""
    answers: tuple[str, ...] | None = None
    """Who answers to the guest's address by ARP on such a TAP; None: it was not, or could not be asked."""
    bridge: Link | None = None
    macs: tuple[str, ...] | None = ()
    """Who answers to the guest's address by ARP; None: it could not be asked."""
    elsewhere: tuple[str, ...] = ()
    """Other addresses that the guest's own packets came from."""
    agent: Answer | None = None
    ssh: Answer | None = None
    settings: Mapping[str, str] = field(default_factory=dict)
    """Of the host's kernel: forwarding, and whether bridges pass the firewall."""


@dataclass(frozen=True)
class UnitSeen:
    """A unit of the guest as systemd shows it."""

    properties: Mapping[str, str]

    def get(self, name: str) -> str:
        """One property; empty where there is none."""
        return self.properties.get(name, "")

    @property
    def state(self) -> str:
        """For a message."""
        words = (self.get("ActiveState"), self.get("SubState"), self.get("Result"))
        return " ".join([f"{words[0]} ({words[1]})", f"result {words[2]}"]) if words[0] else "unknown"


@dataclass(frozen=True)
class Listener:
    """Who listens at the agent's port in the guest."""

    address: str
    program: str = ""
    pid: int = 0

    @property
    def on_loopback(self) -> bool:
        """Whether nobody from outside can reach it."""
        return self.address.startswith(("127.", "[::1]"))


@dataclass(frozen=True)
class Inside:
    """What a guest tells of itself by SSH, in one round trip."""

    units: Mapping[str, UnitSeen]
    journal: tuple[Said, ...] = ()
    """The last lines about the agent's unit."""
    listeners: tuple[Listener, ...] = ()
    processes: frozenset[int] = frozenset()
    """The pids of the agent's unit."""
    unreadable: tuple[str, ...] = ()
    """Environment files that the agent's unit must have, and nobody can read."""
    memory_wait: float = 0.0
    """Percent of the last ten seconds in which all processes of the agent's unit waited for memory; 0, too,
    where the guest's kernel does not tell."""
    root: str = ""
    """How the root file system is mounted."""
    addresses: tuple[str, ...] = ()
    cmdline: str = ""
    failed: tuple[str, ...] = ()
    checked: str = ""
    """What node finds wrong with the syntax of the agent's entry."""
    unit_file: str = ""
    entry: str = ""
    """The digest of the agent's entry."""
    told: str = ""
    """All that it told, for the evidence: journals of the units that failed among it."""


@dataclass(frozen=True)
class ControllerSeen:
    """The controller, as systemd, its journal and its API show it."""

    unit: str
    state: str
    active: bool
    looping: bool
    words: str = ""
    """Its own, before it ended last."""
    api: str = ""
    """Why its API does not answer; empty: it does, be it with an error, or it was not asked."""


@dataclass(frozen=True)
class Facts:
    """All of it. None is what could not be asked, and ``unknown`` says why, part by part."""

    whose: str
    address: str = ""
    port: int = 8080
    unit: str = ""
    entry: str = ""
    bridge: str = ""
    """Which its TAP must be a port of; empty: its TAP is the host's own end."""
    host_address: str = ""
    tap: str = ""
    """Empty: it is not known where the device is."""
    refusal: str = ""
    """What the VMM refused, or the controller said of the launch."""
    controller: ControllerSeen | None = None
    hops: Hops | None = None
    console: tuple[str, ...] | None = None
    inside: Inside | None = None
    rules: tuple[str, ...] = ()
    """Rules of the host's firewall that surely stop a packet: ``out`` or ``back``, and the rule."""
    unknown: Mapping[str, str] = field(default_factory=dict)

    @property
    def agent(self) -> UnitSeen | None:
        """The agent's unit, where the guest told."""
        return self.inside.units.get(self.unit) if self.inside else None
