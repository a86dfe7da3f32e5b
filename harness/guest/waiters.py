"""What waits for the network before network-online.target, whatever configures the network of a guest.

systemd-networkd and NetworkManager have services of their own for it, perhaps one for each interface, and it
may be a generator that wants them; ifupdown's ``networking.service`` is there once its interfaces are, and
cloud-init's once it has configured them.
"""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass

from harness.infra.host import Host
from harness.infra.units import unreadable
from harness.site.profile import Site
from harness.values import natural

NETWORK_ONLINE = "network-online.target"
_KNOWN = (
    *("*-wait-online.service", "*-wait-online@*.service", "networking.service", "ifup@*.service"),
    *("cloud-init.service", "cloud-init-network.service"),
)
_KEYS = ("LoadState", "UnitFileState", "ActiveState", "Result", "ExecMainStatus")
_ENTERED = "ActiveEnterTimestampMonotonic"
_ENDED = "InactiveEnterTimestampMonotonic"
_SUCCEEDED = {"LoadState": "loaded", "ActiveState": "active", "Result": "success", "ExecMainStatus": "0"}
_WANTED = re.compile(r"enabled|enabled-runtime|generated|linked(-runtime)?")


@dataclass(frozen=True)
class Waiter:
    """A service that may wait, as systemd shows it."""

    name: str
    states: dict[str, str]
    entered_s: float
    """When it had succeeded, since boot; 0 for never."""
    is_ordered: bool
    """Whether the target comes after it."""
    ended_s: float = 0.0
    """When it was over, stopped or failed, for the last time; 0 for never."""

    @property
    def ran_before(self) -> bool:
        """Whether its success is that of a later start, as a launch's that sets an address anew: systemd does
        not tell how an earlier one ended, and when."""
        return 0 < self.ended_s <= self.entered_s

    @property
    def has_succeeded(self) -> bool:
        """In this boot."""
        return all(self.states.get(key) == value for key, value in _SUCCEEDED.items())

    def is_wanted(self, wants: str) -> bool:
        """Whether it is started at the next boot, too: by itself, or by what wants it for the target.

        :param wants: the units that the target wants, or requires.
        """
        return bool(_WANTED.fullmatch(self.states.get("UnitFileState", ""))) or self.name in wants.split()

    def __str__(self) -> str:
        told = ", ".join(f"{key}={self.states.get(key, '(not told)')}" for key in _KEYS)
        return f"{self.name}: {told}{'' if self.is_ordered else ', not before ' + NETWORK_ONLINE}"


def waiters_question(site: Site) -> str:
    """What is asked of a guest: of the services that the profile names, and of those that are loaded."""
    names = shlex.join([*_KNOWN, *site.guest.wait_online_units])
    return f"systemctl show -p {','.join(['Id', *_KEYS, _ENTERED, _ENDED, 'Before'])} -- {names}"


def waiters_of(guest: Host, site: Site) -> list[Waiter]:
    """Those that there are.

    :raises TransportError: systemd did not tell.
    """
    question = waiters_question(site)
    text = guest.check_output(question)
    found = {}
    for block in re.split(r"\n\n+", text.strip("\n")):
        pairs = [line.partition("=") for line in block.split("\n")]
        said = {key: value for key, equals, value in pairs if equals}
        if len(said) < len(pairs) or not {"Id", "LoadState"} <= said.keys():
            raise unreadable(guest.name, question, block)
        found[said["Id"]] = said
    return [_waiter(name, said, guest.name) for name, said in found.items()]


def _waiter(name: str, said: dict[str, str], where: str) -> Waiter:
    entered_s, ended_s = (
        natural(said.get(key) or "0", whose=f"in {where}: {key} of {name}") / 1e6
        for key in (_ENTERED, _ENDED)
    )
    return Waiter(name, said, entered_s, NETWORK_ONLINE in said.get("Before", "").split(), ended_s)
