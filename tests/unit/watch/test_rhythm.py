"""When the next run begins."""

from __future__ import annotations

import pytest

from harness.errors import UsageError
from harness.watch.rhythm import Rhythm, seconds_of


@pytest.mark.parametrize(
    ("text", "seconds"), [("1s", 1), ("90s", 90), ("10m", 600), ("1.5h", 5400), ("7d", 604800)]
)
def test_a_time_is_read(text: str, seconds: float) -> None:
    assert seconds_of(text) == seconds


@pytest.mark.parametrize(
    "text", ["", "10", "m", "-1m", "0s", "0.5s", "8d", "1e9s", "10 m", "10m ", "١s", "nan"]
)
def test_what_is_no_time_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="expected a time from 1s to 7d"):
        seconds_of(text)


def test_the_beat_is_held() -> None:
    """However long each run takes, and beats that one overran are left out."""
    rhythm = Rhythm(60)
    assert rhythm.next_after(0, 5, broken=False) == 60
    assert rhythm.next_after(60, 119, broken=False) == 120
    assert rhythm.next_after(120, 180, broken=False) == 240
    assert rhythm.next_after(240, 550, broken=False) == 600


def test_a_site_that_cannot_be_asked_is_asked_less_and_less_often() -> None:
    rhythm = Rhythm(60)
    steps = [rhythm.next_after(0, 1, broken=True) for _ in range(2000)]
    assert steps[:6] == [60, 120, 240, 480, 480, 480]
    assert steps[-1] == 480
    assert rhythm.next_after(0, 1, broken=False) == 60
    assert rhythm.next_after(0, 1, broken=True) == 60
