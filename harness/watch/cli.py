"""The command line of ``python -m harness watch``."""

from __future__ import annotations

import argparse
import os
import signal
import sys
import time
from datetime import datetime
from pathlib import Path
from types import FrameType

from harness.alone import alone
from harness.errors import UsageError
from harness.outward import told
from harness.redact import remember
from harness.site.choice import choose_site
from harness.site.load import load_site
from harness.values import seconds_of
from harness.watch.asking import ask
from harness.watch.rhythm import LONGEST_S, SHORTEST_S, Rhythm
from harness.watch.standing import Standing
from harness.watch.telling import Teller
from harness.watch.watch import Clock, Watch

_EVIDENCE = Path("evidence")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command line of the verb."""
    parser.add_argument("--every", default="10m", metavar="TIME", help="from run to run: 30s, 1h (10m)")
    parser.add_argument("--scope", choices=("smoke", "acceptance"), default="smoke", help="(smoke)")
    parser.add_argument("--site", type=Path, metavar="FILE", help="default: as a run would choose")
    parser.add_argument(
        "--checks", type=Path, action="append", default=[], metavar="DIR", help="as a run has it"
    )
    parser.add_argument("--evidence-dir", type=Path, default=_EVIDENCE, metavar="DIR", help="(evidence/)")
    parser.add_argument("--prometheus", type=Path, metavar="FILE", help="as a run has it, after each")
    parser.add_argument(
        "--webhook-env", metavar="NAME", help="the environment variable with a URL that changes are posted to"
    )
    parser.add_argument("--command", type=Path, metavar="FILE", help="a program that reads changes, as JSON")
    parser.add_argument("--runs", type=int, metavar="N", help="end after so many runs")


def main(args: argparse.Namespace) -> int:
    """Watch until interrupted."""
    every_s = seconds_of(args.every, option="--every", within=(SHORTEST_S, LONGEST_S))
    webhook = _webhook(args.webhook_env)
    profile = choose_site(args.site, os.environ).absolute()
    site, evidence = load_site(profile), args.evidence_dir.absolute()
    words = [f"--prometheus={args.prometheus.absolute()}"] if args.prometheus else []
    words += [f"--checks={folder.absolute()}" for folder in args.checks]
    command = args.command.absolute() if args.command else None
    name = f"watch-{args.scope}"
    signal.signal(signal.SIGTERM, _interrupt)
    screen = _Screen()
    other = "another watch of this site goes on, or its last run does"
    with alone(evidence / f"{name}.lock", other=other) as held:
        watch = Watch(
            ask=lambda: ask(site.name, profile, args.scope, evidence, words, [held]),
            rhythm=Rhythm(every_s),
            teller=Teller(webhook, command),
            kept=evidence / f"{name}.json",
            say=screen.say,
            waits=screen.waits,
        )
        watch.go_on(Clock(time.monotonic, time.sleep), args.runs)
    return 0


class _Screen:
    """One line that is written over on a terminal; a line a run elsewhere."""

    def __init__(self) -> None:
        self._live = sys.stdout.isatty()

    def say(self, line: str) -> None:
        clear = "\r\x1b[K" if self._live else ""
        print(f"{clear}{datetime.now().astimezone():%F %T}  {told(line)}", flush=True)

    def waits(self, standing: Standing, seconds: float) -> None:
        minutes, rest = divmod(round(seconds), 60)
        line = told(f"{standing.site}: {standing.scope} {standing.outcome}, again in {minutes}:{rest:02}")
        if self._live:
            print(f"\r\x1b[K{datetime.now().astimezone():%F %T}  {line}", end="", flush=True)
        else:
            self.say(line)


def _interrupt(_signal: int, _frame: FrameType | None) -> None:
    """A service is ended by SIGTERM, and leaves as little behind as one that a person interrupts."""
    raise KeyboardInterrupt


def _webhook(variable: str | None) -> str | None:
    if variable is None:
        return None
    url = os.environ.get(variable, "")
    if not url.startswith(("http://", "https://")):
        raise UsageError(f"--webhook-env: {variable} holds no URL", hint=f"export {variable}=https://…")
    return remember(url)
