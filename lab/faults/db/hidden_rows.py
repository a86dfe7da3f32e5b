"""Row-level security hides every row from our role."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from lab.faults import database
from lab.faults.patient import Patient
from lab.minipc import keys

REDS: set[str] = set()
BROKEN = {"db.sees_every_row", *database.SESSION_CLAIMS, *database.VM_CLAIMS}
ROLE = "fa017"
_DROP = f"DROP OWNED BY {ROLE}; DROP ROLE {ROLE}"


@contextmanager
def inject(patient: Patient) -> Iterator[None]:
    """It may SELECT, and no policy lets it see anything."""
    password = keys.password(patient.paths, "acceptance_ro")
    _, _, where = keys.database_url(patient.paths, "acceptance_ro").rpartition("@")
    create = (
        f"CREATE ROLE {ROLE} LOGIN PASSWORD '{password}';"
        f"GRANT SELECT ON ALL TABLES IN SCHEMA public TO {ROLE}"
    )
    with (
        patient.rows(insert=create, remove=_DROP),
        database.reached_by(patient, f"postgresql://{ROLE}:{password}@{where}"),
    ):
        yield
