"""Limits that are to run out, but not before what they are about has begun, on however busy a machine."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from harness.errors import CommandError

LONGEST_S = 60.0


def too_slow(run: Callable[[float], object], begun: Path, *, limit_s: float = 0.2) -> CommandError:
    """How it is told that something takes longer than it may, which has had the time to begin.

    :param run: runs it with so many seconds.
    :param begun: a file that it makes when it has begun; until it does, it is given longer.
    """
    while True:
        with pytest.raises(CommandError, match=re.escape(f"took over {limit_s:g} s: ")) as caught:
            run(limit_s)
        if begun.exists():
            return caught.value
        assert limit_s < LONGEST_S
        limit_s *= 5
