"""The host's clock, as exactly as several quick looks over the open shell can tell."""

from __future__ import annotations

import time

from harness.clocks import Offset, narrowest
from harness.infra.host import Host
from harness.values import decimal

ASKS = 7
_ASK = "date +%s.%N"


def host_clock(host: Host) -> Offset:
    """How far the host's clock is ahead of ours: where all looks agree, of which one may have been quick.

    :param host: one that is asked anew each time.
    :raises TransportError: it did not tell.
    """
    return narrowest([_once(host) for _ in range(ASKS)])


def _once(host: Host) -> Offset:
    began = time.time()
    text = host.check_output(_ASK).strip()
    ended = time.time()
    told = text.removesuffix(".%N").removesuffix(".N").removesuffix(".")
    seconds = decimal(told, whose=f"{host.name}: date")
    width = 0.0 if "." in told else 1.0  # busybox's date may tell whole seconds
    return Offset.between((began, ended), (seconds + width, seconds))
