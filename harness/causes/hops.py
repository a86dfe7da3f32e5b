"""What the host shows of a VM that does not answer: asked in one round trip, and read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from harness.answers import read_as
from harness.causes.facts import Answer, Hops, Link, Process
from harness.causes.hidden import told_arguments
from harness.host import facts as host_facts
from harness.host.facts import Asked
from harness.text import uncoloured

PROBE = Path(host_facts.__file__).parent / "probes" / "sick.py"
_LIMIT_S = 6.0
_WAY_S = 2.0


@dataclass(frozen=True)
class Target:
    """A VM on the host, and how it is to be reached from there."""

    whose: str
    """For messages: ``acc-…-1``, ``the VM of session …``."""
    word: str
    """In its VMM's command line: its id."""
    address: str
    tap: str
    bridge: str = ""
    """Empty: its TAP has the host's own address."""
    netns: str = ""
    pid: int = 0
    ended: int | None = None
    """How its VMM ended, where we know."""


@dataclass(frozen=True)
class _Answer:
    process: Process
    macs: tuple[str, ...] | None
    tap: Link | None
    bridge: Link | None
    agent: Answer | None
    ssh: Answer | None
    settings: Mapping[str, str]
    console: str
    unknown: Mapping[str, str]
    elsewhere: tuple[str, ...] = ()
    apart: bool = False
    answers: tuple[str, ...] | None = None
    api: str = ""
    boot_args: str = ""


@dataclass(frozen=True)
class HopsSeen:
    """The hops, the VM's console where the host has it, and what did not come in time."""

    hops: Hops | None
    console: tuple[str, ...] | None = None
    unknown: Mapping[str, str] = field(default_factory=dict)


def ask_hops(host: Asked, target: Target, *, limit_s: float = _LIMIT_S) -> HopsSeen:
    """Look from the host.

    :raises TransportError: the host did not tell.
    """
    site = host.site
    ask = {
        "word": target.word,
        "programs": [site.vmm.binary, site.vmm.process_name],
        "pid": target.pid,
        "tap": target.tap,
        "bridge": target.bridge,
        "address": target.address,
        "ports": [site.agent.port, site.guest.ssh_port],
        "path": site.agent.health_path,
        "netns": target.netns,
        "limit_s": limit_s,
    }
    said = host.python(PROBE.read_text("utf-8"), ask, timeout_s=limit_s + _WAY_S)
    seen = read_hops(said, target)
    if seen.hops is None:
        return seen
    return replace(seen, hops=replace(seen.hops, boot_args=told_arguments(seen.hops.boot_args, site)))


def read_hops(said: object, target: Target) -> HopsSeen:
    """The probe's answer, read.

    :raises UnreadableError: it is none.
    """
    told = read_as(_Answer, said, whose=f"what the host says of {target.whose}")
    process = told.process
    hops = Hops(
        process=Process(process.pid, process.state, process.rss_kib, target.ended, process.said, process.oom),
        api=told.api,
        boot_args=told.boot_args,
        tap=told.tap,
        apart=told.apart,
        answers=told.answers,
        bridge=told.bridge,
        macs=told.macs,
        elsewhere=told.elsewhere,
        agent=told.agent,
        ssh=told.ssh,
        settings=told.settings,
    )
    return HopsSeen(hops, console_lines(told.console) if told.console else None, told.unknown)


def console_lines(console: str) -> tuple[str, ...]:
    """A console's lines, without colours."""
    return tuple(
        uncoloured(line).rstrip() for line in console.replace("\r", "\n").split("\n") if line.strip()
    )
