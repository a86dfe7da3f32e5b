"""Experiments side by side: each hears of its own failure, and none outlives the run."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import cast

import pytest

from harness.errors import HarnessError, UnfitVmError, VmError
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
    with Lanes(at_once=2, timeout_s=60) as lanes:
        lanes.start([lane(first, a=1, b=2), lane(second, c=3)])
        assert [lanes.observation(name) for name in "abc"] == [1, 2, 3]
        assert first.killed.wait(60)
    assert second.killed.is_set()
    assert lanes.consoles == {"a+b": "console", "c": "console"}
    assert lanes.clones == {"a": "first", "b": "first", "c": "second"}


class Clones:
    """Makes one after another, and knows what was done in each."""

    def __init__(self, *, most: int = 9) -> None:
        self.most = most
        self.made: list[Peer] = []
        self.done: list[str] = []

    def make(self) -> Vm:
        """One more; none is left that should be gone."""
        assert all(one.killed.is_set() for one in self.made)
        if len(self.made) == self.most:
            raise VmError("no room")
        self.made.append(Peer(f"clone-{len(self.made) + 1}"))
        return cast(Vm, self.made[-1])

    def note(self, what: str, *errors: Exception) -> Callable[[Vm], str]:
        """An experiment that raises these errors, one each time, and then succeeds."""
        left = list(errors)

        def done(vm: Vm) -> str:
            self.done.append(f"{what} in {vm.name}")
            if left:
                raise left.pop(0)
            return what

        return done

    def lane(self, settle: Callable[[Vm], object] | None = None, **experiments: Callable[[Vm], str]) -> Lane:
        """A lane of clones like these."""
        return Lane(self.make, experiments, self.note("prepared"), settle)


def test_after_a_failure_the_rest_goes_on_in_a_fresh_clone() -> None:
    """Made and prepared anew, once for each failure; the failed one keeps its error to itself."""
    clones = Clones()
    first = {"good": clones.note("good"), "bad": clones.note("bad", VmError("lost"))}
    rest = {
        "after": clones.note("after"),
        "worse": clones.note("worse", VmError("gone")),
        "last": clones.note("last"),
    }
    with Lanes(at_once=2, timeout_s=60) as lanes:
        lanes.start([clones.lane(**first, **rest), lane(Peer(), other=3)])
        assert [lanes.observation(name) for name in ("good", "after", "last", "other")] == [
            "good",
            "after",
            "last",
            3,
        ]
        for name, error in {"bad": "lost", "worse": "gone"}.items():
            with pytest.raises(VmError, match=error):
                lanes.observation(name)
    assert clones.done == [
        *("prepared in clone-1", "good in clone-1", "bad in clone-1"),
        *("prepared in clone-2", "after in clone-2", "worse in clone-2"),
        *("prepared in clone-3", "last in clone-3"),
    ]
    assert all(one.killed.is_set() for one in clones.made)
    assert lanes.left_behind == {"clone-1": "after bad: lost", "clone-2": "after worse: gone"}
    assert [lanes.clones[name] for name in (*first, *rest)] == [f"clone-{n}" for n in (1, 1, 2, 2, 3)]
    assert lanes.consoles.keys() == {"good+bad+after+worse+last", "after+worse+last", "last", "other"}


def test_where_no_fresh_clone_can_be_made_the_rest_hears_of_that() -> None:
    clones = Clones(most=1)
    with Lanes(at_once=1, timeout_s=60) as lanes:
        lanes.start([clones.lane(bad=clones.note("bad", VmError("lost")), after=clones.note("after"))])
        with pytest.raises(VmError, match="lost"):
            lanes.observation("bad")
        with pytest.raises(VmError, match="no room"):
            lanes.observation("after")


def test_an_experiment_begins_in_a_clone_that_has_come_to_rest() -> None:
    """The first needs none; one that is never at rest is left, and that is no failure of what comes next."""
    clones = Clones()
    settle = clones.note("settled", UnfitVmError("a restart is pending"))
    with Lanes(at_once=1, timeout_s=60) as lanes:
        lanes.start([clones.lane(settle, **{name: clones.note(name) for name in "abc"})])
        assert [lanes.observation(name) for name in "abc"] == ["a", "b", "c"]
    assert clones.done == [
        *("prepared in clone-1", "a in clone-1", "settled in clone-1"),
        *("prepared in clone-2", "b in clone-2", "settled in clone-2", "c in clone-2"),
    ]


def test_what_finds_its_clone_unfit_is_carried_out_in_another_once() -> None:
    clones = Clones()
    unfit = UnfitVmError("frozen")
    with Lanes(at_once=1, timeout_s=60) as lanes:
        lanes.start([clones.lane(a=clones.note("a", unfit), b=clones.note("b", unfit, unfit))])
        assert lanes.observation("a") == "a"
        with pytest.raises(UnfitVmError, match="frozen"):
            lanes.observation("b")
    assert [one for one in clones.done if not one.startswith("prepared")] == [
        *("a in clone-1", "a in clone-2"),
        *("b in clone-2", "b in clone-3"),
    ]


def test_clone_that_cannot_be_made_fails_its_experiments() -> None:
    def make() -> Vm:
        raise VmError("no room")

    with Lanes(at_once=1, timeout_s=60) as lanes:
        lanes.start([Lane(make, {"a": lambda _vm: 1})])
        with pytest.raises(VmError, match="no room"):
            lanes.observation("a")


def test_unhealthy_clone_is_not_experimented_on() -> None:
    with Lanes(at_once=1, timeout_s=60) as lanes:
        lanes.start([lane(Peer(healthy=False), a=1)])
        with pytest.raises(HarnessError, match="not healthy"):
            lanes.observation("a")


def test_ending_early_kills_what_runs() -> None:
    peer, begun = Peer(), threading.Event()

    def endless(_vm: Vm) -> None:
        begun.set()
        assert peer.killed.wait(60)
        raise VmError("killed")

    with Lanes(at_once=1, timeout_s=60) as lanes:
        lanes.start([Lane(lambda: cast(Vm, peer), {"a": endless}), lane(Peer(), never=1)])
        assert begun.wait(60)
    assert peer.killed.is_set()


def test_waiting_has_an_end() -> None:
    peer = Peer()
    with Lanes(at_once=1, timeout_s=0.05) as lanes:
        lanes.start([Lane(lambda: cast(Vm, peer), {"a": lambda _vm: peer.killed.wait(60)})])
        with pytest.raises(HarnessError, match="no end within"):
            lanes.observation("a")


def test_an_experiment_that_ran_out_of_time_itself_is_not_one_that_has_no_end() -> None:
    def late(_vm: Vm) -> None:
        raise TimeoutError("nobody answered")

    with Lanes(at_once=1, timeout_s=60) as lanes:
        lanes.start([Lane(lambda: cast(Vm, Peer()), {"a": late})])
        with pytest.raises(TimeoutError, match="nobody answered"):
            lanes.observation("a")
