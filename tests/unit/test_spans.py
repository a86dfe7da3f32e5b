"""A time that a person types, and as it is told to one."""

from __future__ import annotations

import pytest

from harness.errors import UsageError
from harness.values import seconds_of, span

WITHIN = (1, 7 * 86400)


@pytest.mark.parametrize(
    ("text", "seconds"), [("1s", 1), ("90s", 90), ("10m", 600), ("1.5h", 5400), ("7d", 604800)]
)
def test_a_time_is_read(text: str, seconds: float) -> None:
    assert seconds_of(text, option="--every", within=WITHIN) == seconds


@pytest.mark.parametrize(
    "text", ["", "10", "m", "-1m", "0s", "0.5s", "8d", "1e9s", "10 m", "10m ", "١s", "nan"]
)
def test_what_is_no_time_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="--every: expected a time from 1s to 7d"):
        seconds_of(text, option="--every", within=WITHIN)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.5, "0.5s"), (90, "90s"), (600, "10m"), (5400, "90m"), (7200, "2h"), (604800, "7d")],
)
def test_a_time_is_told(seconds: float, text: str) -> None:
    assert span(seconds) == text
