"""The verdict as text: readable in 80 columns, without colour, by somebody who was just woken."""

from __future__ import annotations

import io
import re
import textwrap
from collections.abc import Iterator, Mapping, Sequence

from rich.console import Console
from rich.text import Text

from harness.mend import HEADING
from harness.verdict.checklist import step_name
from harness.verdict.outcome import (
    CheckResult,
    ItemVerdict,
    Outcome,
    RunVerdict,
    behind_each,
    checks_behind,
)
from harness.verdict.told import told_verdict
from harness.verdict.told_since import heading, lines

STYLES = {
    Outcome.PASS: "green",
    Outcome.FAIL: "bold red",
    Outcome.BROKEN: "bold magenta",
    Outcome.NOT_PROVEN: "yellow",
    Outcome.WAIVED: "cyan",
    Outcome.ADVISORY: "cyan",
    Outcome.NOT_APPLICABLE: "dim",
}
_WIDEST = 100  # longer lines are hard to read, however wide the terminal is
_MARGIN = 13
SEEN_LINES = 6
_ENTRIES = 100  # of a section below the items
LONGEST = 300
_COMMAND = re.compile(r"(?:mend|look)\b[^:]{0,40}: ")
"""How a line begins that holds a command, besides those below the heading of mends."""
_FEW = 2  # checks that are named, though what kept them from telling is told already
_TOLD_ELSEWHERE = ("run", "scope")  # in the name of the evidence's folder, and in the last line
_UNTOLD = (Outcome.BROKEN, Outcome.NOT_PROVEN)
_FIRST = 5  # checks that others are behind, above all

Cause = tuple[Outcome, str, str]
"""What kept a check from telling: what was seen, and what to do next."""


def rendered(verdict: RunVerdict, *, width: int, colour: bool, verbose: bool) -> str:
    """The whole verdict; with ``verbose`` every check is named, else those that did not pass."""
    out = io.StringIO()
    console = Console(
        file=out,
        width=width + 1,  # rich would otherwise break a line that fills the terminal
        force_terminal=colour,
        color_system="standard" if colour else None,
        highlight=False,
        soft_wrap=True,
    )
    for line in _lines(told_verdict(verdict), min(width, _WIDEST), verbose=verbose):
        console.print(line)
    return out.getvalue()


def one_line(verdict: RunVerdict) -> str:
    """The run's outcome in words."""
    items = [i.outcome for i in verdict.items if i.in_scope or i.outcome in (Outcome.FAIL, Outcome.BROKEN)]
    counted, noun = (items, "items") if items else ([r.outcome for r in verdict.results], "checks")
    counts = {outcome: counted.count(outcome) for outcome in STYLES}
    scope = {"acceptance": "", "partial": "partial run: "}.get(verdict.scope.name, f"{verdict.scope.name}: ")
    words = [f"{counts.pop(Outcome.PASS)} of {len(counted)} {noun} PASS"]
    words += [f"{count} {outcome.value}" for outcome, count in counts.items() if count]
    merged = f", merged of {len(verdict.merged) + 1} runs" if verdict.merged else ""
    waived = f", {_waived(verdict)}" if verdict.waivers else ""
    return f"VERDICT: {verdict.outcome.value}{merged}{waived} ({scope}{', '.join(words)})"


def _waived(verdict: RunVerdict) -> str:
    """How many checks are, until when the first of them, and whether that is soon."""
    waivers, now = verdict.waivers, verdict.lasted[1]
    first = "" if len(waivers) == 1 else ", the first"
    soon = f", which {warning}" if (warning := waivers[0].warning(now)) else ""
    return f"{len(waivers)} waived{first} until {waivers[0].until}{soon}"


