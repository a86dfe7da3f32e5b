"""From red to mended on a real database, real processes and files; and what must not be touched is not."""

from __future__ import annotations

import json
import os
import time
from dataclasses import replace
from pathlib import Path

import pytest

from harness.mend import ProcessThing
from harness.mending.hands import Hands
from harness.mending.journal import Journal
from harness.mending.operations import OnHost, Plan, plan_json, read_plan
from tests.unit.mending.stage import Stage, journal_in, session, vm

RUN = "abcdef"


def litter(stage: Stage) -> None:
    """All that steps 1, 2 and 7 mend."""
    stage.vmm(1)
    stage.vm_folder(1)
    stage.socket(1)
    stage.add_vm(2, firecracker_pid="999999", tap_device="'fx-2'")
    stage.vm_folder(2)
    stage.add_session(2, browser_vm_id=f"'{vm(2)}'")
    stage.add_vm(3, status="'destroyed'", destroyed_at="now() - interval '2 days'")
    stage.add_session(3, status="'completed'", browser_vm_id=f"'{vm(3)}'", completed_at="now()")
    stage.add_session(4, status="'failed'", error_message="'x'", started_at="now() - interval '2 days'")
    stage.add_session(5, status="'failed'")


def user(stage: Stage) -> dict[str, object]:
    """A user's live VM with all that it has, and a session on it; and what of it must stay as it is."""
    running = stage.vmm(7)
    stage.vm_folder(7)
    path, _ = stage.socket(7)
    stage.add_vm(7, firecracker_pid=str(running.pid), socket_path=f"'{path}'", tap_device="'fx-7'")
    stage.add_session(7, browser_vm_id=f"'{vm(7)}'")
    return theirs(stage)


def theirs(stage: Stage) -> dict[str, object]:
    """What there is of the user's VM."""
    return {
        "process": [one.does.key for one in stage.plan().operations if one.vm == vm(7)],
        "files": sorted(str(one) for one in stage.folder.rglob(f"{vm(7)}*")),
        "row": stage.rows()[vm(7)],
        "session": stage.rows("auth_sessions")[session(7)],
    }


def test_red_is_mended_and_the_users_vm_stays(stage: Stage, tmp_path: Path) -> None:
    """Processes, files and rows agree at the end; a live VM without its TAP is left, and said so."""
    before = user(stage)
    litter(stage)
    found = stage.plan()
    done = stage.mend(found, journal_in(tmp_path))
    assert {one.outcome for one in done} == {"done"}, done
    assert [one.finding for one in found.left] != []
    assert all("a live VM is not touched" in one.why for one in found.left)
    assert stage.plan().operations == ()
    assert sorted(one.name for one in stage.vms.iterdir()) == [vm(7)]
    assert stage.rows().keys() == {vm(2), vm(7)}
    assert stage.rows()[vm(2)]["status"] == "destroyed"
    assert stage.rows("auth_sessions").keys() == {session(n) for n in (2, 3, 5, 7)}
    assert stage.rows("auth_sessions")[session(2)]["status"] == "failed"
    assert theirs(stage) == before


def test_a_plan_changes_nothing_and_is_read_back(stage: Stage) -> None:
    """The dry run, and the file that it is saved in."""
    litter(stage)
    rows, files = (stage.rows(), stage.rows("auth_sessions")), sorted(stage.folder.rglob("*"))
    found = stage.plan()
    assert read_plan(json.dumps(plan_json(found)), whose="a plan") == found
    assert len(found.operations) == 9
    assert (stage.rows(), stage.rows("auth_sessions")) == rows
    assert sorted(stage.folder.rglob("*")) == files


