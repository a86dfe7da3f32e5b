"""Canaries and shards."""

from __future__ import annotations

import pytest

from harness.errors import UsageError
from harness.fleet.shares import Shard, canaries


@pytest.mark.parametrize(
    ("text", "many", "expected"),
    [
        ("", 10, []),
        ("5%", 10, [0]),
        ("5%", 100, [0, 20, 40, 60, 80]),
        ("3", 10, [0, 3, 6]),
        ("100%", 3, [0, 1, 2]),
        ("9", 2, [0, 1]),
    ],
)
def test_canaries_are_spread(text: str, many: int, expected: list[int]) -> None:
    assert list(canaries(text, range(many))) == expected


@pytest.mark.parametrize("text", ["0", "0%", "101%", "-1", "5 %", "all", "1.5"])
def test_no_share_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="--canary"):
        canaries(text, range(9))


@pytest.mark.parametrize("text", ["", "0/2", "3/2", "1/0", "1", "1/2/3", "a/b"])
def test_no_shard_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="--shard"):
        Shard.read(text)
    assert Shard.read("2/3") == Shard(2, 3)
