"""A copy of the golden snapshot's files that a fault may break as it likes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import PurePosixPath

from lab.faults.patient import Patient
from lab.paths import STATE_ON_HOST

GOLDEN = STATE_ON_HOST / "snapshots"
COPY = STATE_ON_HOST / "faults" / "fa017"
ROLES = ("vmstate", "memory", "disk", "kernel", "initrd", "manifest")


@contextmanager
def copied_snapshot(patient: Patient, script: str) -> Iterator[None]:
    """Judge the lab by a copy of the golden snapshot in whose folder ``script`` was run."""
    named = patient.settings.snapshot
    files = {role: str(COPY / PurePosixPath(getattr(named, role)).name) for role in ROLES}
    copy = f"rm -rf {COPY}; mkdir -p {COPY.parent}; cp -a --reflink=auto {GOLDEN} {COPY}; cd {COPY}"
    with (
        patient.on_host(
            do=f"{copy}\n{script}", undo=f"rm -rf {COPY}; rmdir --ignore-fail-on-non-empty {COPY.parent}"
        ),
        patient.profile(snapshot=files),
    ):
        yield
