"""What a load is made of: one process of it, which ends with its standard input, whichever way that ends.

``python -m bench.soak.burden spin`` keeps a processor busy, ``write DIR`` a disk, by a file without a name.
"""

from __future__ import annotations

import os
import sys
import tempfile
import threading

_CHUNK = bytes(8 << 20)
_CHUNKS = 16
READY = "ready\n"


def main(kind: str, *words: str) -> None:
    """Be a burden until nobody holds the other end of our input."""
    threading.Thread(target=_end_with_input, daemon=True).start()
    sys.stdout.write(READY)
    sys.stdout.flush()
    if kind == "write":
        _write(*words)
    while True:
        pass


def _write(folder: str) -> None:
    with tempfile.TemporaryFile(dir=folder, buffering=0) as file:
        while True:
            file.seek(0)
            for _ in range(_CHUNKS):
                file.write(_CHUNK)
                os.fsync(file.fileno())


def _end_with_input() -> None:
    sys.stdin.buffer.read()
    os._exit(0)


if __name__ == "__main__":
    main(*sys.argv[1:])
