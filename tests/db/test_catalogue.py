"""What the database lets the service write."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from harness.database.admitted import admitted
from harness.database.connection import Database
from harness.site.profile import Site


@pytest.mark.acceptance
@pytest.mark.item("database-updated", proves=False)
@pytest.mark.behind("db.tables_and_columns_are_there", "db.sees_every_row")
@pytest.mark.mend(
    step="troubleshooting",
    how="let the constraint, or the type, hold every word that the service writes; or mend the profile",
)
@pytest.mark.look("\\d {vms}", "\\d {sessions}")
def test_words_that_are_written_are_admitted(
    database: Database, site: Site, advice: Callable[[str], None]
) -> None:
    """Every status, VM type and provider of the profile may be written: the catalogue refuses none."""
    seen = admitted(database, site)
    for line in seen.untold:
        advice(line)
    assert not seen.refused, f"schema {site.database.schema_name}:\n  " + "\n  ".join(seen.refused)
