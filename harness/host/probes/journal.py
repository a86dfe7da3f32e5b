"""Runs ON the host, as root: lines of a journal that hold one of some words. Python 3.9, standard library.

The argument is JSON: ``unit``, ``words``, ``since`` (the host's time), ``limit`` (at most so many of the
latest lines are read). Prints JSON: ``{"read": n, "whole": bool, "lines": [[time, text], ...]}``; ``whole``
is false where there are older lines. It changes nothing. Lines are read one by one, the newest first: of a
journal of gigabytes no more is held than one line, and what is told.
"""

from __future__ import annotations

import json
import math
import re
import subprocess
import sys
import tempfile
from typing import Any

MOST_OUTPUT = 64 << 20
"""Bytes that are read."""
LONGEST = 1000  # characters of a message
MOST_LINES = 5000
"""Lines that are told."""


def decoded(raw: bytes) -> str:
    """Bytes as text, with nothing lost."""
    return raw.decode("utf-8", "surrogateescape")


def message_of(record: dict[str, Any]) -> str:
    """An entry's message: journald gives the bytes of what is no text, and a list of several."""
    message = record.get("MESSAGE") or ""
    if not isinstance(message, list):
        return str(message)
    if all(isinstance(one, int) for one in message):
        return decoded(bytes(message))
    return "\n".join(message_of({"MESSAGE": one}) for one in message)


def command(ask: dict[str, Any]) -> list[str]:
    """What asks the journal."""
    # --all: else a message of more than 4096 bytes is null.
    words = ["journalctl", "--no-pager", "--quiet", "--all", "--reverse", "--output=json"]
    words += ["--output-fields=MESSAGE,__REALTIME_TIMESTAMP", f"--lines={ask['limit']}"]
    return [*words, f"--since=@{math.floor(ask['since'])}", f"--unit={ask['unit']}"]


def main() -> None:
    """Ask the journal once."""
    ask = json.loads(sys.argv[1])
    read, size = 0, 0
    # Whole words: an address may begin as another does.
    about = re.compile(rf"(?<![0-9A-Za-z])(?:{'|'.join(map(re.escape, ask['words']))})(?![0-9A-Za-z])")
    found: list[tuple[float, str]] = []
    with (
        tempfile.TemporaryFile() as complaint,
        subprocess.Popen(
            command(ask), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=complaint
        ) as program,
    ):
        while line := program.stdout.readline(MOST_OUTPUT):  # type: ignore[union-attr] # it is a pipe
            size += len(line)
            if size > MOST_OUTPUT or len(found) >= MOST_LINES:
                program.kill()
                break
            read += 1
            record = json.loads(line)
            message = message_of(record)
            if about.search(message):
                found.append(
                    (
                        int(record["__REALTIME_TIMESTAMP"]) / 1e6,
                        message if len(message) <= LONGEST else f"{message[:LONGEST]}…",
                    )
                )
        else:
            if program.wait():
                complaint.seek(0)
                sys.exit(complaint.read(2000).decode("utf-8", "replace").strip())
    whole = not line and read < ask["limit"]
    json.dump({"read": read, "whole": whole, "lines": found[::-1]}, sys.stdout)


if __name__ == "__main__":
    main()
