"""Network devices as ``ip`` has them: kind, flags, and addresses with their networks."""

from __future__ import annotations

import functools
import json
from ipaddress import IPv4Interface
from typing import Any

from testinfra.modules.base import Module

from harness.infra.units import unreadable

SHOW_LINK = "ip -d -j addr show dev %s"
_NO_SUCH_LINK = "does not exist"


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
    def shown(self) -> dict[str, Any] | None:
        """What ``ip`` shows of it; None where there is no such device.

        :raises TransportError: ``ip`` gave no answer.
        """
        done = self.run_expect([0, 1], SHOW_LINK, self.name)
        if done.rc == 1 and _NO_SUCH_LINK in done.stderr:
            return None
        try:
            (found,) = [one for one in json.loads(done.stdout) if one]
        except (ValueError, TypeError) as error:
            raise unreadable(self._host.name, SHOW_LINK % self.name, done.stdout or done.stderr) from error
        if not isinstance(found, dict) or found.get("ifname") != self.name:
            raise unreadable(self._host.name, SHOW_LINK % self.name, done.stdout)
        return found

    @property
    def exists(self) -> bool:
        """Whether there is one."""
        return self.shown is not None

    @property
    def kind(self) -> str:
        """``bridge``, ``tun``, …; empty for a plain one."""
        return str((self.shown or {}).get("linkinfo", {}).get("info_kind", ""))

    @property
    def flags(self) -> list[str]:
        """``UP`` is what was set; ``LOWER_UP`` is its carrier."""
        return list((self.shown or {}).get("flags", []))

    @property
    def is_up(self) -> bool:
        """Whether it was set up. An idle bridge is, though its state is DOWN for want of a carrier."""
        return "UP" in self.flags

    @property
    def addresses(self) -> list[IPv4Interface]:
        """Its IPv4 addresses with their networks."""
        found = (self.shown or {}).get("addr_info", [])
        return [IPv4Interface(f"{a['local']}/{a['prefixlen']}") for a in found if a.get("family") == "inet"]

    def __repr__(self) -> str:
        return f"<link {self.name}>"
