"""The verdict as text: readable in 80 columns, without colour, by somebody who was just woken."""

from __future__ import annotations

import io
import re
import textwrap
from collections.abc import Iterator, Sequence

from rich.console import Console
from rich.text import Text

from harness.mend import HEADING
from harness.verdict.checklist import step_name
from harness.verdict.outcome import CheckResult, ItemVerdict, Outcome, RunVerdict
from harness.verdict.told import told_verdict

STYLES = {
    Outcome.PASS: "green",
    Outcome.FAIL: "bold red",
    Outcome.BROKEN: "bold magenta",
    Outcome.NOT_PROVEN: "yellow",
    Outcome.NOT_APPLICABLE: "dim",
}
_WIDEST = 100  # longer lines are hard to read, however wide the terminal is
_MARGIN = 13
_SEEN_LINES = 6
_ENTRIES = 100  # of a section below the items
_LONGEST = 300
_COMMAND = re.compile(r"(?:mend|look)\b[^:]{0,40}: ")
"""How a line begins that holds a command, besides those below the heading of mends."""
_NAMED = (Outcome.FAIL, Outcome.BROKEN, Outcome.NOT_PROVEN)


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
    scope = {"acceptance": "", "smoke": "smoke: ", "partial": "partial run: "}[verdict.scope.name]
    words = [f"{counts.pop(Outcome.PASS)} of {len(counted)} {noun} PASS"]
    words += [f"{count} {outcome.value}" for outcome, count in counts.items() if count]
    return f"VERDICT: {verdict.outcome.value} ({scope}{', '.join(words)})"


def _lines(verdict: RunVerdict, width: int, *, verbose: bool) -> Iterator[Text]:
    facts = {**verdict.facts, "scope": _scope(verdict)}
    yield from (_plain(f"{name:<{_MARGIN}}{value}") for name, value in facts.items())
    yield _plain("")
    for item in verdict.items:
        yield from _item(item, width, verbose=verbose)
    sections = {
        "Beside the checks": [f"{outcome.value}: {text}" for outcome, text in verdict.trouble],
        "Advice (changes no outcome)": [f"{name}: {text}" for name, text in verdict.advice],
        "Not applicable to this site": [
            f"{result.check.name}: {result.seen}"
            for result in verdict.results
            if result.outcome is Outcome.NOT_APPLICABLE
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
        "smoke": "smoke: the items with a quick check that proves them",
        "partial": "partial: the items that were asked, and no others",
    }[verdict.scope.name]


def _item(verdict: ItemVerdict, width: int, *, verbose: bool) -> Iterator[Text]:
    unasked = not verdict.in_scope and verdict.outcome is Outcome.NOT_PROVEN
    label = "-" if unasked else verdict.outcome.value
    yield Text(f"{label:<{_MARGIN}}", style=STYLES[verdict.outcome]).append(
        verdict.item.text, style="default"
    )
    for text in (_counts(verdict.results), verdict.reason):
        if text:
            yield from _block(text, width, indent=_MARGIN)
    known: set[tuple[str, str]] = set()
    for result in verdict.results:
        if result.outcome in _NAMED:
            yield from _check(result, width, known)
        elif verbose:
            yield _plain(f"  {result.outcome.value:<{_MARGIN - 2}}{result.check.name}", style="dim")


def _counts(results: Sequence[CheckResult]) -> str:
    if not results:
        return ""
    outcomes = [result.outcome for result in results]
    counts = {outcome.value: outcomes.count(outcome) for outcome in STYLES if outcome in outcomes}
    words = ", ".join(f"{count} {name}" for name, count in counts.items())
    return f"{len(outcomes)} {'check' if len(outcomes) == 1 else 'checks'}: {words}"


def _check(result: CheckResult, width: int, known: set[tuple[str, str]]) -> Iterator[Text]:
    """One check; trouble that an earlier check of the item has told in full is not told again."""
    check = result.check
    yield Text(f"  {result.outcome.value:<{_MARGIN - 2}}", style=STYLES[result.outcome]).append_text(
        _plain(check.name)
    )
    if (result.seen, result.hint) in known and result.outcome is not Outcome.FAIL:
        return
    known.add((result.seen, result.hint))
    rows = {"claim": check.claim, "seen": result.seen, "where": result.where, "next": result.hint}
    if result.outcome is Outcome.FAIL:
        rows["mend"] = f"{step_name(check.step)}: {check.how}"
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
    for line in lines[:_SEEN_LINES]:
        yield line, below or _COMMAND.match(line.lstrip()) is not None
        below = below or line.strip() == HEADING
    if len(lines) > _SEEN_LINES:
        yield f"… {len(lines) - _SEEN_LINES} more lines{where}", False


def _cut(line: str) -> str:
    return line if len(line) <= _LONGEST else f"{line[:_LONGEST]}…"


def _plain(text: str, style: str = "") -> Text:
    """A line, of which ``rich`` takes nothing for markup."""
    return Text(text, style=style)
