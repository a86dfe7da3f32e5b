"""Log lines as the service has always written them: a level, a marker, and JSON metadata."""

from __future__ import annotations

import json
import sys


def info(text: str, **metadata: object) -> None:
    """Something that went as it should."""
    _write("INFO", text, metadata)


def warn(text: str, **metadata: object) -> None:
    """Something that may still come right."""
    _write("WARN", text, metadata)


def error(text: str, **metadata: object) -> None:
    """Something that an operator should look at."""
    _write("ERROR", text, metadata)


def _write(level: str, text: str, metadata: dict[str, object]) -> None:
    rest = f" {json.dumps(metadata, default=str)}" if metadata else ""
    print(f"[{level}]: {text}{rest}", file=sys.stdout, flush=True)
