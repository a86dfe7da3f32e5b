"""Runs ON the host, as root: lines of a unit's journal that hold a word. Python 3.9, standard library only.

The argument is JSON: ``unit``, ``word``, ``since`` (the host's time), ``limit`` (at most so many of the
latest lines are read). Prints JSON: ``{"read": n, "lines": [[time, text], ...]}``. It changes nothing.
"""

from __future__ import annotations

import json
import math
import subprocess
import sys


def main() -> None:
    """Ask the journal once."""
    ask = json.loads(sys.argv[1])
    # --all: else a message of more than 4096 bytes is null.
    words = ["journalctl", "--no-pager", "--quiet", "--all", "--output=json"]
    words += ["--output-fields=MESSAGE,__REALTIME_TIMESTAMP", f"--lines={ask['limit']}"]
    words += [f"--since=@{math.floor(ask['since'])}", f"--unit={ask['unit']}"]
    done = subprocess.run(words, stdin=subprocess.DEVNULL, capture_output=True, timeout=30, check=False)
    if done.returncode:
        sys.exit(done.stderr.decode("utf-8", "replace").strip())
    records = [json.loads(line) for line in done.stdout.splitlines()]
    found = []
    for record in records:
        message = record.get("MESSAGE") or ""
        if isinstance(message, list):  # not UTF-8: journald gives its bytes
            message = bytes(message).decode("utf-8", "replace")
        if ask["word"] in message:
            found.append([int(record["__REALTIME_TIMESTAMP"]) / 1e6, message[:1000]])
    json.dump({"read": len(records), "lines": found}, sys.stdout)


if __name__ == "__main__":
    main()
