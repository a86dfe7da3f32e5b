"""What tests of the custodian share."""

from __future__ import annotations

import socket
import time
from urllib.parse import SplitResult

import pytest

from harness.custodian import exchange
from harness.custodian.limits import Limit

PATIENCE_S = 60.0


@pytest.fixture
def timed_once_reached(monkeypatch: pytest.MonkeyPatch) -> None:
    """A request's time begins where somebody is reached: on a busy machine that alone may take too long."""
    reach = exchange._connected

    def reached(parts: SplitResult, limit: Limit) -> socket.socket:
        link = reach(parts, Limit(limit.what, seconds=PATIENCE_S, size=limit.size))
        limit._ends = time.monotonic() + limit.seconds
        return link

    monkeypatch.setattr(exchange, "_connected", reached)
