"""The clock of the machine that the suite runs on is ahead by ten seconds."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from lab.faults import host
from lab.faults.patient import Patient

REDS = {"host.clocks_agree[host-suite]", "host.clocks_agree[database-suite]"}
LAYERS = ("db", *host.LAYERS)


@contextmanager
def inject(patient: Patient) -> Iterator[None]:
    """Host and database, which share a kernel and so a clock with it here, agree."""
    patient.options += ["-p", "lab.faults.wrong_clock"]
    yield