@pytest.mark.parametrize("late", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("at", range(1, 28, 3))
def test_killed_at_any_line_it_goes_on(stage: Stage, tmp_path: Path, at: int, late: bool) -> None:
    """Killed right before, or right after, a line of the journal: what is left to do is done by the next."""
    litter(stage)
    found = stage.plan()
    child = os.fork()
    if not child:
        try:
            stage.mend(found, Dying(tmp_path, RUN, at=at, late=late))
        finally:
            os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 9
    again = stage.mend(stage.plan(), Journal(tmp_path, "fedcba"))
    assert {one.outcome for one in again} <= {"done"}
    assert stage.plan() == Plan("stage", "stage.toml", ())
    assert list(stage.vms.iterdir()) == list(stage.sockets.iterdir()) == []
    assert stage.rows().keys() == {vm(2)}


class Dying(Journal):
    """Dies, as by SIGKILL, before or after its n-th line."""

    def __init__(self, evidence: Path, run_id: str, *, at: int, late: bool) -> None:
        super().__init__(evidence, run_id)
        self.left, self.late = at, late

    def write(self, event: str, **what: object) -> None:
        self.left -= 1
        if self.left == 0 and not self.late:
            os._exit(9)
        super().write(event, **what)
        if self.left == 0:
            os._exit(9)


def test_rows_are_put_back_as_they_were(stage: Stage, tmp_path: Path) -> None:
    """Changed and deleted ones, and what referred to those; twice is as good as once."""
    litter(stage)
    before = (stage.rows(), stage.rows("auth_sessions"))
    stage.mend(stage.plan(), journal_in(tmp_path))
    assert (stage.rows(), stage.rows("auth_sessions")) != before
    done = stage.put_back(RUN, tmp_path)
    assert [one.outcome for one in done] == ["restored"] * 5, done
    assert (stage.rows(), stage.rows("auth_sessions")) == before
    assert {one.outcome for one in stage.put_back(RUN, tmp_path, by="000000")} == {"as it was"}


def test_a_row_that_was_changed_since_is_not_put_back(stage: Stage, tmp_path: Path) -> None:
    """What somebody wrote after the mend stays."""
    stage.add_session(5, status="'failed'")
    stage.mend(stage.plan(), journal_in(tmp_path))
    stage.connection.execute("UPDATE auth_sessions SET error_message = 'theirs'")
    (done,) = stage.put_back(RUN, tmp_path)
    assert (done.outcome, done.why) == ("left", "it was changed since")
    assert stage.rows("auth_sessions")[session(5)]["error_message"] == "theirs"


def test_what_is_not_as_it_was_planned_is_left(stage: Stage, tmp_path: Path) -> None:
    """Another folder of the same name, a row that somebody changed, a process that ended: nothing is done."""
    litter(stage)
    found = stage.plan()
    for path in stage.vms.iterdir():
        path.rename(stage.folder / path.name)  # so that its inode is not given again
        path.mkdir()
    stage.connection.execute("UPDATE vms SET memory_mb = 1; UPDATE auth_sessions SET retry_count = 1")
    stage.undo.close()
    done = stage.mend(found, journal_in(tmp_path))
    assert {one.outcome for one in done if "sockets" not in one.planned.line} == {"gone"}, done
    assert len(list(stage.vms.iterdir())) == 2
    assert stage.rows()[vm(2)]["status"] == "running"


def test_what_names_no_vm_of_the_site_is_left_to_a_person(stage: Stage) -> None:
    """Another service's VMM, and a folder of somebody's, are red, and nobody's to end by a guess."""
    stage.vmm(1, names=False)
    (stage.vms / "backup").mkdir()
    found = stage.plan()
    assert found.operations == ()
    assert [one.check for one in found.left] == ["host.no_vmm_without_row", "host.no_vm_files_without_row"]


def test_a_held_folder_is_left_and_its_row_with_it(stage: Stage, tmp_path: Path) -> None:
    """A VM that runs under a name we do not know: its disk is open, so nothing of it is touched."""
    stage.add_vm(2, firecracker_pid="999999")
    folder = stage.vm_folder(2)
    stage.add_session(2, browser_vm_id=f"'{vm(2)}'")
    with (folder / "rootfs.ext4").open("wb"):
        held = os.fork()
        if not held:
            time.sleep(1000)
        try:
            done = stage.mend(stage.plan(), journal_in(tmp_path))
        finally:
            os.kill(held, 9)
            os.waitpid(held, 0)
    assert [one.outcome for one in done] == ["refused"] * 3
    assert stage.rows()[vm(2)]["status"] == "running"
    assert folder.is_dir()


def test_a_socket_that_is_listened_on_is_left(stage: Stage, tmp_path: Path) -> None:
    """Somebody answers there."""
    path, listener = stage.socket(1)
    listener.listen()
    (done,) = stage.mend(stage.plan(), journal_in(tmp_path))
    assert (done.outcome, done.why) == ("refused", "somebody listens on it")
    assert path.exists()


def test_what_is_removed_is_kept_if_it_is_small(stage: Stage, tmp_path: Path) -> None:
    stage.vm_folder(1)
    stage.mend(stage.plan(), journal_in(tmp_path))
    (kept,) = (tmp_path / f"mend-{RUN}" / "removed").iterdir()
    assert kept.read_text() == "{}"
    assert kept.stat().st_mode & 0o777 == 0o600


def test_rows_that_would_go_with_it_stop_a_deletion(stage: Stage, tmp_path: Path) -> None:
    """Another table's foreign key would delete them: nobody planned that."""
    stage.connection.execute(
        "CREATE TABLE prompts (id int PRIMARY KEY, vm_id text REFERENCES vms ON DELETE CASCADE)"
    )
    stage.add_vm(3, status="'destroyed'", destroyed_at="now() - interval '2 days'")
    stage.connection.execute("INSERT INTO prompts VALUES (1, %s)", [vm(3)])
    (done,) = stage.mend(stage.plan(), journal_in(tmp_path))
    assert done.outcome == "failed"
    assert "1 rows of mending.prompts refer to them" in done.why
    assert vm(3) in stage.rows()


def test_without_a_role_that_may_write_no_row_is_changed(stage: Stage, tmp_path: Path) -> None:
    """The role that reads is not used to write."""
    stage.add_session(5, status="'failed'")
    settings = stage.site.database.model_copy(update={"mend_url_env": None})
    stage.site = stage.site.model_copy(update={"database": settings})
    (done,) = stage.mend(stage.plan(), journal_in(tmp_path))
    assert done.outcome == "failed"
    assert "database.mend_url_env" in done.why


def test_the_emergency_workaround_ends_every_browser_vm_and_no_other(stage: Stage, tmp_path: Path) -> None:
    """With all that they leave, whose sessions end is told, and the controller is started last."""
    user(stage)
    other = stage.vmm(8)
    stage.add_vm(8, vm_type="'cli'", firecracker_pid=str(other.pid))
    stage.add_vm(9, status="'failed'")
    found = stage.emergency()
    assert [one.split()[1] for one in found.sessions] == [session(7)]
    done = stage.mend(found, journal_in(tmp_path))
    assert {one.outcome for one in done} == {"done"}, done
    units = [one.planned.does.key for one in (done[0], done[-1])]
    assert units == [f"unit master-controller.service {verb}" for verb in ("stop", "start")]
    assert {key: row["status"] for key, row in stage.rows().items()} == {
        vm(7): "destroyed",
        vm(8): "running",
        vm(9): "destroyed",
    }
    assert stage.rows("auth_sessions")[session(7)]["status"] == "failed"
    assert not list(stage.vms.iterdir())
    assert other.poll() is None


def test_a_process_of_another_start_is_another_process(stage: Stage, tmp_path: Path) -> None:
    """A pid is given again: whoever has it now is not the one that was meant."""
    running = stage.vmm(1)
    (planned,) = stage.plan().operations
    assert isinstance(planned.does, OnHost)
    assert isinstance(planned.does.thing, ProcessThing)
    older = replace(planned.does.thing, started=planned.does.thing.started - 1)
    hands = Hands(stage, stage.site, stage.writing, journal_in(tmp_path))
    assert hands.do(replace(planned.does, thing=older)).outcome == "gone"
    assert running.poll() is None
    assert hands.do(planned.does).outcome == "done"
    assert running.wait(timeout=60) == -9


def test_a_unit_that_is_down_is_started_and_one_that_is_starting_is_left(stage: Stage) -> None:
    """Step 4: what systemd has not read yet, it reads first."""
    down = stage.unit.replace("=active", "=failed").replace("Reload=no", "Reload=yes")
    stage.unit = down.replace("=enabled", "=disabled")
    assert [one.line for one in stage.plan().operations] == [
        "sudo systemctl daemon-reload",
        "sudo systemctl restart -- master-controller.service",
        "sudo systemctl enable -- master-controller.service",
    ]
    stage.unit = stage.unit.replace("=failed", "=activating").replace("=disabled", "=enabled")
    found = stage.plan()
    assert found.operations == ()
    assert [one.check for one in found.left] == ["host.controller_active"]
