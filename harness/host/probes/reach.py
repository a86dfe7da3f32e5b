"""Runs ON the host: how addresses take a TCP connection. Python 3.9, standard library only.

The argument is JSON: ``addresses``, ``port``, ``timeout_s``. Prints JSON: ``{address: how}``, one of
``took``, ``refused`` and ``silent``. All are tried at once, and hung up at once: nothing is said.
"""

from __future__ import annotations

import concurrent.futures
import json
import socket
import sys
from typing import Any


def connected(address: str, port: int, timeout_s: float) -> str:
    """How it is taken there."""
    try:
        socket.create_connection((address, port), timeout=timeout_s).close()
    except ConnectionRefusedError:
        return "refused"
    except OSError:
        return "silent"
    return "took"


def main() -> None:
    """Try all."""
    ask: dict[str, Any] = json.loads(sys.argv[1])
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        tried = {one: pool.submit(connected, one, ask["port"], ask["timeout_s"]) for one in ask["addresses"]}
    json.dump({one: future.result() for one, future in tried.items()}, sys.stdout)


if __name__ == "__main__":
    main()
