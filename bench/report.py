"""What a part of the benchmark says: figures with their unit, ratios with their aim."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from rich.console import Console
from rich.table import Table


@dataclass(frozen=True)
class Figure:
    """One line of the report.

    ``value`` is in ``unit``: ``s``, ``MB``, or ``x`` for a ratio. ``aim`` is the most that ``value`` should
    be, in the same unit; none where the figure only explains a ratio.
    """

    what: str
    value: float
    unit: str
    aim: float | None = None
    how: str = ""

    @property
    def shown(self) -> str:
        """The value with as many digits as mean something."""
        digits = 0 if abs(self.value) >= 100 else 1 if abs(self.value) >= 10 else 3
        return f"{self.value:.{digits}f} {self.unit}"

    @property
    def reached(self) -> str:
        """Whether the aim was reached, in a word."""
        if self.aim is None:
            return ""
        return f"{'reached' if self.value <= self.aim else 'MISSED'} (aim {self.aim:.3g} {self.unit})"


def render(title: str, figures: Iterable[Figure], console: Console) -> None:
    """Print one part's figures as a table; those that there are, where it cannot be measured to its end."""
    table = Table(title=title, title_justify="left")
    for heading in ("what", "figure", "aim", "how"):
        table.add_column(heading, justify="right" if heading == "figure" else "left")
    try:
        for figure in figures:
            table.add_row(figure.what, figure.shown, figure.reached, figure.how)
    finally:
        console.print(table)
