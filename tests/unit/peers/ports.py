"""Ports of this machine that a test may have, and nobody else takes meanwhile."""

from __future__ import annotations

import socket
from collections import deque

_held: deque[socket.socket] = deque(maxlen=128)  # of many tests in one process, those of the latest


def free_port() -> int:
    """A TCP port that nobody listens on, and that this process holds: connections to it are refused.

    A server that reuses addresses, as all of ours do, can listen on it; the kernel gives it to nobody.
    """
    holder = socket.socket()
    holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    holder.bind(("", 0))
    _held.append(holder)
    return int(holder.getsockname()[1])
