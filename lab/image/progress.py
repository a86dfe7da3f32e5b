"""Saying how far a build has come: a bar on a terminal, one line a step elsewhere."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn


class Steps:
    """A known number of steps, each named as it begins and timed as it ends."""

    def __init__(self, progress: Progress, total: int) -> None:
        self._progress = progress
        self._task = progress.add_task("", total=total)

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        """One step; one that fails is said to have failed."""
        began = time.monotonic()
        self._progress.update(self._task, description=name)
        done = "failed"
        try:
            yield
            done = "done"
        finally:
            self._progress.advance(self._task)
            self._progress.console.print(
                f"  {name:<44} {done} {time.monotonic() - began:6.1f} s", highlight=False
            )


@contextmanager
def steps(total: int) -> Iterator[Steps]:
    """Show steps while the block runs."""
    console = Console()
    columns = (
        SpinnerColumn(),
        BarColumn(bar_width=30),
        TextColumn("{task.description}"),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        yield Steps(progress, total)