def _lines(verdict: RunVerdict, width: int, *, verbose: bool) -> Iterator[Text]:
    facts = {**verdict.facts, "scope": _scope(verdict)}
    for name, value in facts.items():
        if verbose or "evidence" not in facts or name not in _TOLD_ELSEWHERE:
            yield _plain(f"{name:<{_MARGIN}}{value}")
    behind = _told_behind(verdict)
    for root, count in list(behind.items())[:_FIRST]:
        yield _plain(f"{'first':<{_MARGIN}}{root}: {checks_behind(count)}")
    yield _plain("")
    causes: dict[Cause, str] = {}
    for item in verdict.items:
        yield from _item(item, width, causes, behind, verbose=verbose)
    sections = {
        heading(verdict.since): lines(verdict.since),
        "Beside the checks": [f"{outcome.value}: {text}" for outcome, text in verdict.trouble],
        "Advice (changes no outcome)": [f"{name}: {text}" for name, text in verdict.advice],
        "Not applicable to this site": [
            f"{result.check.name}: {result.seen}"
            for result in verdict.results
            if result.outcome is Outcome.NOT_APPLICABLE
        ],
        "Asked again (the others are as the run before came to them)": [
            f"{result.check.name}: {result.outcome.value}; in run {one.run} {one.outcome.value}: {one.seen}"
            for result in verdict.results
            for one in result.tries
        ],
        "Advisory at this site (decides nothing)": [
            f"{result.check.name}: {(result.found or result.outcome).value}"
            for result in verdict.results
            if result.advisory and result.outcome is not Outcome.NOT_APPLICABLE
        ],
        "Left on the host, and what became of it": list(verdict.leftovers),
        "Narrowed, so not the whole checklist": list(verdict.scope.narrowed),
    }
    for title, texts in sections.items():
        yield from _section(title, texts, width)
    yield from _section("Could not be written (changes no outcome)", verdict.unwritten, width, whole=True)
    yield _plain("")
    yield Text(one_line(verdict), style=STYLES[verdict.outcome])


def _scope(verdict: RunVerdict) -> str:
    return {
        "acceptance": "acceptance: every item of the checklist must be proven",
        "candidate": "candidate: the items that a snapshot proves by its files, its guest and its clones",
        "smoke": "smoke: the items with a quick check that proves them",
        "partial": "partial: the items that were asked, and no others",
    }[verdict.scope.name]


def _told_behind(verdict: RunVerdict) -> dict[str, int]:
    """The checks of this run that others are behind, and how many: what those saw is not told."""
    names = {result.check.name for result in verdict.results}
    return {root: count for root, count in behind_each(verdict.results).items() if root in names}


def _item(
    verdict: ItemVerdict,
    width: int,
    causes: dict[Cause, str],
    behind: Mapping[str, int],
    *,
    verbose: bool,
) -> Iterator[Text]:
    """One line of the checklist, and its checks.

    :param causes: what kept checks from telling, and the check that told it in full: it is not told again.
    :param behind: the checks that others are behind, and how many.
    """
    results = [result for result in verdict.results if result.behind not in behind]
    alike = _told_before(results, causes)
    notes = [text for text in (_counts(verdict.results), verdict.reason) if text]
    if not verbose and [len(names) for names in alike.values()] == [len(verdict.results)]:
        notes = [f"{len(names)} {outcome.value}, as {by}" for (outcome, by), names in alike.items()]
        yield from _title(verdict, notes, width, brief=True)
        return
    brief = not results and (not verdict.in_scope or (bool(verdict.results) and not verbose))
    yield from _title(verdict, notes, width, brief=brief)
    here: dict[Cause, list[str]] = {}
    for result in results:
        if result.outcome in _UNTOLD and _cause(result) not in causes:
            here.setdefault(_cause(result), []).append(result.check.name)
    for result in results:
        also = here.get(_cause(result), []) if result.outcome in _UNTOLD else []
        if _is_finding(result) or also[:1] == [result.check.name]:
            yield from _check(result, width, len(also) - 1, behind.get(result.check.name, 0))
        elif verbose and _cause(result) not in causes:
            yield _plain(f"  {result.outcome.value:<{_MARGIN - 2}}{result.check.name}", style="dim")
    for (outcome, told_by), names in alike.items():
        yield from _elsewhere(outcome, names, f"as {told_by}", verbose=verbose)
    if not brief:
        yield from _behind(verdict.results, behind, verbose=verbose)
    causes.update({cause: names[0] for cause, names in here.items()})


def _is_finding(result: CheckResult) -> bool:
    return Outcome.FAIL in (result.outcome, result.found)


def _behind(results: Sequence[CheckResult], behind: Mapping[str, int], *, verbose: bool) -> Iterator[Text]:
    for root in behind:
        names = [result.check.name for result in results if result.behind == root]
        yield from _elsewhere(Outcome.NOT_PROVEN, names, f"behind {root}", verbose=verbose)


def _elsewhere(outcome: Outcome, names: Sequence[str], why: str, *, verbose: bool) -> Iterator[Text]:
    """Checks of which another line tells why they came to that."""
    few = verbose or len(names) <= _FEW
    for line in names if few else [f"{len(names)} checks"]:
        yield Text(f"  {outcome.value:<{_MARGIN - 2}}", style=STYLES[outcome]).append_text(
            _plain(f"{line}, {why}")
        )


def _cause(result: CheckResult) -> Cause:
    return result.outcome, result.seen, result.hint


