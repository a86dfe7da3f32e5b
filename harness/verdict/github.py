"""A run as GitHub Actions shows it: the job's summary, and annotations of what is not as it should be."""

from __future__ import annotations

from collections.abc import Iterator

from harness.verdict.cases import ERROR, FAILURE, Case

_MARKS = {"passed": "✅", FAILURE: "❌", ERROR: "⚠️", "skipped": "➖"}
_IN_MARKDOWN = str.maketrans({one: f"\\{one}" for one in "\\`*_{}[]<>()#+!|~@"})


def summary(cases: list[Case]) -> str:
    """The checklist in Markdown, whatever stands in a text."""
    rows = [f"| {_MARKS[case.kind]} | {_cell(case.name)} | {_cell(case.message)} |" for case in cases]
    return "\n".join(["## Acceptance", "", "| | item | |", "|---|---|---|", *rows, "", ""])


def remarks(cases: list[Case]) -> Iterator[str]:
    """A line of a log for each item, and for the run, that is red."""
    for case in cases:
        if case.kind in (FAILURE, ERROR):
            yield f"::error title={_escaped(case.name, more=':,')}::{_escaped(case.message)}"


def _cell(text: str) -> str:
    return "<br>".join(line.translate(_IN_MARKDOWN) for line in text.splitlines())


def _escaped(text: str, *, more: str = "") -> str:
    return "".join(f"%{ord(one):02X}" if one in f"%\r\n{more}" else one for one in text)
