"""Ending a session changes the row of another one, which was over long before."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from lab.faults import rows
from lab.faults.controller import SESSION, trigger
from lab.faults.patient import Patient

REDS = {"session.other_rows_are_as_before"}
LAYERS = SESSION
_WHAT = "UPDATE auth_sessions SET retry_count = retry_count + 1 WHERE session_id::text LIKE 'fa017%';"


@contextmanager
def inject(patient: Patient) -> Iterator[None]:
    """A completed session gets another count when one of the suite's users' is cancelled."""
    begin, end = trigger("auth_sessions", when="NEW.status = 'cancelled'", what=_WHAT)
    with rows.present(patient, rows.session()), patient.rows(insert=begin, remove=end):
        yield
