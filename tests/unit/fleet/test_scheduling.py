"""How sites are handed out to workers."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import pytest

from harness.fleet.course import Course
from harness.fleet.scheduling import OneEach
from harness.fleet.sites import FleetSite


class Node:
    """A worker, as far as a scheduler knows it."""

    def __init__(self) -> None:
        self.given: list[Sequence[int]] = []
        self.shutting_down = False

    def send_runtest_some(self, indices: Sequence[int]) -> None:
        self.given.append(indices)

    def shutdown(self) -> None:
        self.shutting_down = True


@pytest.fixture
def handing() -> tuple[OneEach, Course, list[str]]:
    """A scheduler of three sites, and those that it lost."""
    course = Course([FleetSite(key, Path(f"/{key}.toml")) for key in "abc"])
    lost: list[str] = []
    before = datetime.now(UTC)

    def lose(site: FleetSite, began: datetime) -> None:
        assert before <= began <= datetime.now(UTC)
        lost.append(site.key)
        course.end(site.key, "BROKEN")

    return OneEach(course, lose), course, lost


NAMES = ["::rest", "::a", "::b", "::c"]


def test_a_worker_has_one_site_and_then_the_next(handing: tuple[OneEach, Course, list[str]]) -> None:
    """The one that is slow keeps none waiting; each is followed by the test that takes no time."""
    scheduler, _, ended = handing
    slow, quick = Node(), Node()
    for node in (slow, quick):
        scheduler.add_node(node)
        scheduler.add_node_collection(node, NAMES)
        scheduler.schedule()
    assert (slow.given, quick.given) == ([[1, 0]], [[2, 0]])
    scheduler.mark_test_complete(quick, 2)
    scheduler.mark_test_complete(quick, 0)
    assert quick.given == [[2, 0], [3, 0]]
    assert ended == ["b"], "by the site, and not by the test that takes no time"
    assert not scheduler.tests_finished


def test_a_worker_that_dies_loses_its_site_alone(handing: tuple[OneEach, Course, list[str]]) -> None:
    scheduler, _, lost = handing
    dying, other, late = Node(), Node(), Node()
    scheduler.add_node(dying)
    scheduler.add_node_collection(dying, NAMES)
    scheduler.schedule()
    assert scheduler.remove_node(dying) == "::a"
    assert lost == ["a"]
    for node in (other, late):
        scheduler.add_node(node)
        scheduler.add_node_collection(node, NAMES)
    scheduler.schedule()
    assert (other.given, late.given) == ([[2, 0]], [[3, 0]])


def test_a_worker_that_is_to_end_is_given_no_more(handing: tuple[OneEach, Course, list[str]]) -> None:
    scheduler, _, _ = handing
    ending, other = Node(), Node()
    for node in (ending, other):
        scheduler.add_node(node)
        scheduler.add_node_collection(node, NAMES)
    ending.shutdown()
    scheduler.schedule()
    assert (ending.given, other.given) == ([], [[1, 0]])


def test_what_waited_for_a_worker_that_is_lost_is_begun() -> None:
    """Its group had no room, and has it now."""
    course = Course([FleetSite(key, Path(f"/{key}.toml"), "eu") for key in "ab"], limits={"eu": 1})
    scheduler = OneEach(course, lambda site, _: course.end(site.key, "BROKEN"))
    dying, idle = Node(), Node()
    for node in (dying, idle):
        scheduler.add_node(node)
        scheduler.add_node_collection(node, NAMES)
    scheduler.schedule()
    assert (dying.given, idle.given) == ([[1, 0]], [])
    scheduler.remove_node(dying)
    assert idle.given == [[2, 0]]
    assert scheduler.collection_is_completed
