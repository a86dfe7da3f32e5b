"""The API socket of a VM that nobody knows was left behind."""

from __future__ import annotations

from contextlib import AbstractContextManager

from lab.faults import things
from lab.faults.patient import Patient

REDS = {"host.no_socket_without_row"}


def inject(patient: Patient) -> AbstractContextManager[None]:
    """Nobody listens on it."""
    return things.socket(patient)
