"""Holding the host against the rows: every judge over one look, and more looks where something is wrong."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from harness.errors import HarnessError
from harness.findings import Finding, lasting_findings
from harness.world.inventory import Inventory
from harness.world.promises import bad_addresses, rows_without_process, rows_without_socket, rows_without_tap
from harness.world.strays import stray_entries, stray_processes, stray_sockets, stray_taps
from harness.world.unjailed import outside_of_jails

Judge = Callable[[Inventory], list[Finding]]

JUDGES: tuple[Judge, ...] = (
    stray_processes,
    stray_entries,
    stray_sockets,
    stray_taps,
    rows_without_process,
    rows_without_socket,
    rows_without_tap,
    bad_addresses,
    outside_of_jails,
)


@dataclass(frozen=True)
class Reconciled:
    """What each judge found at every look, or why it could not judge."""

    found: Mapping[Judge, list[Finding] | HarnessError]

    def of(self, judge: Judge) -> list[Finding]:
        """One judge's findings.

        :raises HarnessError: it could not judge.
        """
        answer = self.found[judge]
        if isinstance(answer, HarnessError):
            raise answer
        return answer


def reconciled(first: Inventory, look: Callable[[], Inventory], *, timeout_s: float) -> Reconciled:
    """Judge a first look; while anything is wrong, look again until it is not, or the time is over."""
    answers = {judge: _judged(judge, first) for judge in JUDGES}
    suspects = {judge: found for judge, found in answers.items() if isinstance(found, list) and found}

    def again() -> list[Finding]:
        inventory = look()
        return [one for judge in suspects for one in judge(inventory)]

    left = lasting_findings(
        [one for found in suspects.values() for one in found],
        again,
        what="host and database settle",
        timeout_s=timeout_s,
    )
    keys = {one.key for one in left}
    stayed = {judge: [one for one in found if one.key in keys] for judge, found in suspects.items()}
    return Reconciled({**answers, **stayed})


def _judged(judge: Judge, inventory: Inventory) -> list[Finding] | HarnessError:
    try:
        return judge(inventory)
    except HarnessError as error:
        return error
