"""``--undo RUN``: rows as they were before a mend. What was ended or removed on the host stays so."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass
from typing import Any, Literal

from harness.answers import read_as
from harness.database.connection import Database
from harness.errors import UsageError
from harness.mending.journal import Journal
from harness.mending.operations import Images
from harness.mending.referring import Referring
from harness.mending.row_change import SAME, restore_rows
from harness.site.profile import Site

Line = Mapping[str, Any]
Confirm = Callable[[str, str, Mapping[str, Any]], bool]
"""Whether a row of a table, by its key, is to be as it was."""


@dataclass(frozen=True)
class Undone:
    """One row, and what became of it."""

    outcome: Literal["restored", "as it was", "left"]
    table: str
    key: str
    why: str = ""

    def __str__(self) -> str:
        return f"{self.outcome:<9} {self.table} {self.key}" + (f": {self.why}" if self.why else "")


def require_site(lines: Sequence[Line], site: Site) -> None:
    """A journal's rows go back where they were, and into no other site's tables.

    :raises UsageError: it is another site's, or does not say whose it is.
    """
    whose = next((one.get("site") for one in lines if one.get("event") in ("plan", "undo")), None)
    if whose != site.name:
        raise UsageError(
            f"that run mended {whose or 'nobody knows which site'}, and this is {site.name}",
            hint="--site=FILE of the site that was mended",
        )


def undo(
    lines: Sequence[Line],
    site: Site,
    writing: Callable[[], AbstractContextManager[Database]],
    journal: Journal,
    confirm: Confirm,
) -> Iterator[Undone]:
    """Put back the rows of a journal, the last change first, each table's in one transaction.

    Rows that somebody changed since are left, and named. Twice is as good as once; and what is put back is
    in a journal of its own.
    """
    require_site(lines, site)
    for line in reversed([one for one in lines if one.get("event") == "rows"]):
        table: str = line["table"]
        wanted = {key: was for key, was in line["before"].items() if confirm(table, key, was)}
        yield from (Undone("left", table, key, "you said so") for key in line["before"] if key not in wanted)

        def announce(before: Images, after: Images, refer: list[Referring], table: str = table) -> None:
            told = [asdict(one) for one in refer]
            journal.write("rows", table=table, before=before, after=after, refer=told)

        refer = read_as(list[Referring], line["refer"], whose="the journal")
        with writing() as database, database.transaction("the rows that are put back") as connection:
            done = restore_rows(
                connection, site, table, before=wanted, after=line["after"], refer=refer, announce=announce
            )
        yield from (Undone("restored", table, key) for key in done.restored)
        for key, why in done.kept.items():
            yield Undone("as it was" if why == SAME else "left", table, key, "" if why == SAME else why)


def not_put_back(lines: Sequence[Line]) -> Iterator[str]:
    """What was removed on the host, and stays so."""
    for line in (one for one in lines if one.get("event") == "copies"):
        yield from (f"removed, not put back: {one['path']} ({one['size']} bytes)" for one in line["files"])
