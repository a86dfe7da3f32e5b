"""Network devices as ``ip`` has them: kind, flags, and addresses with their networks."""

from __future__ import annotations

import functools
from dataclasses import dataclass, field
from ipaddress import IPv4Interface
from typing import Any

from pydantic import ConfigDict, with_config
from testinfra.modules.base import Module

from harness.answers import read_as, read_json, reading
from harness.infra.units import unreadable

SHOW_LINK = "ip -d -j addr show dev %s"
_NO_SUCH_LINK = "does not exist"


@with_config(ConfigDict(extra="ignore"))
@dataclass(frozen=True)
class Shown:
    """What ``ip`` shows of a device, as far as it counts here."""

    ifname: str
    flags: list[str] = field(default_factory=list)
    addr_info: list[dict[str, Any]] = field(default_factory=list)
    linkinfo: dict[str, Any] = field(default_factory=dict)


class Link(Module):  # type: ignore[misc] # testinfra is not typed
    """A network device.

    >>> host.link("fcbr0").kind
    'bridge'
    >>> host.link("fcbr0").is_up, host.link("fcbr0").addresses
    (True, [IPv4Interface('192.168.100.1/24')])
    """

    def __init__(self, name: str) -> None:
        self.name = name
        super().__init__()

    @functools.cached_property
    def shown(self) -> Shown | None:
        """What ``ip`` shows of it; None where there is no such device.

        :raises TransportError: ``ip`` gave no answer.
        """
        done = self.run_expect([0, 1], SHOW_LINK, self.name)
        if done.rc == 1 and _NO_SUCH_LINK in done.stderr:
            return None
        asked = SHOW_LINK % self.name
        whose = f"in {self._host.name}: {asked}"
        found = [one for one in read_as(list[Any], read_json(done.stdout, whose=whose), whose=whose) if one]
        if len(found) != 1:
            raise unreadable(self._host.name, asked, done.stdout or done.stderr)
        shown = read_as(Shown, found[0], whose=whose)
        if shown.ifname != self.name:
            raise unreadable(self._host.name, asked, done.stdout)
        return shown

    @property
    def exists(self) -> bool:
        """Whether there is one."""
        return self.shown is not None

    @property
    def kind(self) -> str:
        """``bridge``, ``tun``, …; empty for a plain one."""
        return str(self.shown.linkinfo.get("info_kind", "")) if self.shown else ""

    @property
    def flags(self) -> list[str]:
        """``UP`` is what was set; ``LOWER_UP`` is its carrier."""
        return self.shown.flags if self.shown else []

    @property
    def is_up(self) -> bool:
        """Whether it was set up. An idle bridge is, though its state is DOWN for want of a carrier."""
        return "UP" in self.flags

    @property
    def addresses(self) -> list[IPv4Interface]:
        """Its IPv4 addresses with their networks.

        :raises UnreadableError: one is none.
        """
        found = self.shown.addr_info if self.shown else []
        with reading(f"in {self._host.name}: the addresses of {self.name}"):
            return [
                IPv4Interface(f"{a['local']}/{a['prefixlen']}") for a in found if a.get("family") == "inet"
            ]

    def __repr__(self) -> str:
        return f"<link {self.name}>"
