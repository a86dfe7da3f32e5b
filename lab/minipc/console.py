"""What the lab's host said while it started: its console, and whatever program it runs in."""

from __future__ import annotations

from pathlib import Path

from lab.paths import LabPaths


def log_file(paths: LabPaths) -> Path:
    """The log."""
    return paths.run / "console.log"


def forget(paths: LabPaths) -> None:
    """Delete the log, and the runtime folder where nothing else is in it."""
    log_file(paths).unlink(missing_ok=True)
    if paths.run.exists() and not any(paths.run.iterdir()):
        paths.run.rmdir()
