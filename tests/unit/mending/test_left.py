"""What is red and may be somebody's all the same is left: it may be wanted, on its way, or another site's."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from harness.mending.apply import carry_out
from harness.mending.cli import too_many_vmms
from harness.mending.hands import Hands
from tests.unit.mending.stage import Stage, journal_in, session, vm

OLD = {"created_at": "now() - interval '3 days'"}


def whys(stage: Stage) -> list[str]:
    """Why things are left, where nothing is to be done."""
    found = stage.plan()
    assert found.operations == (), found.operations
    return [one.why for one in found.left]


@pytest.mark.parametrize("status", ["'stopped'", "'failed'", "'dreaming'", "NULL"])
def test_what_has_a_row_that_is_not_destroyed_is_left(stage: Stage, status: str) -> None:
    """A stopped VM may start again, and a status that nobody knows may be a running user's."""
    running = stage.vmm(1)
    stage.vm_folder(1)
    path, _ = stage.socket(1)
    stage.add_vm(1, status=status, firecracker_pid=str(running.pid), socket_path=f"'{path}'")
    found = whys(stage)
    assert len(found) == 3
    assert all("its VM has a row" in one for one in found), found


def test_a_row_that_comes_before_the_operation_stops_it(stage: Stage, tmp_path: Path) -> None:
    """It is asked again right before: since the plan the VM has got a row."""
    folder = stage.vm_folder(1)
    found = stage.plan()
    assert len(found.operations) == 1
    stage.add_vm(1, status="'stopped'")
    (done,) = stage.mend(found, journal_in(tmp_path))
    assert done.outcome == "gone"
    assert folder.is_dir()


def test_what_has_a_destroyed_row_is_removed(stage: Stage) -> None:
    stage.vm_folder(1)
    stage.add_vm(1, status="'destroyed'", destroyed_at="now()")
    assert [one.vm for one in stage.plan().operations] == [vm(1)]


@pytest.mark.parametrize(
    ("columns", "says"),
    [
        ({"status": "'creating'", "created_at": "now()"}, "session.launch_s"),
        ({"status": "'running'", "created_at": "now()"}, "session.launch_s"),
        ({"status": "'creating'", "created_at": "NULL"}, "no time says since when"),
        ({"status": "'stopping'", "last_heartbeat": "now()"}, "session.end_s"),
        ({"status": "'stopping'"}, "no time says since when"),
    ],
)
def test_a_vm_that_is_launched_or_ended_is_left(stage: Stage, columns: dict[str, str], says: str) -> None:
    """It has less than its row promises, for a while."""
    stage.add_vm(1, **OLD | {"ip_address": "'192.168.100.7'"} | columns)
    stage.vm_folder(1)
    assert all(says in one for one in whys(stage))
    assert whys(stage)


@pytest.mark.parametrize(
    "columns", [{"status": "'creating'"}, {"status": "'stopping'", "last_heartbeat": "now() - interval '1h'"}]
)
def test_one_that_hangs_for_longer_is_mended(stage: Stage, columns: dict[str, str]) -> None:
    stage.add_vm(1, **OLD | columns)
    assert [one.vm for one in stage.plan().operations] == [vm(1)]


def test_another_sites_vmm_is_left(stage: Stage) -> None:
    """It names a VM as ours do, below folders that are not ours."""
    stage.called(f"/run/others/{vm(1)}.sock")
    stage.called(f"{stage.sockets}/../others/{vm(2)}.sock")
    stage.called(f"{vm(3)}")
    found = whys(stage)
    assert len(found) == 3
    assert all("another site's" in one for one in found), found


def test_nothing_is_mended_where_no_vmm_has_a_row(stage: Stage) -> None:
    """As with a connection string that leads to an empty copy: unless a person says how many may go."""
    stage.vmms_to_end = None
    stage.vmm(1)
    stage.vm_folder(2)
    stage.add_session(5, status="'failed'")
    found = whys(stage)
    assert len(found) == 3
    assert all("--vmms=1" in one for one in found), found
    user = stage.vmm(7)
    stage.add_vm(7, firecracker_pid=str(user.pid))
    assert {one.vm for one in stage.plan().operations} == {vm(1), vm(2), ""}


def test_nothing_is_mended_by_an_empty_table(stage: Stage) -> None:
    """No VMM runs: what a VM that hibernates has would be nobody's."""
    stage.vmms_to_end = None
    stage.vm_folder(2)
    (why,) = whys(stage)
    assert "the table of VMs is empty" in why
    stage.add_vm(1, status="'destroyed'", destroyed_at="now()")
    assert [one.vm for one in stage.plan().operations] == [vm(2)]


def test_what_is_behind_a_vmm_that_was_not_ended_is_left(stage: Stage, tmp_path: Path) -> None:
    """A stray's socket and folder stay while nobody wants its VMM ended."""
    stage.vmm(1)
    folder, (path, _) = stage.vm_folder(1), stage.socket(1)
    found = stage.plan()
    assert [one.vm for one in found.operations] == [vm(1)] * 3
    hands = Hands(stage, stage.site, stage.writing, journal_in(tmp_path))
    done = list(
        carry_out(
            found,
            stage.plan,
            hands,
            journal_in(tmp_path, run_id="fedcba"),
            lambda one: "kill" not in one.line,
        )
    )
    assert [one.outcome for one in done] == ["declined", "refused", "refused"]
    assert folder.is_dir()
    assert path.exists()


def test_a_session_is_on_the_vm_that_the_queries_say(stage: Stage) -> None:
    """By the first column that says one: the other may be what a session had before."""
    stage.connection.execute("ALTER TABLE auth_sessions ADD vm_id text")
    stage.add_vm(1, firecracker_pid="999999")
    stage.add_vm(2, status="'hibernated'", stopped_at="now()")
    stage.add_session(2, browser_vm_id=f"'{vm(2)}'", vm_id=f"'{vm(1)}'")
    found = [one.does.key for one in stage.plan().operations]
    assert not any(session(2) in key for key in found), found


def test_yes_covers_the_end_of_few_vmms(stage: Stage) -> None:
    """Beyond three, or what a person said, each is asked for."""
    for number in range(4):
        stage.vmm(number)
    found = stage.plan()
    assert [too_many_vmms(found, limit) for limit in (None, 3, 4)] == [True, True, False]
    few = replace(found, operations=found.operations[:3])
    assert [too_many_vmms(few, limit) for limit in (None, 2)] == [False, True]


class WithTap(Stage):
    """The host has a TAP device, too, called by the beginning of its VM's id."""

    def python(self, source: str, argument: object = None, *, timeout_s: float) -> Any:
        told = super().python(source, argument, timeout_s=timeout_s)
        if isinstance(told, dict) and "parts" in told:
            taps = told["parts"]["taps"]["ok"]
            tap = {"name": "fx-vm-fa018", "index": 99, "netns": taps["host_netns"], "netns_name": ""}
            taps["taps"] = [{**tap, "master": None, "up": True}]
        return told


def test_a_tap_is_of_the_vm_whose_id_it_begins(stage: Stage) -> None:
    """What else there is of the VM tells the whole id: the TAP stays where that stays."""
    stage.__class__ = WithTap
    stage.vmm(1)
    assert [(one.does.what, one.vm) for one in stage.plan().operations] == [
        ("process", vm(1)),
        ("tap", vm(1)),
    ]


def test_a_tap_of_a_row_that_is_not_destroyed_is_left(stage: Stage) -> None:
    """By its name alone, whatever else is gone."""
    stage.__class__ = WithTap
    stage.add_vm(1, status="'stopped'")
    (why,) = whys(stage)
    assert "its VM has a row" in why
