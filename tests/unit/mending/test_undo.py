"""Rows are put back where they were, as they were, and only where nobody else has got what they had."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.errors import UsageError
from harness.mending.journal import read_journal
from tests.unit.mending.stage import Stage, journal_in, session, vm

RUN = "abcdef"


def test_another_sites_journal_is_refused(stage: Stage, tmp_path: Path) -> None:
    """Its rows are of other tables, whatever their keys are."""
    stage.add_session(5, status="'failed'")
    stage.mend(stage.plan(), journal_in(tmp_path))
    stage.site = stage.site.model_copy(update={"name": "another"})
    with pytest.raises(UsageError, match="that run mended stage, and this is another"):
        stage.put_back(RUN, tmp_path)
    assert stage.rows("auth_sessions")[session(5)]["error_message"]


def test_each_row_is_asked_for(stage: Stage, tmp_path: Path) -> None:
    """The one that is wanted is put back; the other is left, and told."""
    for number in (5, 6):
        stage.add_session(number, status="'failed'")
    stage.mend(stage.plan(), journal_in(tmp_path))
    done = stage.put_back(RUN, tmp_path, confirm=lambda _, key, __: key == session(5))
    assert {one.key: one.outcome for one in done} == {session(5): "restored", session(6): "left"}
    rows = stage.rows("auth_sessions")
    assert rows[session(5)]["error_message"] is None
    assert rows[session(6)]["error_message"]


@pytest.mark.parametrize(
    ("column", "was", "now"),
    [
        ("ip_address", "'192.168.100.7'", "'192.168.100.7/24'"),
        ("tap_device", "'fx-1'", "'fx-1'"),
        ("socket_path", "'/run/one.sock'", "'/run/one.sock'"),
    ],
)
def test_a_vm_whose_things_another_has_is_left(
    stage: Stage, tmp_path: Path, column: str, was: str, now: str
) -> None:
    """Its address or thing was given again: two live rows would share it."""
    stage.add_vm(1, firecracker_pid="999999", **{column: was})
    done = stage.mend(stage.plan(), journal_in(tmp_path))
    assert [one.outcome for one in done] == ["done"], done
    stage.add_vm(2, **{column: now})
    (left,) = stage.put_back(RUN, tmp_path)
    assert left.outcome == "left"
    assert f"{vm(2)} is live and has its {column} now" in left.why
    assert stage.rows()[vm(1)]["status"] == "destroyed"
    stage.connection.execute("UPDATE vms SET status = 'destroyed' WHERE vm_id = %s", [vm(2)])
    assert [one.outcome for one in stage.put_back(RUN, tmp_path, by="000000")] == ["restored"]


@pytest.mark.parametrize(("column", "value"), [("tap_device", "fx-"), ("socket_path", "/run/api.sock")])
def test_a_vm_with_a_namespace_and_a_jail_of_its_own_goes_back(
    stage: Stage, tmp_path: Path, column: str, value: str
) -> None:
    """Where a TAP is called as every VM's is, and a socket's path is as each jail has it."""
    jails = stage.folder / "jails"
    jails.mkdir()
    state = {"tap_id_characters": None, "jails_dir": str(jails)}
    stage.site = stage.site.model_copy(update={"state": stage.site.state.model_copy(update=state)})
    stage.add_vm(1, firecracker_pid="999999", **{column: f"'{value}'"})
    stage.mend(stage.plan(), journal_in(tmp_path))
    stage.add_vm(2, **{column: f"'{value}'"})
    assert [one.outcome for one in stage.put_back(RUN, tmp_path)] == ["restored"]
    assert stage.rows()[vm(1)]["status"] == "running"


def test_what_is_put_back_is_in_a_journal(stage: Stage, tmp_path: Path) -> None:
    stage.add_session(5, status="'failed'")
    stage.mend(stage.plan(), journal_in(tmp_path))
    mended = stage.rows("auth_sessions")[session(5)]
    stage.put_back(RUN, tmp_path)
    (line,) = [one for one in read_journal(tmp_path, "fedcba") if one["event"] == "rows"]
    assert line["before"] == {session(5): mended}
    assert line["after"] == stage.rows("auth_sessions")
