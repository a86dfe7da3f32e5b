"""Days of a waiver: which moments are in them, wherever the clock stands."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone

import pytest

from harness.verdict.terms import Terms, Waiver, ends

DAY = date(2026, 12, 24)
ONE = Waiver("host.bridge_up", "the switch is on order", "ops", "OPS-7", DAY)
SECOND = timedelta(seconds=1)
MOMENTS = {
    "the day before": (datetime(2026, 12, 23, 12, tzinfo=UTC), 1),
    "its first moment": (datetime(2026, 12, 24, tzinfo=UTC), 0),
    "its last moment": (datetime(2026, 12, 25, tzinfo=UTC) - timedelta(microseconds=1), 0),
    "midnight": (datetime(2026, 12, 25, tzinfo=UTC), -1),
    "midnight in Berlin, when it is still that day in UTC": (
        datetime(2026, 12, 25, 0, 30, tzinfo=timezone(timedelta(hours=1))),
        0,
    ),
    "that day in Honolulu, when it is over in UTC": (
        datetime(2026, 12, 24, 14, tzinfo=timezone(timedelta(hours=-10))),
        -1,
    ),
    "the last day of another year": (datetime(2025, 12, 24, tzinfo=UTC), 365),
}


@pytest.mark.parametrize(("now", "left"), MOMENTS.values(), ids=MOMENTS.keys())
def test_a_day_counts_to_its_end_in_utc(now: datetime, left: int) -> None:
    assert ONE.days_left(now) == left
    assert ONE.holds(now) is (left >= 0)
    assert ONE.holds(now) is (now < ends(DAY))


WARNINGS = {
    8: "",
    7: "",
    6: "ends in 6 days",
    2: "ends in 2 days",
    1: "ends in 1 day",
    0: "ends today",
    -1: "",
}


@pytest.mark.parametrize(("left", "says"), WARNINGS.items())
def test_the_last_seven_days_warn(left: int, says: str) -> None:
    assert ONE.warning(ends(DAY) - SECOND - timedelta(days=left)) == says


def test_a_name_without_a_row_stands_for_all_and_one_with_it_goes_first() -> None:
    both, row = Waiver("guest.unit", "", "", "", DAY), Waiver("guest.unit[After]", "", "", "", DAY)
    terms = Terms((both, row), frozenset({"guest.more"}))
    assert terms.waiver_of("guest.unit[After]") is row
    assert terms.waiver_of("guest.unit[session-After]") is row
    assert terms.waiver_of("guest.unit[Wants]") is both
    assert terms.waiver_of("guest.units") is None
    assert terms.is_advisory("guest.more[golden]")
    assert not terms.is_advisory("guest.mor")
