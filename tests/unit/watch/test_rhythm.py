"""When the next run begins."""

from __future__ import annotations

from harness.watch.rhythm import Rhythm


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
