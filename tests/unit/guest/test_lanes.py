"""Experiments side by side: each hears of its own failure, and none outlives the run."""

from __future__ import annotations

import threading
from typing import cast

import pytest

from harness.errors import HarnessError, VmError
from harness.guest.lanes import Lane, Lanes, sharing_clones
from harness.vm.machine import Vm


class Peer:
    """Stands where a VM would: it can be waited for, killed and asked for its console."""

    def __init__(self, name: str = "peer", *, healthy: bool = True) -> None:
        self.name = name
        self.healthy = healthy
        self.killed = threading.Event()

    def wait_healthy(self) -> None:
        if not self.healthy:
            raise HarnessError("not healthy")

    def kill(self) -> None:
        self.killed.set()

    def console(self) -> str:
        return "console"


def lane(peer: Peer, **experiments: object) -> Lane:
    todo = {name: (lambda _vm, value=value: value) for name, value in experiments.items()}
    return Lane(lambda: cast(Vm, peer), todo, lambda vm: vm.wait_healthy())


PLANNED = [["boot"], ["a", "b"], [], ["c", "d"], ["last"]]


@pytest.mark.parametrize(
    ("at_once", "expected"),
    [
        (3, [["boot"], ["a", "b", "last"], ["c", "d"]]),
        (4, [["boot"], ["a", "b"], ["c", "d"], ["last"]]),
        (9, [["boot"], ["a", "b"], ["c", "d"], ["last"]]),
    ],
)
def test_clone_is_shared_only_where_there_would_be_too_many(at_once: int, expected: list[list[str]]) -> None:
    """The last lane comes after another one; what is empty takes no place, and nothing is left out."""
    assert sharing_clones(PLANNED, at_once=at_once, after=1) == expected


def test_observations_come_back_by_name_and_clones_are_killed() -> None:
    first, second = Peer("first"), Peer("second")
    with Lanes(at_once=2, timeout_s=5) as lanes:
        lanes.start([lane(first, a=1, b=2), lane(second, c=3)])
        assert [lanes.observation(name) for name in "abc"] == [1, 2, 3]
        assert first.killed.wait(5)
    assert second.killed.is_set()
    assert lanes.consoles == {"a+b": "console", "c": "console"}
    assert lanes.clones == {"a": "first", "b": "first", "c": "second"}


def test_failure_reaches_its_own_lane_only_and_keeps_what_came_before() -> None:
    def broken(_vm: Vm) -> None:
        raise VmError("lost")

    peer = Peer()
    mixed = Lane(lambda: cast(Vm, peer), {"good": lambda _vm: 1, "bad": broken, "after": lambda _vm: 2})
    with Lanes(at_once=2, timeout_s=5) as lanes:
        lanes.start([mixed, lane(Peer(), other=3)])
        assert (lanes.observation("good"), lanes.observation("other")) == (1, 3)
        for name in ("bad", "after"):
            with pytest.raises(VmError, match="lost"):
                lanes.observation(name)
    assert peer.killed.is_set()


def test_clone_that_cannot_be_made_fails_its_experiments() -> None:
    def make() -> Vm:
        raise VmError("no room")

    with Lanes(at_once=1, timeout_s=5) as lanes:
        lanes.start([Lane(make, {"a": lambda _vm: 1})])
        with pytest.raises(VmError, match="no room"):
            lanes.observation("a")


def test_unhealthy_clone_is_not_experimented_on() -> None:
    with Lanes(at_once=1, timeout_s=5) as lanes:
        lanes.start([lane(Peer(healthy=False), a=1)])
        with pytest.raises(HarnessError, match="not healthy"):
            lanes.observation("a")


def test_ending_early_kills_what_runs() -> None:
    peer, begun = Peer(), threading.Event()

    def endless(_vm: Vm) -> None:
        begun.set()
        assert peer.killed.wait(10)
        raise VmError("killed")

    with Lanes(at_once=1, timeout_s=5) as lanes:
        lanes.start([Lane(lambda: cast(Vm, peer), {"a": endless}), lane(Peer(), never=1)])
        assert begun.wait(5)
    assert peer.killed.is_set()


def test_waiting_has_an_end() -> None:
    peer = Peer()
    with Lanes(at_once=1, timeout_s=0.05) as lanes:
        lanes.start([Lane(lambda: cast(Vm, peer), {"a": lambda _vm: peer.killed.wait(10)})])
        with pytest.raises(HarnessError, match="no end within"):
            lanes.observation("a")


def test_an_experiment_that_ran_out_of_time_itself_is_not_one_that_has_no_end() -> None:
    def late(_vm: Vm) -> None:
        raise TimeoutError("nobody answered")

    with Lanes(at_once=1, timeout_s=5) as lanes:
        lanes.start([Lane(lambda: cast(Vm, Peer()), {"a": late})])
        with pytest.raises(TimeoutError, match="nobody answered"):
            lanes.observation("a")
