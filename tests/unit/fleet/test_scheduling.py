"""How sites are handed out to workers."""

from __future__ import annotations

from collections.abc import Sequence
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

    def lose(site: FleetSite) -> None:
        lost.append(site.key)
        course.end(site.key, "BROKEN")

    return OneEach(course, lose), course, lost


NAMES = ["::rest", "::a", "::b", "::c"]


def test_a_worker_has_one_site_and_then_the_next(handing: tuple[OneEach, Course, list[str]]) -> None:
    """The one that is slow keeps none waiting; each is followed by the test that takes no time."""
    scheduler, _, _ = handing
    slow, quick = Node(), Node()
    for node in (slow, quick):
        scheduler.add_node(node)
        scheduler.add_node_collection(node, NAMES)
        scheduler.schedule()
    assert (slow.given, quick.given) == ([[1, 0]], [[2, 0]])
    scheduler.mark_test_complete(quick, 2)
    scheduler.mark_test_complete(quick, 0)
    assert quick.given == [[2, 0], [3, 0]]
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


def test_a_worker_that_reads_another_fleet_is_not_used(handing: tuple[OneEach, Course, list[str]]) -> None:
    scheduler, _, _ = handing
    one, other = Node(), Node()
    for node, names in ((one, NAMES), (other, ["::rest", "::a"])):
        scheduler.add_node(node)
        scheduler.add_node_collection(node, names)
        scheduler.schedule()
    assert (one.given, other.given, other.shutting_down) == ([[1, 0]], [], True)
