"""What two looks at the lab come to."""

from __future__ import annotations

import pytest

from bench.soak.seen import MOST_GAINED, Descriptors, left_since, too_many, under_way
from tests.unit.bench.accounts import process, seen

BEFORE = seen(
    process("python3", 10, unit="master-controller.service"),
    process("sshd", 11, unit="session-4.scope"),
    process("postgres", 12, unit="postgresql@15-main.service"),
    things=("link fcbr0",),
    rows=["row vm-1 (running)"],
)


def test_nothing_is_left_where_nothing_changed() -> None:
    assert left_since(BEFORE, BEFORE) == {}


def test_a_service_that_was_started_anew_and_another_login_leave_nothing() -> None:
    now = seen(
        process("python3", 20, unit="master-controller.service"),
        process("sshd", 21, unit="session-77.scope"),
        process("postgres", 12, unit="postgresql@15-main.service"),
        things=("link fcbr0",),
    )
    assert left_since(BEFORE, now) == {}


def test_one_process_more_is_left_and_told_by_its_pid() -> None:
    own = BEFORE.on_host.processes
    now = seen(*own, process("python3", 20, unit="master-controller.service"), things=("link fcbr0",))
    assert left_since(BEFORE, now) == {
        "process master-controller.service: python3: 1 more": "pid 20 /python3"
    }


def test_a_vmm_that_may_be_there_and_what_it_started_are_not_left() -> None:
    vmm, qemu = process("firecracker", 30), process("qemu", 31, parent=30)
    with_it = seen(*BEFORE.on_host.processes, vmm, qemu, things=("link fcbr0",))
    assert sorted(left_since(BEFORE, with_it)) == [
        "process a.service: firecracker: 1 more",
        "process a.service: qemu: 1 more",
    ]
    assert left_since(BEFORE, with_it.model_copy(update={"vmms": frozenset([30])})) == {}


def test_the_database_may_have_as_many_workers_as_the_pool_has_connections() -> None:
    workers = [process("postgres", 40 + n, unit="postgresql@15-main.service") for n in range(9)]
    own = BEFORE.on_host.processes
    assert left_since(BEFORE, seen(*own, *workers[:8], things=("link fcbr0",))) == {}
    assert list(left_since(BEFORE, seen(*own, *workers, things=("link fcbr0",)))) == [
        "process postgresql@N-main.service: postgres: 1 more"
    ]


@pytest.mark.parametrize(
    "change",
    [
        {"on_host": BEFORE.on_host.model_copy(update={"things": frozenset(["link fcbr0", "tap acc0"])})},
        {"nobodys": frozenset(["tap acc0"])},
        {"reaped": frozenset(["tap acc0"])},
        {"rows": frozenset(["row vm-1 (running)", "tap acc0"])},
        {"here": frozenset(["tap acc0"])},
    ],
    ids=lambda change: next(iter(change)),
)
def test_each_kind_of_thing_counts(change: dict[str, object]) -> None:
    assert left_since(BEFORE, BEFORE.model_copy(update=change)) == {"tap acc0": ""}


def test_what_was_there_before_or_went_is_not_left() -> None:
    assert left_since(BEFORE, seen(*BEFORE.on_host.processes)) == {}


def test_a_lab_in_use_is_known_by_runs_rows_and_what_is_nobodys() -> None:
    assert under_way(seen(things=("entry /run/acc-0a1b2c", "entry /run/user", "entry /run/acc-cache"))) == [
        "entry /run/acc-0a1b2c"
    ]
    assert under_way(seen(rows=["row vm-1 (running)"], nobodys=["tap x"])) == ["row vm-1 (running)", "tap x"]


def test_descriptors_are_held_against_when_a_process_was_first_seen() -> None:
    counts = Descriptors(seen(process("a", 1, descriptors=3)))
    assert counts.gained(seen(process("a", 1, descriptors=5), process("b", 2, descriptors=40))) == {
        "a.service: a": 2
    }
    anew = seen(process("a", 9, descriptors=90), process("b", 2, descriptors=41), here_descriptors=0)
    assert counts.gained(anew) == {"a.service: b": 1}
    assert counts.gained(seen(process("a", 1, descriptors=2))) == {}


def test_our_own_descriptors_count_and_those_of_the_databases_workers_do_not() -> None:
    worker = process("postgres", 5, unit="postgresql@15-main.service", descriptors=9)
    counts = Descriptors(seen(worker, here_descriptors=7))
    many = worker.model_copy(update={"descriptors": 900})
    assert counts.gained(seen(many, here_descriptors=8)) == {"this command": 1}


def test_some_may_be_gained_and_more_are_a_leak() -> None:
    assert too_many({"a": MOST_GAINED}) == {}
    assert too_many({"a": MOST_GAINED + 1}) == {"descriptors of a": f"{MOST_GAINED + 1} more"}
