"""A copy of one of the golden snapshot's files that a fault may break as it likes."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from lab.faults.patient import Patient
from lab.paths import STATE_ON_HOST


@contextmanager
def golden_copy(patient: Patient, kind: str, script: str) -> Iterator[None]:
    """Judge the lab by a copy of one of the golden files (``disk``, ``vmstate``, ...), changed by ``script``.

    :param script: shell on the host, with the copy as ``$file``; the copy has the original's name.
    """
    with own_folder(patient) as folder:
        original = str(getattr(patient.settings.snapshot, kind))
        copy = str(folder / Path(original).name)
        patient.host(
            f"file={shlex.quote(copy)}\n"
            f'cp -a --reflink=auto --sparse=always {shlex.quote(original)} "$file"\n{script}'
        )
        with patient.profile(snapshot={kind: copy}):
            yield


@contextmanager
def own_folder(patient: Patient) -> Iterator[Path]:
    """A folder of our own on the host, where the golden files' copies cost nothing."""
    parent = shlex.quote(str(STATE_ON_HOST / "faults"))
    made = patient.host(f"mkdir -p {parent}; mktemp -d {parent}/XXXXXX").stdout.strip()
    try:
        yield Path(made)
    finally:
        patient.host(f"rm -rf {shlex.quote(made)}; rmdir --ignore-fail-on-non-empty {parent}")
