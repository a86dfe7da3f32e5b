"""Who owns a folder of a run: said by a note inside it, which is there before all else and goes last.

Part of the custodian. Sent to the host: standard library only, Python 3.9 or newer. A name proves nothing:
anybody may call a folder ``acc-202409``, and hosts may share the storage that disk copies are on.
"""

from __future__ import annotations

import contextlib
import enum
import os
import platform
import re
import shutil
from collections.abc import Collection
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from harness.custodian import notes
from harness.custodian.names import DRAFT_NAME, RUN_NAME, is_running, start_time

NOTE = "owner.json"
MACHINE_ID = Path("/etc/machine-id")
BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
_TRIES = 5


class Standing(enum.Enum):
    """What a note says of its owner, judged on this host."""

    ALIVE = "it runs"
    DEAD = "it ran here, and is dead"
    ELSEWHERE = "it is not for this host to say"


@dataclass(frozen=True)
class Owner:
    """A run's custodian, so that it is told apart from every other process anywhere."""

    run: str
    machine: str
    """The host's machine-id; empty where it has none."""
    hostname: str
    boot: str
    processes: int
    """The namespace that the pid counts in."""
    pid: int
    start: int
    """Ticks since boot."""
    disks: str
    """The folder of the run's disk copies."""

    @classmethod
    def myself(cls, run: str, disks: Path) -> Owner:
        """This process."""
        pid = os.getpid()
        return cls(
            run=run,
            machine=_machine_id(),
            hostname=platform.node(),
            boot=BOOT_ID.read_text().strip(),
            processes=_process_namespace(),
            pid=pid,
            start=start_time(pid) or 0,
            disks=str(disks),
        )

    @classmethod
    def of(cls, folder: Path) -> Owner:
        """The owner of a folder, as the note inside says.

        :raises notes.Unreadable: no note of ours is in it, or it is another folder's.
        """
        if folder.is_symlink() or not folder.is_dir():
            raise notes.Unreadable("it is no folder")
        said = notes.read(folder / NOTE)
        wanted = {field.name: int if field.type == "int" else str for field in fields(cls)}
        if any(type(said.get(name)) is not kind for name, kind in wanted.items()):
            raise notes.Unreadable(f"{NOTE} does not say which process of which host it is of")
        owner = cls(**{name: said[name] for name in wanted})
        if not RUN_NAME.fullmatch(owner.run) or owner.run != _run_of(folder):
            raise notes.Unreadable(f"{NOTE} is of another folder")
        return owner

    def standing(self) -> Standing:
        """Whether it lives, as far as this host can know.

        Hosts that were cloned share a machine-id, containers a boot: in doubt it is somebody else's.
        """
        here = Owner.myself(self.run, Path(self.disks))
        same = self.machine == here.machine
        if self.boot == here.boot:
            if not same or self.processes != here.processes:
                return Standing.ELSEWHERE
            return Standing.ALIVE if is_running(self.pid, self.start) else Standing.DEAD
        if same and self.machine and self.hostname == here.hostname:
            return Standing.DEAD  # with all processes of that boot
        return Standing.ELSEWHERE

    def __str__(self) -> str:
        return f"pid {self.pid} of {self.hostname} (machine-id {self.machine or 'unknown'}, boot {self.boot})"


def claim(folder: Path, owner: Owner, *, mode: int) -> None:
    """Make a folder together with the note of who owns it: it is never seen without.

    :raises FileExistsError: something of that name is there.
    """
    draft = _draft_of(folder)
    if os.path.lexists(folder):
        raise FileExistsError(f"{folder} is there already")
    try:
        _make_draft(draft, owner)
        draft.chmod(mode)
        draft.rename(folder)
    except BaseException:
        with contextlib.suppress(OSError):
            discard_draft(draft)
        raise


def remove(folder: Path, *, keep: Collection[Path] = ()) -> list[str]:
    """Remove a folder of ours with all that is in it; a line for each thing that could not be.

    The note goes last, and the name before it: killed at any moment, this leaves nothing that has no owner.

    :param keep: what is to stay, and the folder and its note with it.
    """
    failures: list[str] = []
    for entry in _entries(folder):
        if entry.name != NOTE and entry not in keep:
            _remove_entry(entry, failures)
    if not failures and all(entry.name == NOTE for entry in _entries(folder)):
        draft = _draft_of(folder)
        with contextlib.suppress(FileNotFoundError):  # somebody else has removed it
            folder.rename(draft)
            discard_draft(draft)
    return failures


def discard_draft(draft: Path) -> None:
    """Remove a folder that was left half made or half removed, if nothing but a note was ever in it."""
    ours = {NOTE, notes.draft_of(draft / NOTE).name}
    if {entry.name for entry in _entries(draft)} <= ours:
        for name in ours:
            (draft / name).unlink(missing_ok=True)
        draft.rmdir()


def _make_draft(draft: Path, owner: Owner) -> None:
    for left in reversed(range(_TRIES)):
        try:
            draft.mkdir()
            notes.write(draft / NOTE, asdict(owner))
        except FileNotFoundError:  # a reaper took it for one that was left half made
            if not left:
                raise
        else:
            return


def _draft_of(folder: Path) -> Path:
    return folder.with_name(f".{folder.name}.{os.getpid()}")


def _run_of(folder: Path) -> str:
    """The run that a folder is named for, also while it is being made or removed."""
    return folder.name[1:].rpartition(".")[0] if DRAFT_NAME.fullmatch(folder.name) else folder.name


def _entries(folder: Path) -> list[Path]:
    try:
        return sorted(folder.iterdir())
    except FileNotFoundError:
        return []


def _remove_entry(entry: Path, failures: list[str]) -> None:
    def failed(_: Any, path: str, what: Any) -> None:
        if not isinstance(what[1], FileNotFoundError):  # somebody else removed it
            failures.append(f"{path}: {what[1]}")

    if entry.is_dir() and not entry.is_symlink():
        shutil.rmtree(entry, onerror=failed)
        return
    try:
        entry.unlink(missing_ok=True)
    except OSError as error:
        failures.append(f"{entry}: {error}")


def _machine_id() -> str:
    """Empty where there is none: a container's may lack it, or it is not yet set."""
    with contextlib.suppress(OSError, ValueError):
        found = re.fullmatch(r"[0-9a-f]{32}", MACHINE_ID.read_text(encoding="ascii").strip())
        return found[0] if found else ""
    return ""


def _process_namespace() -> int:
    return Path("/proc/self/ns/pid").stat().st_ino
