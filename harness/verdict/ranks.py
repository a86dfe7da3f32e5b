"""Whether one lot of numbers is larger than another: the rank test of Mann and Whitney, exact, ties too."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence


def p_value(one: Sequence[float], other: Sequence[float]) -> float:
    """How often chance alone sets two such lots at least as far apart, in either direction.

    Counted over every way to deal the numbers out, so that it is right for few of them and for equal ones.
    What it takes grows with the fourth power of how many there are: meant for a dozen each.
    """
    ranks = _doubled_ranks([*one, *other])
    seen, middle = sum(ranks[: len(one)]), len(one) * (len(ranks) + 1)
    ways = _ways(ranks, len(one))
    far = sum(count for total, count in ways.items() if abs(total - middle) >= abs(seen - middle))
    return far / ways.total()


def _doubled_ranks(values: Sequence[float]) -> list[int]:
    """Twice the rank of each, from 1: equal ones share the middle of theirs."""
    return [
        sum(other < one for other in values) * 2 + sum(other == one for other in values) + 1 for one in values
    ]


def _ways(ranks: Sequence[int], chosen: int) -> Counter[int]:
    """In how many ways so many of the ranks come to each sum."""
    ways: list[Counter[int]] = [Counter({0: 1}), *(Counter() for _ in range(chosen))]
    for rank in ranks:
        for many in range(chosen, 0, -1):
            for total, count in ways[many - 1].items():
                ways[many][total + rank] += count
    return ways[chosen]
