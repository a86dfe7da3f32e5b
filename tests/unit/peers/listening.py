"""Whether somebody takes connections at a unix socket: the socket is there a moment before."""

from __future__ import annotations

import socket
from pathlib import Path


def listens(path: Path) -> bool:
    """By a connection that is closed at once."""
    with socket.socket(socket.AF_UNIX) as probe:
        return probe.connect_ex(str(path)) == 0
