"""One of the clocks is wrong."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager

from lab.faults import database
from lab.faults.fault import LAYERS, fault
from lab.faults.patient import Patient

ALL = ("db", *LAYERS["host"])
"""A wrong clock could turn everything red that compares a time with now."""


@fault(reds={"host.clocks_agree[database-suite]", "host.clocks_agree[host-database]"}, asks=ALL)
def database_clock_ahead(patient: Patient) -> AbstractContextManager[None]:
    """The database's clock is ahead by ten seconds; host and suite agree."""
    ahead = "SELECT real_clock_timestamp() + interval '10 seconds'"
    return database.copied(patient, database.replaced("clock_timestamp() RETURNS timestamptz", ahead))


@fault(reds={"host.clocks_agree[host-suite]", "host.clocks_agree[database-suite]"}, asks=ALL)
@contextmanager
def suite_clock_ahead(patient: Patient) -> Iterator[None]:
    """The clock of the machine that the suite runs on is ahead by ten seconds.

    Host and database, which share a kernel and so a clock with it here, agree.
    """
    patient.options += ["-p", "lab.faults.wrong_clock"]
    yield
