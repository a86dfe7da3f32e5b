"""A run as GitHub Actions shows it: the job's summary, and annotations of what is not as it should be."""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Iterator
from typing import Any

from harness.verdict.cases import ERROR, FAILURE, WAIVED, Case

_MARKS = {"passed": "✅", FAILURE: "❌", ERROR: "⚠️", WAIVED: "⏳", "skipped": "➖"}
_IN_MARKDOWN = str.maketrans({one: f"\\{one}" for one in "\\`*_{}[]<>()#+!|~@"})
_COMMAND = re.compile(r"^(?P<blank>(?:\s|\x1b\[[0-9;]*m)*+)::")
_BLANK = re.compile(r"(?:\s|\x1b\[[0-9;]*m)*+")


def in_actions() -> bool:
    """Whether what is printed is read by GitHub, which takes lines of a kind for commands."""
    return os.environ.get("GITHUB_ACTIONS") == "true"


class NoCommands:
    """A stream that GitHub reads, with commands broken: ``::`` at the head of a line, ``##[`` anywhere."""

    def __init__(self, stream: Any, ours: Collection[str]) -> None:
        """
        :param ours: what is written as it is.
        """
        self._stream = stream
        self._ours = ours
        self._begins = True
        """Whether nothing of the line can be seen yet."""

    def __getattr__(self, name: str) -> Any:
        """All else is the stream's."""
        return getattr(self._stream, name)

    def write(self, text: str) -> int:
        """Write it, in whatever pieces it comes."""
        self._stream.write("".join(map(self._told, text.splitlines(keepends=True))))
        return len(text)

    def _told(self, line: str) -> str:
        begins, self._begins = self._begins, _BLANK.fullmatch(line) is not None and self._begins
        if line.splitlines() != [line]:
            self._begins = True
        if line.rstrip("\n") in self._ours:
            return line
        told = line.replace("##[", "## [")
        return _COMMAND.sub(r"\g<blank>: :", told) if begins else told


def summary(cases: list[Case]) -> str:
    """The checklist in Markdown, whatever stands in a text."""
    rows = [f"| {_MARKS[case.kind]} | {_cell(case.name)} | {_cell(case.message)} |" for case in cases]
    return "\n".join(["## Acceptance", "", "| | item | |", "|---|---|---|", *rows, "", ""])


def remarks(cases: list[Case]) -> Iterator[str]:
    """A line of a log for each item, and for the run, that is red, or only for now is not."""
    levels = {FAILURE: "error", ERROR: "error", WAIVED: "warning"}
    for case in cases:
        if level := levels.get(case.kind):
            yield f"::{level} title={_escaped(case.name, more=':,')}::{_escaped(case.message)}"


def _cell(text: str) -> str:
    return "<br>".join(line.translate(_IN_MARKDOWN) for line in text.splitlines())


def _escaped(text: str, *, more: str = "") -> str:
    return "".join(f"%{ord(one):02X}" if one in f"%\r\n{more}" else one for one in text)
