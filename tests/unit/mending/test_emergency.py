"""The emergency workaround: all that Browser VMs have, while nobody launches others; no site is left down."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.errors import HarnessError
from harness.mending.apply import Done
from harness.mending.cli import stays_down
from harness.mending.operations import Plan, Planned
from tests.unit.mending.stage import Stage, journal_in, vm


def words(done: list[Done]) -> list[str]:
    """Outcome and verb of what was done to the unit."""
    units = [one for one in done if one.planned.does.what == "unit"]
    return [f"{one.outcome} {one.planned.line.split()[2]}" for one in units]


@pytest.mark.parametrize("status", ["'stopped'", "'dreaming'"])
def test_a_browser_vm_of_any_status_is_ended_whole(stage: Stage, tmp_path: Path, status: str) -> None:
    """Its row says that it is not live, and its VMM runs."""
    running = stage.vmm(1)
    stage.vm_folder(1)
    stage.socket(1)
    stage.add_vm(1, status=status)
    done = stage.mend(stage.emergency(), journal_in(tmp_path))
    assert {one.outcome for one in done} == {"done"}
    assert running.wait(timeout=60) == -9
    assert not [*stage.vms.iterdir(), *stage.sockets.iterdir()]


def test_what_another_vm_has_got_since_is_not_ended(stage: Stage, tmp_path: Path) -> None:
    """A stopped Browser VM's row names a socket that is another VM's now."""
    path = f"{stage.sockets}/shared.sock"
    other = stage.called(path)
    stage.add_vm(1, status="'stopped'", socket_path=f"'{path}'")
    stage.add_vm(2, vm_type="'cli'", socket_path=f"'{path}'", firecracker_pid=str(other.pid))
    stage.mend(stage.emergency(), journal_in(tmp_path))
    assert other.poll() is None
    assert {key: row["status"] for key, row in stage.rows().items()} == {vm(1): "destroyed", vm(2): "running"}


def test_what_is_launched_until_the_controller_stops_is_ended_too(stage: Stage, tmp_path: Path) -> None:
    """One more look, before it is started again."""
    stage.add_vm(1, status="'stopped'")

    def launch(command: str) -> int:
        if "stop" in command:
            running = stage.vmm(5)
            stage.add_vm(5, firecracker_pid=str(running.pid), created_at="now()")
        return 0

    stage.told = launch
    done = stage.mend(stage.emergency(), journal_in(tmp_path))
    assert words(done) == ["done stop", "done start"]
    assert done[-1].planned.line.split()[2] == "start"
    assert {row["status"] for row in stage.rows().values()} == {"destroyed"}


def test_while_the_controller_runs_nothing_is_ended(stage: Stage, tmp_path: Path) -> None:
    """It could not be stopped: it is started, for what a failed stop left of it is not known."""
    stage.add_vm(1)
    stage.told = lambda command: int("stop" in command)
    done = stage.mend(stage.emergency(), journal_in(tmp_path))
    assert words(done) == ["failed stop", "done start"]
    assert [one.outcome for one in done] == ["failed", "refused", "done"]
    assert stage.rows()[vm(1)]["status"] == "running"


def test_a_look_that_fails_does_not_leave_it_down(
    stage: Stage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What could not be looked at is told, and the controller runs."""
    found, looked, began = stage.emergency(), stage.emergency, []

    def look(one: Planned) -> Plan:
        began.append(one)
        if len(began) == 2:  # the stop, then this
            raise HarnessError("no answer")
        return looked(one)

    started: list[str] = []
    stage.told = lambda command: started.append(command) or 0  # type: ignore[func-returns-value]
    monkeypatch.setattr(stage, "emergency", look)
    with pytest.raises(HarnessError, match="no answer"):
        stage.mend(found, journal_in(tmp_path))
    assert [one.split()[1] for one in started] == ["stop", "start"]


def test_one_that_was_not_started_is_told(stage: Stage, tmp_path: Path) -> None:
    found = stage.emergency()
    stage.told = lambda command: int("start" in command)
    done = stage.mend(found, journal_in(tmp_path))
    assert words(done) == ["done stop", "failed start"]
    assert stays_down(found, done)
    assert stays_down(found, done[:1])
    assert not stays_down(found, [])
