"""Experiments side by side: each hears of its own failure, and none outlives the run."""

from __future__ import annotations

import threading
from itertools import chain
from typing import cast

import pytest

from fixtures.guest import NEEDS, lanes_for
from harness.errors import HarnessError, VmError
from harness.lanes import Lane, Lanes
from harness.vm import Vm


class Peer:
    """Stands where a VM would: it can be waited for, killed and asked for its console."""

    def __init__(self, healthy: bool = True) -> None:
        self.name = "peer"
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


EXPERIMENTS = {name for needed in NEEDS.values() for name in needed}


@pytest.mark.parametrize("at_once", [1, 3, 4, 5, 6])
def test_every_experiment_has_its_lane(at_once: int) -> None:
    """However many may run at once: the same ones, each once, and one clone less where not all may."""
    lanes = lanes_for(EXPERIMENTS, at_once=at_once)
    assert sorted(chain.from_iterable(lanes)) == sorted(EXPERIMENTS)
    assert len(lanes) == (4 if at_once < 5 else 5)
    assert all("silent_database" not in lane[:-1] for lane in lanes), "nothing may come after it"


def test_clone_is_shared_only_where_there_would_be_too_many() -> None:
    """What is not wanted takes no place."""
    assert lanes_for({"taken_port", "silent_database"}, at_once=4) == [["taken_port"], ["silent_database"]]
    assert lanes_for({"taken_port", "silent_database"}, at_once=1) == [["taken_port", "silent_database"]]


def test_observations_come_back_by_name_and_clones_are_killed() -> None:
    first, second = Peer(), Peer()
    with Lanes(at_once=2, timeout_s=5) as lanes:
        lanes.start([lane(first, a=1, b=2), lane(second, c=3)])
        assert [lanes.observation(name) for name in "abc"] == [1, 2, 3]
        assert first.killed.wait(5)
    assert second.killed.is_set()
    assert lanes.consoles == {"a+b": "console", "c": "console"}


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
