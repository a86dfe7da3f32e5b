"""What begins when."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.fleet.course import Course
from harness.fleet.sites import FleetSite


def site(key: str, group: str = "") -> FleetSite:
    return FleetSite(key, Path(f"/{key}.toml"), group)


A, B, C, D = map(site, "abcd")


def begun(course: Course) -> list[str]:
    """All that may begin now."""
    return [one.key for one in iter(course.begin, None)]


def test_all_begin_and_it_is_over_when_all_have_ended() -> None:
    course = Course([A, B])
    assert begun(course) == ["a", "b"]
    course.end("b", "FAIL")
    assert not course.over
    course.end("a", "PASS")
    assert course.over
    assert course.stopped == ""


def test_a_group_has_no_more_than_its_limit() -> None:
    """And keeps none of another waiting."""
    x, y, z = (site(key, "eu") for key in "xyz")
    course = Course([x, y, z, A], limits={"eu": 2})
    assert begun(course) == ["x", "y", "a"]
    course.end("a", "PASS")
    assert begun(course) == []
    course.end("x", "BROKEN")
    assert begun(course) == ["z"]


def test_canaries_come_first_and_alone() -> None:
    course = Course([A, B, C, D], canaries=[C, B])
    assert begun(course) == ["b", "c"]
    course.end("c", "PASS")
    assert begun(course) == []
    course.end("b", "NOT PROVEN")
    assert begun(course) == ["a", "d"]


@pytest.mark.parametrize("outcome", ["FAIL", "BROKEN"])
def test_a_canary_that_fails_stops_all(outcome: str) -> None:
    course = Course([A, B, C], canaries=[B])
    assert begun(course) == ["b"]
    course.end("b", outcome)
    assert begun(course) == []
    assert course.over
    assert course.stopped == f"the canary b came to {outcome}"


def test_the_first_reason_stays() -> None:
    """What was under way then may fail, too."""
    course = Course([A, B, C, D], canaries=[A, B], max_failing=2)
    assert begun(course) == ["a", "b"]
    course.end("b", "FAIL")
    course.end("a", "BROKEN")
    assert course.stopped == "the canary b came to FAIL"


def test_so_many_failing_stop_what_has_not_begun() -> None:
    """What is under way goes on to its end; what is left open by a profile counts for nothing."""
    course = Course([A, B, C, D], max_failing=2)
    assert [course.begin(), course.begin(), course.begin()] == [A, B, C]
    course.end("a", "FAIL")
    course.end("b", "BROKEN")
    assert begun(course) == []
    assert not course.over
    course.end("c", "NOT PROVEN")
    assert course.over
    assert course.stopped == "2 failing, --max-failing=2"


def test_what_is_not_proven_does_not_fail() -> None:
    course = Course([A, B, C], max_failing=1)
    assert course.begin() == A
    course.end("a", "NOT PROVEN")
    assert begun(course) == ["b", "c"]
