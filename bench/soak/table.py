"""A soak as a table: what there was so far, and each false alarm and leak by itself."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from bench.soak.account import Account
from bench.soak.plan import Order
from bench.soak.tally import Row, rows, wilson

_SHOWN = 8  # checks that were red


def show(order: Order, accounts: Sequence[Account], turns: int, console: Console) -> None:
    """Print it."""
    table = Table(
        title=f"soak with seed {order.seed}: {len(accounts)} of {turns} turns", title_justify="left"
    )
    table.add_column("runs that must PASS")
    for heading in (
        "runs",
        "PASS",
        "false alarms",
        "of all, by Wilson (95 %)",
        "turns with leaks",
        "likewise",
    ):
        table.add_column(heading, justify="right")
    for row in rows(accounts):
        table.add_row(*_cells(row), end_section=False, style="bold" if row.what == "all" else "")
    console.print(table)
    for one in accounts:
        _show_trouble(one, console)
    for name, gained in sorted(_most_gained(accounts).items()):
        console.print(f"descriptors: {escape(name)} had at most {gained} more than when it was first seen")


def _cells(row: Row) -> list[str]:
    passed, alarms = str(row.runs - row.alarms), str(row.alarms)
    return [
        row.what,
        str(row.runs),
        passed,
        alarms,
        _shares(row.alarms, row.runs),
        str(row.leaks),
        _shares(row.leaks, row.runs),
    ]


def _shares(hits: int, of: int) -> str:
    least, most = wilson(hits, of)
    return f"{100 * least:.1f} to {100 * most:.1f} %"


def _show_trouble(one: Account, console: Console) -> None:
    if one.is_false_alarm:
        red = _first_of(one.run.red) or one.run.why or "nothing said why"
        console.print(f"[bold red]turn {one.turn}: {one.run.outcome}[/]: {escape(red)}", soft_wrap=True)
        console.print(f"  see {escape(one.run.evidence)}", soft_wrap=True)
    for leak, more in one.leaks.items():
        told = escape(f"{leak} ({more})" if more else leak)
        console.print(f"[bold red]turn {one.turn}: left[/]: {told}", soft_wrap=True)


def _first_of(red: Sequence[str]) -> str:
    more = [f"and {len(red) - _SHOWN} more"] if len(red) > _SHOWN else []
    return ", ".join([*red[:_SHOWN], *more])


def _most_gained(accounts: Sequence[Account]) -> dict[str, int]:
    most: dict[str, int] = {}
    for one in accounts:
        for name, gained in one.gained.items():
            most[name] = max(gained, most.get(name, 0))
    return most
