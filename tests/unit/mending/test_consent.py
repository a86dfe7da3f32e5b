"""Nothing is done that was not shown, for a site that was not meant, or that the journal does not have."""

from __future__ import annotations

import argparse
import json
import os
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from harness.errors import HarnessError, UnreadableError, UsageError
from harness.mending import chosen as choosing
from harness.mending.apply import Done
from harness.mending.chosen import chosen, read_private_plan
from harness.mending.cli import RED, is_left, things_and_rows
from harness.mending.journal import read_journal
from harness.mending.last_verdict import LastVerdict
from harness.mending.operations import Left, OnRows, Plan, plan_json
from tests.unit.mending.stage import Stage, journal_in, session


def test_a_plan_that_does_other_than_it_shows_is_not_done(stage: Stage, tmp_path: Path) -> None:
    """What is done is asked for afresh; what a file says is only held against it."""
    stage.add_session(5, status="'failed'")
    found = stage.plan()
    (one,) = found.operations
    assert isinstance(one.does, OnRows)
    other = replace(one, does=replace(one.does, sql="UPDATE mending.auth_sessions SET retry_count = 9"))
    (done,) = stage.mend(replace(found, operations=(other,)), journal_in(tmp_path))
    assert (done.outcome, done.why) == ("gone", "it would be done by other SQL than was planned")
    shown = replace(one, line="-- nothing much")
    (done,) = stage.mend(replace(found, operations=(shown,)), journal_in(tmp_path, run_id="000000"))
    assert (done.outcome, done.why) == ("gone", "it would be done by another line than was shown")
    assert stage.rows("auth_sessions")[session(5)]["error_message"] is None


def test_a_plan_is_done_on_its_own_rows_alone(stage: Stage, tmp_path: Path) -> None:
    """Another row breaks the same claim since: it is in the next plan."""
    stage.add_session(5, status="'failed'")
    found = stage.plan()
    stage.add_session(6, status="'failed'")
    (done,) = stage.mend(found, journal_in(tmp_path))
    assert done.outcome == "done"
    assert [key for key, row in stage.rows("auth_sessions").items() if row["error_message"]] == [session(5)]


def test_a_group_that_grows_lasts_row_by_row(stage: Stage) -> None:
    """The rows that every look shows are mended, whatever else comes."""
    stage.add_session(5, status="'failed'")
    first = {one.key for one in things_and_rows(stage.plan())}
    stage.add_session(6, status="'failed'")
    assert first == {f"sessions {session(5)}"}
    assert first < {one.key for one in things_and_rows(stage.plan())}


def test_a_row_that_another_operation_changes_first_is_left(stage: Stage) -> None:
    """And the rest of its group is mended."""
    stage.add_session(5, status="'failed'", started_at="now() - interval '2 days'")
    stage.add_session(6, status="'failed'")
    found = stage.plan()
    rows = [set(one.does.before) for one in found.operations if isinstance(one.does, OnRows)]
    assert rows == [{session(5), session(6)}]
    assert [(one.check, one.finding) for one in found.left] == [
        ("db.no_old_failed_sessions", f"row sessions {session(5)}")
    ]


def test_what_is_left_is_told_by_the_status() -> None:
    """Exit 0 says that nothing is left to do."""
    clean = Plan("stage", "stage.toml", ())
    assert not is_left(clean, [], {"db.x": "PASS", "db.y": "n/a"})
    assert is_left(replace(clean, left=(Left("db.x", "row", "why"),)), [], {"db.x": "PASS"})
    assert is_left(clean, [], {"db.x": "NOT PROVEN"})
    behind = replace(clean, left=(Left("host.y", RED, "explain"),))
    assert is_left(behind, [], {"db.x": "PASS"})
    assert is_left(behind, [], {"db.x": "PASS", "host.y": "FAIL"})
    assert not is_left(behind, [], {"db.x": "PASS", "host.y": "PASS"})


def test_a_plan_that_others_can_write_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "plan.json"
    file.write_text(json.dumps(plan_json(Plan("stage", "stage.toml", ()))))
    file.chmod(0o600)
    assert read_private_plan(file).site == "stage"
    for mode in (0o620, 0o602):
        file.chmod(mode)
        with pytest.raises(UsageError, match="others can write it"):
            read_private_plan(file)


def test_the_last_runs_site_is_not_mended_where_another_is_exported(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever exported one meant that."""
    monkeypatch.setattr(choosing, "last_verdict", lambda _: LastVerdict(Path("a.toml"), {"db.x": "FAIL"}))
    args = argparse.Namespace(
        undo=None, emergency=False, site=None, apply=None, evidence_dir=Path("evidence")
    )
    with pytest.raises(UsageError, match=r"the last verdict is about a\.toml"):
        chosen(args, None, {"ACCEPTANCE_SITE": "b.toml"})
    for environ in ({}, {"ACCEPTANCE_SITE": f"{Path.cwd()}/a.toml"}):
        assert chosen(args, None, environ) == (Path("a.toml"), ["db.x"])


def test_a_line_that_is_written_in_pieces_is_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write = os.write
    monkeypatch.setattr(os, "write", lambda handle, raw: write(handle, bytes(raw)[:7]))
    journal_in(tmp_path).write("begin", number=1)
    monkeypatch.undo()
    assert [one["event"] for one in read_journal(tmp_path, "abcdef")] == ["begin"]


def test_a_full_disk_stops_the_mend(stage: Stage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is not in the journal is not done, and nothing is written behind half a line."""
    stage.vm_folder(1)
    found, journal = stage.plan(), journal_in(tmp_path)
    journal.write("plan")
    full = SimpleNamespace(**{**vars(os), "write": no_space})
    monkeypatch.setattr("harness.mending.journal.os", full)
    with pytest.raises(HarnessError, match="No space left"):
        stage.mend(found, journal)
    monkeypatch.undo()
    with pytest.raises(HarnessError, match="cut off"):
        journal.write("end")
    assert len(list(stage.vms.iterdir())) == 1


def no_space(*_: object) -> int:
    raise OSError(28, os.strerror(28))


def test_a_journal_that_is_no_json_is_told(tmp_path: Path) -> None:
    (tmp_path / "mend-abcdef").mkdir()
    (tmp_path / "mend-abcdef" / "journal.jsonl").write_text('{"event": "pl\n')
    with pytest.raises(UnreadableError, match="no JSON"):
        read_journal(tmp_path, "abcdef")


def test_done_operations_leave_nothing(stage: Stage, tmp_path: Path) -> None:
    stage.vm_folder(1)
    found = stage.plan()
    done: list[Done] = stage.mend(found, journal_in(tmp_path))
    assert not is_left(found, done, {})
    assert is_left(found, [replace(done[0], outcome="refused")], {})
