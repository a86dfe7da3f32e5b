"""The end of a VM is over once host and rows both say so, and what is not over is told."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any, cast

import pytest

from harness.database.connection import Database
from harness.database.vm_rows import LiveRow
from harness.database.whole_rows import SessionRows
from harness.errors import DatabaseError
from harness.host.hypervisor import Hypervisor
from harness.login import course
from harness.login.course import LoginEnd, watch_vm
from harness.site.profile import Site
from harness.world import vm_end
from harness.world.inventory import Inventory
from harness.world.vm_end import VmEnd, watch_end
from tests.unit.world.test_inventory import HOST_NETNS, VM, process, row, world

SITE = Site.model_validate({"name": "x", "session": {"end_s": 0.3}})
HOST = cast(Hypervisor, SimpleNamespace(site=SITE))
THINGS: dict[str, Any] = {
    "process": {"processes": [process(100, VM)]},
    "socket": {"sockets": [(f"{SITE.state.sockets_dir}/{VM}.sock", "socket")]},
    "tap": {"taps": [("fc-vm-6b038", HOST_NETNS, "", "fcbr0")]},
    "folder": {"state": [f"{SITE.state.vms_dir}/{VM}"]},
}
NOTHING: dict[str, Any] = {"processes": [], "state": [], "sockets": [], "taps": []}
OVER = {"status": "completed", "completed_at": "then"}
DESTROYED = {"vm_id": VM, "status": "destroyed", "destroyed_at": "then"}
RUNNING = {"vm_id": VM, "status": "running", "destroyed_at": None, "tap_device": "fc-vm-6b038"}
GONE = world(row(), **NOTHING)

Sees = Callable[[list[Inventory], list[SessionRows]], list[int]]


@pytest.fixture
def sees(monkeypatch: pytest.MonkeyPatch) -> Sees:
    """Lays down what host and database show, look by look, the last for ever; how often each was asked."""
    monkeypatch.setattr(vm_end, "_VM_END_POLL_S", 0.01)

    def lay_down(inventories: list[Inventory], rows: list[SessionRows]) -> list[int]:
        asked = [0, 0]

        def next_of(kind: int, answers: list[Any]) -> Any:
            asked[kind] += 1
            return answers.pop(0) if len(answers) > 1 else answers[0]

        monkeypatch.setattr(vm_end, "look_at_vms", lambda *_: next_of(0, inventories))
        monkeypatch.setattr(vm_end, "rows_of", lambda *_, **__: next_of(1, rows))
        return asked

    return lay_down


def watched(timeout_s: float = SITE.session.end_s) -> VmEnd:
    """The end of a VM."""
    return watch_end(HOST, cast(Any, None), session="s", vm=row(), timeout_s=timeout_s)


def test_a_row_that_is_written_last_is_waited_for(sees: Sees) -> None:
    """The host has nothing of the VM any more, and the database is about to hear of it."""
    late = [SessionRows({"status": "ready"}, RUNNING), SessionRows({"status": "ready"}, DESTROYED)]
    asked = sees([GONE], [*late, SessionRows(OVER, DESTROYED)])
    end = watched(60)
    assert (end.left(SITE.database), end.rows.session, asked) == ([], OVER, [3, 3])


def test_things_that_go_after_the_row_are_waited_for(sees: Sees) -> None:
    asked = sees([world(row()), GONE], [SessionRows(OVER, DESTROYED)])
    assert (watched(60).left(SITE.database), asked) == ([], [2, 2])


@pytest.mark.parametrize("kind", THINGS)
def test_each_thing_that_stays_is_told(kind: str, sees: Sees) -> None:
    sees([world(row(), **{**NOTHING, **THINGS[kind]})], [SessionRows(OVER, DESTROYED)])
    (line,) = watched().left(SITE.database)
    assert line.startswith(f"{kind}: ")


@pytest.mark.parametrize(
    ("columns", "told"),
    [
        (RUNNING, "row: status 'running', destroyed_at None"),
        ({**DESTROYED, "status": "stopped"}, "row: status 'stopped', destroyed_at then"),
        ({**DESTROYED, "destroyed_at": None}, "row: status 'destroyed', destroyed_at None"),
        (None, "no row that says so"),
    ],
)
def test_a_row_that_does_not_say_destroyed_is_told(
    columns: dict[str, Any] | None, told: str, sees: Sees
) -> None:
    sees([GONE], [SessionRows(OVER, columns)])
    assert watched().left(SITE.database) == [told]


CONNECTION = cast(Database, "a connection of its own")


@contextlib.contextmanager
def connect() -> Iterator[Database]:
    """The database."""
    yield CONNECTION


def test_after_a_login_the_vms_own_names_are_looked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """By its row, over a connection that no other thread uses."""
    given: list[Any] = []
    monkeypatch.setattr(course, "rows_of", lambda *_, **__: SessionRows(OVER, RUNNING))
    monkeypatch.setattr(course, "watch_end", lambda *them, **names: given.append((them, names)))
    watch_vm(LoginEnd("s", status="completed", vm_id=VM), HOST, connect)
    vm = LiveRow(VM, "running", tap_device="fc-vm-6b038")
    assert given == [((HOST, CONNECTION), {"session": "s", "vm": vm, "timeout_s": 0.3})]


def test_a_login_that_did_not_end_leaves_its_vm_alone() -> None:
    assert watch_vm(LoginEnd("s", status="awaiting_user_auth", vm_id=VM), HOST, connect).vm_end is None


def test_a_database_that_cannot_be_asked_is_kept_for_those_who_ask_of_the_vm() -> None:
    @contextlib.contextmanager
    def refused() -> Iterator[Database]:
        raise DatabaseError("no connection")
        yield CONNECTION

    ended = watch_vm(LoginEnd("s", status="completed", vm_id=VM), HOST, refused)
    assert isinstance(ended.vm_end, DatabaseError)
    assert ended.error == ""
