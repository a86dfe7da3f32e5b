"""``--undo RUN``: rows as they were before a mend. What was ended or removed on the host stays so."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any

from harness.answers import read_as
from harness.database.connection import Database
from harness.mending.referring import Referring
from harness.mending.row_change import restore_rows
from harness.site.profile import Site


def undo(
    lines: Sequence[Mapping[str, Any]],
    site: Site,
    writing: Callable[[], AbstractContextManager[Database]],
) -> Iterator[str]:
    """Put back the rows of a journal, the last change first, each table's in one transaction; a line a row.

    Rows that somebody changed since are left, and named. Twice is as good as once.
    """
    for line in reversed([one for one in lines if one.get("event") == "rows"]):
        refer = read_as(list[Referring], line["refer"], whose="the journal")
        with writing() as database, database.transaction("the rows that are put back") as connection:
            done = restore_rows(
                connection, site, line["table"], before=line["before"], after=line["after"], refer=refer
            )
        yield from (f"restored  {line['table']} {key}" for key in done.restored)
        yield from (f"left      {line['table']} {key}: {why}" for key, why in done.kept.items())
    removed = [one for one in lines if one.get("event") == "copies" and one.get("files")]
    for line in removed:
        yield from (f"removed, not put back: {one['path']} ({one['size']} bytes)" for one in line["files"])
