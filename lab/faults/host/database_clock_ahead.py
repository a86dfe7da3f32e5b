"""The database's clock is ahead by ten seconds."""

from __future__ import annotations

from contextlib import AbstractContextManager

from lab.faults import database, host
from lab.faults.patient import Patient

REDS = {"host.clocks_agree[database-suite]", "host.clocks_agree[host-database]"}
LAYERS = ("db", *host.LAYERS)


def inject(patient: Patient) -> AbstractContextManager[None]:
    """Host and suite agree."""
    ahead = "SELECT real_clock_timestamp() + interval '10 seconds'"
    shifted = database.replaced("clock_timestamp() RETURNS timestamptz", ahead)
    return database.copied(patient, shifted)