def _told_before(
    results: Sequence[CheckResult], causes: dict[Cause, str]
) -> dict[tuple[Outcome, str], list[str]]:
    """Checks that could not tell for what another item's check has told: by its name."""
    found: dict[tuple[Outcome, str], list[str]] = {}
    for result in results:
        if result.outcome in _UNTOLD and (told_by := causes.get(_cause(result))):
            found.setdefault((result.outcome, told_by), []).append(result.check.name)
    return found


def _title(verdict: ItemVerdict, notes: Sequence[str], width: int, *, brief: bool) -> Iterator[Text]:
    """The line itself, and what it rests on; on one line where that is ``brief`` and fits."""
    unasked = not verdict.in_scope and verdict.outcome is Outcome.NOT_PROVEN
    label = "-" if unasked else verdict.outcome.value
    title = Text(f"{label:<{_MARGIN}}", style=STYLES[verdict.outcome]).append(
        verdict.item.text, style="default"
    )
    beside = f" ({', '.join(notes)})"
    if brief and title.cell_len + len(beside) <= width:
        yield title.append(beside, style="default")
        return
    yield title
    for text in notes:
        yield from _block(text, width, indent=_MARGIN)


def _counts(results: Sequence[CheckResult]) -> str:
    if not results:
        return ""
    outcomes = [result.outcome for result in results]
    counts = {outcome.value: outcomes.count(outcome) for outcome in STYLES if outcome in outcomes}
    words = ", ".join(f"{count} {name}" for name, count in counts.items())
    return f"{len(outcomes)} {'check' if len(outcomes) == 1 else 'checks'}: {words}"


def _check(result: CheckResult, width: int, more: int, behind: int) -> Iterator[Text]:
    """One check in full; how many more of its item the same has kept from telling, how many are behind it."""
    check = result.check
    named = f"{check.name} and {more} more" if more > 0 else check.name
    yield Text(f"  {result.outcome.value:<{_MARGIN - 2}}", style=STYLES[result.outcome]).append_text(
        _plain(f"{named} ({checks_behind(behind)})" if behind else named)
    )
    claim = "" if result.outcome is Outcome.BROKEN else check.claim  # it was not asked
    cause = result.cause.text if result.cause else ""
    rows = {"claim": claim, "cause": cause, "seen": result.seen, "where": result.where, "next": result.hint}
    if result.outcome is Outcome.WAIVED and result.waiver:
        rows["waived"] = f"until {result.waiver.until} ({result.waiver.whose}): {result.waiver.reason}"
    if _is_finding(result):
        step, how = result.mend
        rows["mend"] = f"{step_name(step)}: {how}"
    for name, text in rows.items():
        if text:
            yield from _block(text, width, indent=_MARGIN + 7, label=name, whole=name in ("next", "mend"))


def _section(title: str, texts: Sequence[str], width: int, *, whole: bool = False) -> Iterator[Text]:
    if texts:
        yield _plain("")
        yield _plain(f"{title}:")
    for text in texts[:_ENTRIES]:
        yield from _block(text, width, indent=4, label="-", gap=2, whole=whole)
    if len(texts) > _ENTRIES:
        yield _plain(f"    … and {len(texts) - _ENTRIES} more")


def _block(
    text: str, width: int, *, indent: int, label: str = "", gap: int = 7, whole: bool = False
) -> Iterator[Text]:
    """The first lines of a text, wrapped; what a person pastes is left ``whole``, however long it is."""
    first = label.ljust(gap) if label else ""
    # Long words are left whole, so that a path can be copied.
    wrapper = textwrap.TextWrapper(max(width - indent, 20), break_on_hyphens=False, break_long_words=False)
    for line, pasted in _first_lines(text, where=" in the evidence" if label == "seen" else ""):
        parts = [line] if whole or pasted else wrapper.wrap(_cut(line)) or [""]
        for part in parts:
            yield _plain(f"{first.rjust(indent) if first else ' ' * indent}{part}")
            first = ""


def _first_lines(text: str, *, where: str) -> Iterator[tuple[str, bool]]:
    """The first lines of a text, each with whether it is to be pasted, and the number of the others."""
    lines = [line for line in text.split("\n") if line.strip()] or [""]
    below = False
    for line in lines[:SEEN_LINES]:
        yield line, below or _COMMAND.match(line.lstrip()) is not None
        below = below or line.strip() == HEADING
    if len(lines) > SEEN_LINES:
        yield f"… {len(lines) - SEEN_LINES} more lines{where}", False


def _cut(line: str) -> str:
    return line if len(line) <= LONGEST else f"{line[:LONGEST]}…"


def _plain(text: str, style: str = "") -> Text:
    """A line, of which ``rich`` takes nothing for markup."""
    return Text(text, style=style)
