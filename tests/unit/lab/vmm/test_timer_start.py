"""A Linux guest that gets stuck at its start is started again, and no other one is."""

from __future__ import annotations

import pytest

from lab.vmm.qemu.timer_start import BEFORE, PAST, STUCK, UNDER_WAY, TimerStart, measurement

MASKED_AND_FULL = """\
LVTTHMR\t 0x00010000 active-hi edge  masked                      Fixed  (vec 0)
LVTT\t 0x000300ec active-hi edge  masked         periodic     Fixed  (vec 236)
Timer\t DCR=0x3 (divide by 16) initial_count = 268435455 current_count = 205137616
"""
RESET = """\
LVTT\t 0x00010000 active-hi edge  masked         one-shot     Fixed  (vec 0)
Timer\t DCR=0x0 (divide by 2) initial_count = 0 current_count = 0
"""
ABOUT_TO_COUNT = MASKED_AND_FULL.replace("initial_count = 268435455", "initial_count = 0")
TICKING = """\
LVTT\t 0x000000ec active-hi edge                 one-shot     Fixed  (vec 236)
Timer\t DCR=0x3 (divide by 16) initial_count = 249975 current_count = 1200
"""
AT_REST = """\
LVTT\t 0x000100ec active-hi edge  masked         one-shot     Fixed  (vec 236)
Timer\t DCR=0x3 (divide by 16) initial_count = 0 current_count = 0
"""


@pytest.mark.parametrize(
    ("lapic", "expected"),
    [
        (MASKED_AND_FULL, UNDER_WAY),
        (RESET, BEFORE),
        (ABOUT_TO_COUNT, BEFORE),
        (TICKING, PAST),
        (AT_REST, PAST),
        ("", BEFORE),
    ],
)
def test_measurement_is_told_by_the_apic(lapic: str, expected: str) -> None:
    """By what QEMU says of a guest before it, in it, and after it, ticking and at rest."""
    assert measurement(lapic) == expected


def looks(*seen: str) -> tuple[list[bool], int]:
    """What each look said, and how often the guest was started again."""
    again: list[bool] = []
    answers = iter(seen)
    start = TimerStart(lambda: next(answers), lambda: again.append(True))
    return [start.look() for _ in seen], len(again)


def test_stuck_guest_is_started_again_and_looked_at_on() -> None:
    """After so many looks; and once more, should it get stuck again."""
    assert looks(RESET, *[MASKED_AND_FULL] * STUCK) == ([True] * (STUCK + 1), 1)
    assert looks(*[MASKED_AND_FULL] * STUCK, RESET, *[MASKED_AND_FULL] * STUCK)[1] == 2


def test_slow_guest_is_left_alone() -> None:
    """One that takes long to come so far, or is seen at its measurement, is not stuck."""
    assert looks(*[RESET] * 50, *[MASKED_AND_FULL] * (STUCK - 1), TICKING) == (
        [True] * (50 + STUCK - 1) + [False],
        0,
    )
