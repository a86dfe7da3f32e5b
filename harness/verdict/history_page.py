"""The last runs as a table, and the checks among them that are not steady."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from itertools import islice

from rich.console import Console
from rich.table import Table
from rich.text import Text

from harness.outward import told
from harness.verdict.past import Past
from harness.verdict.since import unsteady
from harness.verdict.told_since import WORDS, short

_STYLES = {"PASS": "green", "FAIL": "bold red", "BROKEN": "bold magenta", "NOT PROVEN": "yellow"}
_WIDE = 200  # where no terminal says how wide it is: a line a run
_MOST = 20  # checks that are not steady
_FLAKY = "Flaky, or about what has no digest (they changed, and no digest of what was judged did):"
_NUMBERS = {
    "took": "",
    "restore": "restore_healthy_s",
    "boot": "cold_boot_healthy_s",
    "memory": "clone_private_kib",
}


def show(runs: Sequence[Past]) -> None:
    """Print it: the newest run first."""
    console = Console(width=None if sys.stdout.isatty() else _WIDE, highlight=False)
    console.print(_table(runs))
    for line in _flaky(runs):
        console.print(Text(told(line)), soft_wrap=True)


def _table(runs: Sequence[Past]) -> Table:
    """A row for each; a column in which there would be nothing is left out."""
    rows = [_row(one) for one in runs]
    columns = [name for name in rows[0] if any(row[name] for row in rows)]
    if len({(one.site, one.host) for one in runs}) == 1:
        columns.remove("site")
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in columns:
        table.add_column(name, overflow="fold", justify="right" if name in _NUMBERS else "left")
    for row in rows:
        table.add_row(*(_cell(row[name]) for name in columns))
    return table


def _row(one: Past) -> dict[str, str]:
    outcomes = [outcome for outcome, _ in one.checks.values()]
    counts = [f"{outcomes.count(word)} {word}" for word in _STYLES if word in outcomes]
    return {
        "run": one.run,
        "began (UTC)": f"{one.began:%Y-%m-%d %H:%M}",
        "site": one.site,
        "scope": one.scope if one.whole or one.scope == "partial" else f"{one.scope}, cut",
        "outcome": one.outcome,
        "checks": ", ".join(counts),
        "disk": short(one.subject.get("snapshot disk")),
        "took": f"{(one.ended - one.began).total_seconds():.0f} s",
        **{name: _number(one, what) for name, what in _NUMBERS.items() if what},
    }


def _number(one: Past, what: str) -> str:
    value = getattr(one.measured, what)
    return "" if value is None else WORDS[what][3].format(value)


def _cell(text: str) -> Text:
    return Text(told(text), style=_STYLES.get(text, ""))


def _flaky(runs: Sequence[Past]) -> Iterator[str]:
    found = sorted(unsteady(runs).items(), key=lambda one: (-one[1], one[0]))
    if found:
        yield ""
        yield _FLAKY
    for name, times in islice(found, _MOST):
        yield f"  {name}: {times} time{'s' if times > 1 else ''}"
