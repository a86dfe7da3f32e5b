"""``python -m harness promote``: a snapshot that the gate allows takes the golden one's place."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import Any

from harness.answers import read_as
from harness.errors import HarnessError, UsageError
from harness.gate.ask import ALLOW, DENY, Conditions, answer_on, status_of, told_before
from harness.gate.words import conditions_of
from harness.host.golden.digests import measure
from harness.host.golden.files import paths_of
from harness.host.golden.promotion import Promoted, promote
from harness.host.hypervisor import Hypervisor
from harness.outward import told
from harness.site.candidate import candidate_site
from harness.site.load import load_site
from harness.site.profile import Site
from harness.verdict.document import Document
from harness.vm.clone import making

PREVIOUS = "previous"
_NAMES_S = 30.0
_NAMES = """
import json, os, sys
def names(path):
    folder, name = os.path.split(path)
    return [os.path.normpath(path), os.path.join(os.path.realpath(folder), name), os.path.realpath(path)]
print(json.dumps([names(path) for path in json.loads(sys.argv[1])]))
"""
"""As it is written, where it lies, and where it leads if it is a link."""

Say = Callable[[str], None]


@dataclass(frozen=True)
class _As:
    """The host of a candidate, asked as the site that its profile has."""

    site: Site
    host: Hypervisor

    def python(self, source: str, argument: object = None, *, timeout_s: float) -> Any:
        """Run a program there."""
        return self.host.python(source, argument, timeout_s=timeout_s)


def promote_by(args: argparse.Namespace, profile: Path) -> int:
    """Do what was typed: 0 done, 1 the gate denies, 3 it could not be done, 4 a mistake."""

    def say(line: str) -> None:
        print(told(line), flush=True)

    try:
        if bool(args.folder) == args.back:
            raise UsageError("either a candidate's folder or --back", hint="python -m harness promote DIR")
        if args.again and not args.back:
            raise UsageError("--again goes with --back", hint="python -m harness promote --back --again")
        site, conditions = load_site(profile), conditions_of(args)
        if args.back:
            return _back(site, say, again=args.again)
        return _promote(site, replace(conditions, candidate=args.folder), args.folder, say)
    except HarnessError as error:
        print(told(str(error)), file=sys.stderr)
        return status_of(error)


def _back(site: Site, say: Say, *, again: bool) -> int:
    with Hypervisor(site) as host:
        finished = _settled(host.site, host, say)
        if finished == PREVIOUS:  # that is what was asked for before
            return ALLOW
        done = promote(host, "back", again=again)
        if done.already:
            say("already back: the former snapshot is golden, nothing was changed")
            say("next: python -m harness promote --back --again goes to the one that was golden before that")
        else:
            _tell(done, "the former snapshot", say, back=True)
    return ALLOW


def _promote(site: Site, conditions: Conditions, folder: PurePosixPath, say: Say) -> int:
    told_before(conditions)
    with Hypervisor(candidate_site(site, folder)) as host:
        golden = _As(site, host)
        _settled(site, host, say)
        answer = answer_on(golden, conditions)
        say(str(answer))
        if not answer.allows or answer.told is None:
            return DENY
        judged = _digests(answer.told.document)
        if _golden_now(golden) == judged:
            say("it is golden already: nothing was changed")
            return ALLOW
        _refuse_recorded(host, folder)
        _tell(promote(golden, "promote", str(folder), judged), str(folder), say)
    return ALLOW


def _settled(site: Site, host: Hypervisor, say: Say) -> str:
    """What a promotion made golden that was cut short, and is finished now; empty where none was."""
    done = promote(_As(site, host), "settle")
    if done.finished:
        say(f"a promotion that was cut short is finished: golden is what was made of {done.finished}")
    _tell_left(done, say)
    return done.finished


def _tell(done: Promoted, what: str, say: Say, *, back: bool = False) -> None:
    how = "in a single step" if done.whole else "file by file"
    way = "--back --again" if back else "--back"
    say(f"golden now: {what} ({how}); the one before is kept: python -m harness promote {way}")
    _tell_left(done, say)


def _tell_left(done: Promoted, say: Say) -> None:
    if done.left:
        say(f"what lies on the shelf could not be cleared up: {done.left}")


def _digests(document: Document) -> dict[str, str]:
    return {role: one.sha256 for role, one in document.snapshot.files.items() if one.sha256}


def _golden_now(golden: _As) -> dict[str, str]:
    paths = paths_of(golden.site)
    found = measure(golden, paths.values(), mode="changed")
    return {role: found[path].sha256 for role, path in paths.items()}


def _refuse_recorded(host: Hypervisor, folder: PurePosixPath) -> None:
    """A snapshot opens its drives where they lay when it was taken: that must not be the candidate's folder.

    The VMM is asked, which knows its own format.
    """
    if host.site.snapshot.vmstate is None:
        return
    with making(host) as clone:
        clone.load()
        drives = clone.api.drive_paths()
        clone.destroy()
    answer = host.python(_NAMES, [str(folder), *drives], timeout_s=_NAMES_S)
    places, *names = read_as(list[list[str]], answer, whose="the host, of where paths lead")
    if recorded := [drive for drive, own in zip(drives, names, strict=True) if _any_within(own, places)]:
        raise UsageError(
            f"the snapshot opens {', '.join(recorded)} when it is loaded: it would break with that folder",
            hint="take it where its files are seen at their golden paths, as in a mount namespace with the "
            "candidate's folder bound there",
        )


def _any_within(names: list[str], places: list[str]) -> bool:
    return any(PurePosixPath(name).is_relative_to(place) for name in names for place in places)
