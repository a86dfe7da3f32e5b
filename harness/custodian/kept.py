"""VMs that stay for a look when their run is over, as they are on record. Part of the custodian.

Sent to the host: standard library only, Python 3.9 or newer.
"""

from __future__ import annotations

import contextlib
import os
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from harness.custodian import notes, reaper
from harness.custodian.cell import Refused
from harness.custodian.owner import Owner, Standing

NOTES = "kept-*.json"
MOST = 3
"""VMs that are kept on a host at once, by all runs together."""


@dataclass(frozen=True)
class Kept:
    """A VM that stays, from the moment that it is asked for."""

    name: str
    why: str
    """The check for which it stays."""
    seconds: float
    """How long, counted from the end of its run."""
    until: float | None = None
    """This host's time at its end; None while its run goes on."""

    @classmethod
    def read(cls, note: Path) -> Kept:
        """What a note is about.

        :raises notes.Unreadable: it is about no such thing.
        """
        said = notes.read(note)
        right = (
            all(isinstance(said.get(name), str) for name in ("name", "why"))
            and type(said.get("seconds")) in (int, float)
            and type(said.get("until")) in (int, float, type(None))
        )
        if not right:
            raise notes.Unreadable(f"{note.name} does not say which VM it is of")
        return cls(**{name: said[name] for name in cls.__dataclass_fields__})

    def write(self, directory: Path) -> None:
        """Put it on record."""
        notes.write(note_of(directory, self.name), asdict(self))

    def ending(self, until: float) -> Kept:
        """The same, once its run is over."""
        return replace(self, until=until)


def note_of(directory: Path, name: str) -> Path:
    """Where it is on record, in its run's directory."""
    return directory / f"kept-{name.rpartition('-')[2]}.json"


def on_record() -> list[Kept]:
    """What all runs keep here whose custodians live."""
    found = []
    for directory in reaper.runs():
        with contextlib.suppress(notes.Unreadable):
            if Owner.of(directory).standing() is not Standing.ALIVE:
                continue
            for note in sorted(directory.glob(NOTES)):
                with contextlib.suppress(notes.Unreadable):
                    found.append(Kept.read(note))
    return found


def keep(directory: Path, kept: Kept, *, disks: Path, spare_memory_mib: int, spare_disk_mib: int) -> None:
    """Put one more on record, where the host can bear it.

    :param disks: where its disk lies.
    :param spare_memory_mib: what must be free beside it, for a run that comes meanwhile.
    :raises Refused: it cannot.
    """
    kept.write(directory)  # first: of two who ask at once, none sees too few
    try:
        _admit(kept, disks, spare_memory_mib, spare_disk_mib)
    except BaseException:
        note_of(directory, kept.name).unlink(missing_ok=True)
        raise


def _admit(kept: Kept, disks: Path, memory_mib: int, disk_mib: int) -> None:
    others = sorted(one.name for one in on_record() if one.name != kept.name)
    if len(others) >= MOST:
        raise Refused(f"this host keeps {MOST} VMs already, and never more: {', '.join(others)}")
    if (free := _free_memory_mib()) < memory_mib:
        raise Refused(f"the host has {free} MiB of memory free, and {memory_mib} are to be left for a clone")
    space = os.statvfs(disks)
    if (free := space.f_bavail * space.f_frsize >> 20) < disk_mib:
        raise Refused(f"{disks} has {free} MiB free, and {disk_mib} are to be left")


def _free_memory_mib() -> int:
    lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) >> 10 for line in lines if line.startswith("MemAvailable:"))
