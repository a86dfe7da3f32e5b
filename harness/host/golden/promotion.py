"""Having another snapshot golden: done on the host by ``probes/promote.py``, whole or not at all."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.answers import read_as
from harness.errors import TransportError
from harness.host.facts import Asked
from harness.host.golden.files import paths_of

PROMOTE = Path(__file__).parents[1] / "probes" / "promote.py"
UNFINISHED = "a promotion was cut short: the golden files may be partly of one snapshot, partly of another"
FINISH = "python -m harness promote, with the same folder again or with --back, finishes it first"
_LONGEST_S = 1800.0


@dataclass(frozen=True)
class Promoted:
    """What became of it."""

    finished: str = ""
    """What an earlier one, which was cut short, has made golden first: a folder, or ``previous``."""
    done: bool = False
    whole: bool = False
    """In a single step; else file by file."""
    refused: str = ""


def promote(host: Asked, act: str, source: str = "", digests: Mapping[str, str] | None = None) -> Promoted:
    """``promote``, ``back`` or ``settle``: finish what was cut short before, and do it.

    :raises TransportError: nothing was changed, and why.
    """
    ask: dict[str, Any] = {"act": act, "files": paths_of(host.site), "source": source}
    answer = host.python(
        PROMOTE.read_text(encoding="utf-8"), ask | {"digests": dict(digests or {})}, timeout_s=_LONGEST_S
    )
    said = read_as(Promoted, answer, whose="what the host says of a promotion")
    if said.refused:
        raise TransportError(f"nothing was changed: {said.refused}")
    return said
