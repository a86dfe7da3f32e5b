"""The look at a sick VM while it lives: few round trips, read-only, and all of it within 15 seconds."""

from __future__ import annotations

import time
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as NotInTime
from dataclasses import dataclass, field, replace
from ipaddress import IPv4Address
from typing import TypeVar

from harness.causes.facts import ControllerSeen, Facts, Hops, Inside
from harness.causes.hidden import told_arguments, without_refused
from harness.causes.hops import HopsSeen, Target, ask_hops
from harness.causes.inside import Script, question, read_inside
from harness.errors import HarnessError
from harness.host.facts import Asked, ask_host
from harness.host.firewall.packets import conversation, obstacles
from harness.host.firewall.rulesets import tables_of
from harness.infra.environment import without_environment
from harness.site.profile import Site

T = TypeVar("T")

LIMIT_S = 15.0
_HOST_S = 9.0


@dataclass
class _Time:
    """What is left of the time, and what could not be asked in it."""

    ends: float = field(default_factory=lambda: time.monotonic() + LIMIT_S)
    unknown: dict[str, str] = field(default_factory=dict)

    def result(self, part: str, asked: Future[T], *, at_most_s: float = LIMIT_S) -> T | None:
        """What came of a question, where it came in time."""
        left_s = max(0.0, min(at_most_s, self.ends - time.monotonic()))
        try:
            return asked.result(left_s)
        except NotInTime:
            self.unknown[part] = f"no answer in time ({LIMIT_S:g} s for all of it)"
        except HarnessError as error:
            self.unknown[part] = error.message.partition("\n")[0]
        return None


def look(
    host: Asked,
    target: Target,
    *,
    script: Script | None = None,
    console: tuple[str, ...] | None = None,
    refusal: str = "",
    controller: ControllerSeen | None = None,
) -> Facts:
    """What is seen of it now; what cannot be asked is unknown, and no error.

    :param script: runs shell in the guest; None where there is no way in.
    """
    site, left = host.site, _Time()
    pool = ThreadPoolExecutor(3, thread_name_prefix="causes")
    try:
        asked = pool.submit(ask_hops, host, target)
        rules = pool.submit(_rules, host, target) if target.bridge else None
        seen = left.result("host", asked, at_most_s=_HOST_S) or HopsSeen(None)
        left.unknown |= seen.unknown
        inside = _inside(pool, left, seen.hops, script, site)
        stopping = (left.result("firewall", rules) or ()) if rules else ()
    finally:
        pool.shutdown(wait=False)  # what is late is not waited for
    return Facts(
        whose=target.whose,
        address=target.address,
        port=site.agent.port,
        unit=site.agent.unit,
        entry=site.agent.entry,
        bridge=target.bridge,
        host_address=str(site.network.bridge_address),
        tap="" if "tap" in left.unknown else target.tap,
        refusal=refusal,
        controller=controller,
        hops=seen.hops,
        console=console if console is not None else seen.console,
        inside=inside,
        rules=stopping,
        unknown=left.unknown,
    )


def _inside(
    pool: ThreadPoolExecutor, left: _Time, hops: Hops | None, script: Script | None, site: Site
) -> Inside | None:
    ssh = hops.ssh if hops else None
    if script is None or ssh is None or not ssh.said.startswith("SSH-"):
        how = ssh.fate if ssh else "not asked"
        left.unknown["guest"] = f"there is no way in by SSH: port {site.guest.ssh_port}: {how}"
        return None
    limit_s = max(1.0, left.ends - time.monotonic() - 0.5)
    return left.result("guest", pool.submit(ask_inside, script, site, limit_s))


def ask_inside(script: Script, site: Site, limit_s: float) -> Inside:
    """What a guest tells of itself; what its unit sets in its environment is no part of it.

    :raises TransportError: it does not.
    """
    clean = without_environment(site)  # the unit's file is in it
    text = without_refused(clean(script(question(site), timeout_s=limit_s).stdout), site)
    inside = read_inside(text)
    told = told_arguments(inside.cmdline, site)
    return replace(inside, cmdline=told, told=text.replace(inside.cmdline, told) if told else text)


def _rules(host: Asked, target: Target) -> tuple[str, ...]:
    """Rules that surely stop what goes to the agent, or comes back."""
    network, port = host.site.network, host.site.agent.port
    told = ask_host(host, parts=("firewall",), timeout_s=LIMIT_S)
    tables = tables_of(told.part("firewall", dict[str, object]))
    packets = conversation(network.bridge_address.ip, IPv4Address(target.address), port, network.bridge)
    stopped, _ = obstacles(tables, packets)
    ways = ("out" if "output" in one.packet.hooks else "back" for one in stopped)
    told_rules = [f"{way} {one.where}" for way, one in zip(ways, stopped, strict=True) if one.sure]
    return tuple(dict.fromkeys(told_rules))
