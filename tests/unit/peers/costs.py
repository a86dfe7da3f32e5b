"""How what a text costs grows with the text, whatever the machine is."""

from __future__ import annotations

import time
from collections.abc import Callable

TIMES = 8
LINEAR = 3 * TIMES
"""What is linear costs less than so many times as much for :data:`TIMES` the text; squares cost 64 times."""


def growth(work: Callable[[str], object], piece: str, *, size: int = 25_000) -> float:
    """How many times as much :data:`TIMES` ``size`` characters of ``piece`` cost as ``size`` do."""
    short, long = (_least_s(work, (piece * (one // len(piece) + 1))[:one]) for one in (size, size * TIMES))
    return long / (short + 1e-4)


def _least_s(work: Callable[[str], object], text: str) -> float:
    """Seconds of the processor's, which a machine with other things to do does not make more."""
    took = []
    for _ in range(3):
        began = time.process_time()
        work(text)
        took.append(time.process_time() - began)
        if took[-1] > 1:
            break
    return min(took)
