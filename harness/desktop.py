"""A guest's desktop, frozen where nobody looks at it: what it draws takes the processors from all VMs."""

from __future__ import annotations

import shlex
from collections.abc import Iterable


def freezing(units: Iterable[str]) -> str:
    """Shell that freezes those units of a guest; what is not there is left out."""
    words = " ".join(shlex.quote(unit) for unit in units)
    return (
        f"for unit in {words}; do\n"
        '  group=/sys/fs/cgroup/system.slice/$unit\n  [ -d "$group" ] && echo 1 >"$group/cgroup.freeze"\n'
        "done"
    )
