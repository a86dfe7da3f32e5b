"""Everything that a run may leave on this machine."""

from __future__ import annotations

from pathlib import Path

from harness.custodian.netns import NAMES

ROOT = Path(__file__).parents[3]


def traces(run_id: str, state: Path) -> list[str]:
    """What carries the run's name: processes, namespaces, sockets, files, disks."""
    mark = f"acc-{run_id}"
    found = [str(path) for folder in (Path("/run"), NAMES, state) for path in folder.glob(f"{mark}*")]
    return sorted(found + [f"process {pid}" for pid in processes(mark)])


def processes(mark: str) -> list[int]:
    """Live processes whose command line names the run."""
    return [
        int(entry.name)
        for entry in Path("/proc").iterdir()
        if entry.name.isdigit() and mark.encode() in _command_line(entry)
    ]


def _command_line(entry: Path) -> bytes:
    try:
        return (entry / "cmdline").read_bytes()
    except (FileNotFoundError, ProcessLookupError):
        return b""
