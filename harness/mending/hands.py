"""What does one operation, and has all that an undo needs in the journal before anything is changed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from harness.answers import read_as
from harness.database.connection import Database
from harness.errors import CommandError
from harness.mend import shell_line
from harness.mending.journal import Journal
from harness.mending.operations import Images, OnHost, OnRows, OnUnit, Operation
from harness.mending.referring import Referring
from harness.mending.row_change import NotAsPlannedError, change_rows
from harness.mending.seen import Machine
from harness.site.profile import Site

OPERATE = Path(__file__).parents[1] / "host" / "probes" / "operate.py"
_HOST_S, _UNIT_S = 120.0, 90.0


@dataclass(frozen=True)
class Did:
    """What became of one operation."""

    outcome: Literal["done", "gone", "refused"]
    why: str = ""


class Hands:
    """``writing`` opens a session that may write; it is asked for only where rows are to be changed."""

    def __init__(
        self,
        machine: Machine,
        site: Site,
        writing: Callable[[], AbstractContextManager[Database]],
        journal: Journal,
    ) -> None:
        self._machine = machine
        self._site = site
        self._writing = writing
        self._journal = journal

    def do(self, operation: Operation) -> Did:
        """Do it, if the thing is still the very same.

        :raises HarnessError: it could not be done, or whether it was is not known.
        """
        if isinstance(operation, OnRows):
            return self._rows(operation)
        return self._unit(operation) if isinstance(operation, OnUnit) else self._on_host(operation)

    def _on_host(self, operation: OnHost) -> Did:
        ask = {"what": operation.what, "thing": asdict(operation.thing), "argv": list(operation.argv)}
        source = OPERATE.read_text(encoding="utf-8")
        if operation.what == "path":
            copies = self._machine.python(source, {**ask, "act": "copies"}, timeout_s=_HOST_S)
            self._journal.keep(read_as(list[Mapping[str, Any]], copies, whose="copies of files"))
        told = self._machine.python(source, {**ask, "act": "do"}, timeout_s=_HOST_S)
        return read_as(Did, told, whose=f"the host, of {shell_line(operation.argv)}")

    def _unit(self, operation: OnUnit) -> Did:
        done = self._machine.script(shell_line(operation.argv), timeout_s=_UNIT_S)
        if done.status != 0:
            raise CommandError(
                f"{shell_line(operation.argv)}: {done.stderr.strip()[-500:]}",
                hint=f"journalctl -n 50 -u {operation.unit}",
            )
        return Did("done")

    def _rows(self, operation: OnRows) -> Did:
        def announce(before: Images, after: Images, refer: list[Referring]) -> None:
            told = [asdict(one) for one in refer]
            self._journal.write("rows", table=operation.table, before=before, after=after, refer=told)

        try:
            with self._writing() as database, database.transaction("the rows that are mended") as connection:
                change_rows(connection, self._site, operation, announce)
        except NotAsPlannedError as error:
            return Did("refused", error.message)
        return Did("done")
