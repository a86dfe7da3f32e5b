"""Parts of a fleet: the few that are asked first, and what one of several jobs asks."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

from harness.errors import UsageError

T = TypeVar("T")


@dataclass(frozen=True)
class Shard:
    """One of several parts, which are as large as one another, and none of which shares a site."""

    number: int
    """From 1."""
    count: int

    @classmethod
    def read(cls, text: str) -> Shard:
        """As ``3/20``.

        :raises UsageError: it is none.
        """
        found = re.fullmatch(r"([0-9]{1,6})/([0-9]{1,6})", text)
        if not found or not 1 <= int(found[1]) <= int(found[2]):
            raise UsageError("--shard: expected K/N with K from 1 to N", hint="--shard=1/4 … --shard=4/4")
        return cls(int(found[1]), int(found[2]))

    def of(self, many: Sequence[T]) -> tuple[T, ...]:
        """Its part: each Nth, so that every group is in every part."""
        return tuple(many[self.number - 1 :: self.count])


def canaries(text: str, many: Sequence[T]) -> tuple[T, ...]:
    """So many of them, ``5%`` or ``3``, spread evenly over all: at least one, where any is asked for.

    :raises UsageError: it is no number of sites.
    """
    if not text:
        return ()
    found = re.fullmatch(r"([0-9]{1,6})(%?)", text)
    if not found or not int(found[1]) or (found[2] and int(found[1]) > 100):
        raise UsageError("--canary: expected a number of sites, or a share of them", hint="--canary=5%")
    wanted = math.ceil(len(many) * int(found[1]) / 100) if found[2] else min(int(found[1]), len(many))
    return tuple(many[place * len(many) // wanted] for place in range(wanted))
