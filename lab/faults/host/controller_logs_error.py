"""The controller has logged an error."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from contextlib import contextmanager

from harness.errors import CommandError
from lab.faults.live_vm import login
from lab.faults.patient import Patient

REDS = {"host.controller_logs_no_errors"}
_DENY = "REVOKE SELECT ON users FROM controller"
_GRANT = "GRANT SELECT ON users TO controller"


@contextmanager
def inject(patient: Patient) -> Iterator[None]:
    """It could not read the users when one of them wanted to log in; now it can again."""
    try:
        with patient.rows(insert=_DENY, remove=_GRANT), contextlib.suppress(CommandError):
            login(patient)  # answered 500, as it should be
        yield
    finally:
        patient.host("systemctl restart master-controller")
