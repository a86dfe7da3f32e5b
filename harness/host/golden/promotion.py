"""Having another snapshot golden: done on the host by ``probes/promote.py``, whole or not at all."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from harness.answers import read_as
from harness.errors import TransportError
from harness.host.facts import Asked
from harness.host.golden.door import PROMOTE, UNFINISHED
from harness.host.golden.files import paths_of

FINISH = "python -m harness promote, with the same folder again or with --back, finishes it first"
_ONCE = "the same again: what was done is not done a second time"
_LOOK = "see by python -m harness gate which one is golden: where it was done, --again goes to the other one"
_LONGEST_S = 1800.0


@dataclass(frozen=True)
class Promoted:
    """What became of it."""

    finished: str = ""
    """What an earlier one, which was cut short, has made golden first: a folder, or ``previous``."""
    done: bool = False
    whole: bool = False
    """In a single step; else file by file."""
    already: bool = False
    """Nothing was changed: going back was what was done last, and the former one is golden still."""
    refused: str = ""
    """Why nothing was changed."""
    unfinished: str = ""
    """Why it is not done, though it was decided: whoever is called next goes on with it."""
    left: str = ""
    """What stood in the way of clearing up, once it was done."""


def promote(
    host: Asked, act: str, source: str = "", digests: Mapping[str, str] | None = None, *, again: bool = False
) -> Promoted:
    """``promote``, ``back`` or ``settle``: finish what was cut short before, and do it.

    :param again: go back though that was what was done last: to what was golden before it.
    :raises TransportError: nothing was changed, or it is not done to its end, or nobody knows; and why.
    """
    ask: dict[str, Any] = {"act": act, "files": paths_of(host.site), "source": source, "again": again}
    source_text = PROMOTE.read_text(encoding="utf-8")
    try:
        answer = host.python(source_text, ask | {"digests": dict(digests or {})}, timeout_s=_LONGEST_S)
    except TransportError as error:
        if act == "settle":
            raise
        raise TransportError(
            f"whether it was done is not known: {error.message}", hint=_LOOK if again else _ONCE
        ) from error
    said = read_as(Promoted, answer, whose="what the host says of a promotion")
    if said.refused:
        raise TransportError(f"nothing was changed: {said.refused}")
    if said.unfinished:
        raise TransportError(f"{UNFINISHED}: {said.unfinished}", hint=FINISH)
    return said
