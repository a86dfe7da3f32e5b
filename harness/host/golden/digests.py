"""sha256 of large files, measured on the host at its disk's speed, and remembered there while they stay."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from harness.answers import read_as
from harness.host.facts import Asked
from harness.values import Natural

Mode = Literal["fresh", "changed", "known"]
"""Read every file; those that changed since they were last read; or none."""

MEMORY = "/var/cache/acceptance/digests.json"
"""On the host, root's alone; see ``probes/digests.py``."""
PROBE = Path(__file__).parents[1] / "probes" / "digests.py"
_LONGEST_S = 900.0


@dataclass(frozen=True)
class Measured:
    """A file's content, and which file that was."""

    sha256: Annotated[str, Field(pattern=r"^([0-9a-f]{64})?$")] = ""
    """Empty where there is none."""
    size: Natural = 0
    id: tuple[int, ...] = ()
    """Device, inode, size, and the times of the last changes of content and of anything: in nanoseconds."""
    error: str = ""
    remembered: bool = False
    """It was read earlier, and the file is the same since."""


def measure(
    host: Asked,
    paths: Iterable[str],
    *,
    mode: Mode,
    beside: bool = False,
    memory: str = "",
    timeout_s: float = _LONGEST_S,
) -> Mapping[str, Measured]:
    """Measure files, by path, in one round trip.

    :param beside: others on the host come first.
    """
    argument = {"paths": list(paths), "mode": mode, "memory": memory or MEMORY, "beside": beside}
    answer = host.python(PROBE.read_text(encoding="utf-8"), argument, timeout_s=timeout_s)
    return read_as(dict[str, Measured], answer, whose="the digests of files on the host")
