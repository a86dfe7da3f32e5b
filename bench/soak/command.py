"""``python -m bench soak``: the command line."""

from __future__ import annotations

import argparse
import random
import signal
import tempfile
from collections.abc import Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from types import FrameType

from rich.console import Console
from rich.markup import escape

from bench.soak import here
from bench.soak.account import Account
from bench.soak.course import go_on
from bench.soak.journal import Journal, begun, resumed
from bench.soak.plan import MOST, Order, schedule
from bench.soak.stage import LabStage
from bench.soak.table import show
from harness.errors import UsageError
from harness.suite import ROOT
from lab.paths import lab_paths

_FOLDER = ROOT / "build" / "soak"
_JOURNAL = "journal.jsonl"
_SEEDS = 1 << 32
INTERRUPTED = 130


def main(words: Sequence[str], console: Console) -> int:
    """Soak the running lab.

    0: all runs passed and nothing was left. 1: not so. 130: it was so, until somebody interrupted it.

    :raises HarnessError: the lab could not be used.
    """
    args = _parser().parse_args(words)
    folder: Path = args.folder.absolute()
    folder.mkdir(parents=True, exist_ok=True)
    with _journal(args, folder / _JOURNAL) as journal:
        turns = len(schedule(journal.order))
        console.print(
            f"seed {journal.order.seed}: {turns} turns, told in {folder / _JOURNAL}", soft_wrap=True
        )
        interrupted = False
        try:
            _soak(journal, folder, console)
        except KeyboardInterrupt:
            interrupted = True
        finally:
            if journal.before:
                show(journal.order, journal.accounts, turns, console)
    if any(one.is_false_alarm or one.leaks for one in journal.accounts):
        return 1
    return INTERRUPTED if interrupted else 0


def _soak(journal: Journal, folder: Path, console: Console) -> None:
    signal.signal(signal.SIGINT, _interrupt)  # a shell has what is in its background ignore it
    signal.signal(signal.SIGTERM, _interrupt)
    here.take_in()
    with tempfile.TemporaryDirectory(prefix="soak-") as temporary:
        try:
            go_on(journal, LabStage(lab_paths(), folder, Path(temporary)), lambda one: _say(one, console))
        finally:
            here.end_what_is_left()


def _say(one: Account, console: Console) -> None:
    struck = f" after the {one.victim} was killed at {one.strike.after_s:.0f} s" if one.strike else ""
    loaded = ", under load" if one.loaded else ""
    left = f"; left: {', '.join(one.leaks)}" if one.leaks else ""
    line = f"turn {one.turn}: {one.scope}{loaded}{struck}: {one.run.outcome} in {one.run.seconds:.0f} s{left}"
    console.print(escape(line), soft_wrap=True)


def _journal(args: argparse.Namespace, file: Path) -> AbstractContextManager[Journal]:
    asked = {name: getattr(args, name) for name in ("runs", "smoke", "kills", "seed", "load", "after")}
    if args.resume:
        if given := [name for name, value in asked.items() if value is not None]:
            raise UsageError(
                f"--resume goes on with what was ordered; not with --{', --'.join(given)}",
                hint="--resume alone, or with --folder=DIR",
            )
        return resumed(file)
    defaults = {"runs": 0, "smoke": 0, "kills": 0, "load": False, "after": "acceptance"}
    drawn = {"seed": random.SystemRandom().randrange(_SEEDS)}
    given_ones = {name: value for name, value in asked.items() if value is not None}
    order = Order.model_validate({**defaults, **drawn, **given_ones})
    if not schedule(order):
        raise UsageError(
            "no run is ordered, and none proves nothing", hint="say how many: --runs=N, --smoke=N"
        )
    return begun(file, order)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m bench soak", description="Soak the running lab.")
    counts = {
        "runs": "runs of acceptance",
        "smoke": "runs of smoke",
        "kills": "runs in which somebody is killed",
    }
    for name, what in counts.items():
        parser.add_argument(f"--{name}", type=_count, metavar="N", help=f"{what} (0)")
    parser.add_argument(
        "--load", action="store_true", default=None, help="half of the runs with every core and the disk busy"
    )
    parser.add_argument(
        "--after", choices=("acceptance", "smoke"), help="what must PASS after each kill (acceptance)"
    )
    parser.add_argument("--seed", type=int, metavar="N", help="of the order of turns, and of when is killed")
    parser.add_argument(
        "--folder", type=Path, default=_FOLDER, metavar="DIR", help="for journal and evidence (build/soak)"
    )
    parser.add_argument("--resume", action="store_true", help="go on with the soak of that folder")
    return parser


def _count(text: str) -> int:
    if not text.isdecimal() or len(text) > len(str(MOST)) or int(text) > MOST:
        raise argparse.ArgumentTypeError(f"{text[:100]!r} is no number of runs, of which {MOST} are the most")
    return int(text)


def _interrupt(_signal: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt
