"""``python -m harness compare`` and ``history``: runs, and what changed from one to another."""

from __future__ import annotations

import argparse
import contextlib
import os
import select
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

from harness.errors import UnreadableError, UsageError
from harness.outward import told
from harness.suite import ROOT
from harness.verdict.about import Measured
from harness.verdict.document import read_document
from harness.verdict.history import History
from harness.verdict.past import Past, past_of
from harness.verdict.runs import RUN_ID
from harness.verdict.since import FEWEST, changes, trends
from harness.verdict.told_since import every_change, short, trend_line, value_line

_EVIDENCE = ROOT / "evidence"
_LATEST = "latest"
WORSE = 1


def add_compare(words: argparse.ArgumentParser) -> None:
    """Its options."""
    for name, which in (("first", "the earlier run"), ("second", "the later one")):
        words.add_argument(
            name, metavar=name.upper(), help=f"{which}: its id, `{_LATEST}`, or a verdict.json"
        )
    _add_folder(words)


def add_history(words: argparse.ArgumentParser) -> None:
    """Its options."""
    words.add_argument(
        "--last", type=int, default=20, metavar="N", help="how many runs (default: %(default)s)"
    )
    words.add_argument(
        "--scope", choices=("acceptance", "candidate", "smoke", "partial"), help="only runs that asked this"
    )
    words.add_argument("--name", metavar="SITE", help="only runs of the site of that name")
    _add_folder(words)


def _add_folder(words: argparse.ArgumentParser) -> None:
    words.add_argument(
        "--evidence-dir",
        type=Path,
        default=_EVIDENCE,
        metavar="DIR",
        help="where runs keep their verdicts (default: evidence/)",
    )


def compare(args: argparse.Namespace) -> int:
    """Say what changed: 0 no check is worse, 1 one is.

    :raises UsageError: there is no such run.
    """
    history = _History(args.evidence_dir)
    before, now = history.run(args.first), history.run(args.second)
    since = changes(now, before)
    with whose_reader_may_leave():
        for line in (*_heads(before, now), *every_change(since), *_numbers(before, now, history.runs)):
            print(told(line))
    return WORSE if since.new else 0


def history(args: argparse.Namespace) -> int:
    """Draw the last runs.

    :raises UsageError: there are none.
    """
    known = _History(args.evidence_dir)
    runs = [one for one in known.runs if args.scope in (None, one.scope) and args.name in (None, one.site)]
    if not runs:
        raise UsageError(f"no such run in {known.file}", hint="--evidence-dir= the folder that runs write to")
    from harness.verdict.history_page import show  # here: few need what it loads

    with whose_reader_may_leave():
        show(runs[: max(args.last, 1)])
        for line in known.trouble():
            print(told(line))
    return 0


@contextlib.contextmanager
def whose_reader_may_leave() -> Iterator[None]:
    """As ``| head`` does: what is left to say goes nowhere."""
    try:
        yield
        sys.stdout.flush()
    except BrokenPipeError:
        if not _has_left(sys.stdout.fileno()):
            raise
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _has_left(output: int) -> bool:
    """Whether nobody reads it any more: else it was another pipe."""
    poll = select.poll()
    poll.register(output, 0)  # an end of it is told unasked
    return bool(poll.poll(0))


class _History:
    """All runs that an evidence folder remembers."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._history = History(root)
        self.file = self._history.file
        try:
            self.runs = list(self._history.newest_first())
        except OSError as error:
            raise UsageError(f"{self.file}: {error.strerror}", hint="--evidence-dir=DIR") from error

    def trouble(self) -> Iterator[str]:
        """What of it could not be read."""
        if unread := self._history.unread:
            yield f"{self.file}: {unread} line{'s' if unread > 1 else ''} of it cannot be read"

    def run(self, word: str) -> Past:
        """A run by its id, a folder or a file of its verdict.

        :raises UsageError: there is none.
        """
        place = self.root / word if word == _LATEST or RUN_ID.fullmatch(word) else Path(word)
        file = place / "verdict.json" if place.is_dir() else place
        try:
            return past_of(read_document(file))
        except UnreadableError as error:
            found = next((one for one in self.runs if one.run == word), None)
            if found is None:
                raise UsageError(
                    f"no run {told(word)}: {error.message}", hint="python -m harness history"
                ) from error
            return found


def _heads(before: Past, now: Past) -> Iterator[str]:
    for which, one in (("first", before), ("second", now)):
        cut = "" if one.whole else ", not whole"
        asked = f"{one.scope}{cut}  {one.site}"
        yield f"{which:<8}{one.run}  {one.began:%Y-%m-%d %H:%M} UTC  {asked}  {one.outcome}"
    for what in sorted(before.subject.keys() | now.subject.keys()):
        was, is_now = before.subject.get(what), now.subject.get(what)
        if was != is_now:
            yield f"{what}: {short(was)}, then {short(is_now)}"
    if not now.is_of(before):
        yield "these two were not asked the same of the same site: what only one was asked is told, too"


def _numbers(before: Past, now: Past, runs: Iterable[Past]) -> Iterator[str]:
    """By the runs on both snapshots where there are enough, else these two, which prove nothing."""
    others = [
        one
        for one in runs
        if one.whole
        and one.run not in (now.run, before.run)
        and one.is_of(now)
        and one.snapshot in (before.snapshot, now.snapshot)
    ]
    told_by_runs = {trend.what: trend_line(trend) for trend in trends(now, [before, *others])}
    for what in Measured.model_fields:
        was, is_now = getattr(before.measured, what), getattr(now.measured, what)
        if what in told_by_runs:
            yield told_by_runs[what]
        elif was is not None and is_now is not None:
            yield f"{value_line(what, was, is_now)} (one run each: less than {FEWEST} tell nothing)"
