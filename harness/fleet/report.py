"""A fleet's verdict as text: what is wrong first, and what sites share told once."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence

from harness.fleet.document import FleetDocument, SharedCause
from harness.fleet.result import SiteResult
from harness.outward import told
from harness.text import beginning, one_line
from harness.verdict.document import RunOutcome

_MARGIN = 13
_MOST = 20  # causes, and sites of an outcome, that are told; all of them are in the file
_NAMED = 8  # sites of a cause that are named
_SEEN = 300
_WORDS: tuple[RunOutcome, ...] = ("FAIL", "BROKEN", "NOT PROVEN", "PASS")


def rendered(fleet: FleetDocument, *, width: int = 100) -> str:
    """All that a terminal is told."""
    return told("\n".join(_lines(fleet, width)))


def verdict_line(fleet: FleetDocument) -> str:
    """What it came to in words."""
    counts = [f"{fleet.counts[word]} {word}" for word in _WORDS if fleet.counts.get(word)]
    merged = f", merged of {fleet.merged} files" if fleet.merged else ""
    asked = f"{_sites(len(fleet.sites))} in {fleet.scope}"
    return f"FLEET VERDICT: {fleet.outcome}{merged} ({asked}: {', '.join(counts) or 'none'})"


def site_line(result: SiteResult, done: int, of: int) -> str:
    """A site that has come to its end, while others go on."""
    place, first = f"[{done:>{len(str(of))}}/{of}]", next(iter(result.findings), None)
    seen = one_line(beginning(_headline(first.seen), 80)) if first else one_line(result.why)
    name = f"{first.check}: " if first and first.check else ""
    line = f"{place} {result.outcome:<10}  {one_line(result.key)}  {result.seconds:.1f} s"
    return told(f"{line}  {name}{seen}".rstrip())


def _lines(fleet: FleetDocument, width: int) -> Iterator[str]:
    for cause in fleet.causes[:_MOST]:
        yield from _cause(cause, len(fleet.sites), width)
        yield ""
    if len(fleet.causes) > _MOST:
        yield f"… and {len(fleet.causes) - _MOST} more causes, in fleet.json"
        yield ""
    for word in _WORDS:
        of_it = [one for one in fleet.sites if one.outcome == word]
        if of_it and word == "PASS":
            yield f"{word:<{_MARGIN}}{_sites(len(of_it))}"
        elif of_it:
            yield from _sites_of(word, of_it)
    yield ""
    if fleet.stopped:
        yield f"stopped: {one_line(fleet.stopped)}"
    yield verdict_line(fleet)


def _cause(cause: SharedCause, of: int, width: int) -> Iterator[str]:
    more = f" and {cause.more} more" if cause.more else ""
    named = f"{cause.check or 'beside the checks'}{more}"
    yield f"{cause.outcome:<{_MARGIN}}{one_line(named)}: {len(cause.sites)} of {_sites(of)}"
    yield from _entry("sites", _named(cause.sites), width)
    if cause.cause:
        yield from _entry("cause", cause.cause, width)
    yield from _entry("seen", f"at {cause.sites[0]}: {beginning(cause.seen, _SEEN)}", width)
    if cause.next:
        yield from _entry("mend" if cause.outcome == "FAIL" else "next", cause.next, width)


def _entry(name: str, text: str, width: int) -> Iterator[str]:
    lines = [one_line(line) for line in text.strip().splitlines()] or [""]
    room = max(width - _MARGIN - 7, 30)
    wrapped = [part for line in lines for part in textwrap.wrap(line, room, break_on_hyphens=False) or [""]]
    for number, line in enumerate(wrapped):
        yield f"{'':<{_MARGIN}}{name if not number else '':<7}{line}"


def _sites_of(word: str, many: Sequence[SiteResult]) -> Iterator[str]:
    """Each with where its evidence lies, or why there is none."""
    yield f"{word:<{_MARGIN}}{_sites(len(many))}"
    lines: dict[str, list[str]] = {}
    for one in many:
        where = one_line(beginning(_headline(one.evidence or one.why), 200))
        lines.setdefault(where, []).append(one_line(one.key))
    for where, keys in [*lines.items()][:_MOST]:
        yield f"  {_named(keys):<{_MARGIN + 8}}  {where}".rstrip()
    if len(lines) > _MOST:
        yield f"  … and {len(lines) - _MOST} more, in fleet.json"


def _named(keys: Sequence[str]) -> str:
    more = f" and {len(keys) - _NAMED} more" if len(keys) > _NAMED else ""
    return f"{', '.join(map(one_line, keys[:_NAMED]))}{more}"


def _headline(text: str) -> str:
    return text.strip().partition("\n")[0]


def _sites(count: int) -> str:
    return f"{count} site{'' if count == 1 else 's'}"
