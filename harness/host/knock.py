"""Whether the host's connections get through to addresses behind the VMs' bridge: tried, where nobody lives.

Somebody of ours listens there for some seconds, behind a port of the bridge, in a network namespace of the
host's (``probes/knock.py``). No clone is needed for it: what is tried lies before any VM.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address
from pathlib import Path

from harness.answers import read_as
from harness.errors import CommandError, UnreadableError
from harness.host.facts import Asked
from harness.host.firewall.packets import UNUSED_PORT
from harness.values import Natural

_PROBE = Path(__file__).parent / "probes" / "knock.py"
_WHOSE = "whether addresses behind the bridge can be reached from the host"
_CONNECT_S = 3.0
_GRACE_S = 60.0  # to make a namespace, and to ask for each group whether somebody has an address
_CANDIDATES = 4
"""So many addresses are looked at for one that nobody has."""
_TRIED = 8
"""So many are tried."""


@dataclass(frozen=True)
class Knock:
    """One connection to an address behind the bridge."""

    address: str
    through: bool
    error: str
    """How it failed."""
    came: Natural
    """Segments of TCP that arrived there."""
    sent: Natural
    """Segments that were sent back."""
    control: bool
    """Whether one to another port of the same address, that was made then, got through."""

    def told(self, port: int) -> str:
        """What was seen of one that failed."""
        if not self.came:
            how = "nothing of it arrived"
        elif not self.sent:
            how = "it arrived, and was not answered"
        else:
            how = "it arrived and was answered, and the answer did not get back"
        other = (
            f"while one to port {_control(port)} got through"
            if self.control
            else "nor did one to another port"
        )
        return f"a connection from the host to {self.address}:{port}, behind the bridge: {how}, {other}"


@dataclass(frozen=True)
class Knocks:
    """What came of some connections."""

    untold: str = ""
    """Why none could be tried."""
    knocks: tuple[Knock | None, ...] = ()
    """One for each group of addresses; None where somebody has each of them."""


def knocked(host: Asked, groups: Sequence[Sequence[IPv4Address]], port: int, *, device: str) -> Knocks:
    """Try one address of each group, that nobody has.

    :param device: what our port of the bridge is called meanwhile.
    :raises TransportError: the host cannot be asked.
    """
    network = host.site.network
    asked = [[str(one) for one in group[:_CANDIDATES]] for group in groups[:_TRIED]]
    ask = {
        "bridge": network.bridge,
        "address": str(network.bridge_address.ip),
        "prefix": network.bridge_address.network.prefixlen,
        "device": device,
        "port": port,
        "control": _control(port),
        "timeout_s": _CONNECT_S,
        "groups": asked,
    }
    limit_s = _GRACE_S + 2 * _CONNECT_S * len(asked)
    try:
        said = host.python(_PROBE.read_text("utf-8"), ask, timeout_s=limit_s)
    except CommandError as error:
        return Knocks(error.message, (None,) * len(groups))
    found = read_as(Knocks, said, whose=_WHOSE)
    if not found.untold and len(found.knocks) != len(asked):
        raise UnreadableError(f"{_WHOSE}: {len(found.knocks)} answers to {len(asked)} questions")
    tried = () if found.untold else found.knocks
    return Knocks(found.untold, (*tried, *[None] * (len(groups) - len(tried))))


def _control(port: int) -> int:
    """A port that no rule speaks of, as that of the agents."""
    return UNUSED_PORT if port != UNUSED_PORT else UNUSED_PORT + 1
