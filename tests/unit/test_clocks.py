"""What can be known of two clocks through a connection that takes time."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from harness.clocks import Offset, narrowest

moments = st.floats(0, 50)
offsets = st.floats(-100, 100)
SLACK = 1e-6


@given(true=offsets, there=moments, work=moments, back=moments)
def test_the_true_offset_is_always_inside(true: float, there: float, work: float, back: float) -> None:
    asked = (1000.0, 1000.0 + there + work + back)
    answered = (1000.0 + there + true, 1000.0 + there + work + true)
    seen = Offset.between(asked, answered)
    assert seen.low - SLACK <= true <= seen.high + SLACK
    assert abs((seen.high - seen.low) - (there + back)) < SLACK  # the work itself cancels out
    assert seen.at_least - SLACK <= abs(true) <= seen.at_most + SLACK


@given(one=offsets, other=offsets, width=moments)
def test_two_clocks_against_a_third(one: float, other: float, width: float) -> None:
    both = Offset(one - width, one + width) - Offset(other, other)
    assert both.low - SLACK <= one - other <= both.high + SLACK


def test_the_narrowest_is_the_overlap_and_a_jump_counts_as_the_last() -> None:
    assert narrowest([Offset(-1, 2), Offset(0, 3)]) == Offset(0, 2)
    assert narrowest([Offset(0, 1), Offset(5, 6)]) == Offset(5, 6)
