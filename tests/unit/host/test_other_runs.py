"""What other runs have on record is told of theirs alone, and whatever else lies there."""

from __future__ import annotations

import json
import os
from pathlib import Path

from harness.host.other_runs import OtherRuns, other_runs
from tests.unit.peers.this_machine import Here


def test_requests_of_other_runs_are_told(tmp_path: Path) -> None:
    """With a session or without; notes that are none of theirs are passed over."""
    runs: dict[str, dict[str, dict[str, str | None]]] = {
        "acc-000001": {"session-1.json": {"user": "OURS", "session": "s-ours"}},
        "acc-000002": {
            "session-1.json": {"user": "User-1", "session": "s-1"},
            "session-2.json": {"user": "user-2", "session": None},
            "clone-3.json": {"user": "user-3", "session": "s-3"},
        },
        "other": {"session-1.json": {"user": "user-4", "session": "s-4"}},
    }
    for run, notes in runs.items():
        (tmp_path / run).mkdir()
        for name, said in notes.items():
            (tmp_path / run / name).write_text(json.dumps(said))
    odd = tmp_path / "acc-000003"
    odd.mkdir()
    (odd / "session-1.json").write_text("[")
    (odd / "session-2.json").write_text("[7]")
    (odd / "session-3.json").symlink_to(tmp_path / "other/session-1.json")
    os.mkfifo(odd / "session-4.json")
    assert other_runs(Here(), own="acc-000001", runs=tmp_path) == OtherRuns(
        frozenset({"s-1"}), frozenset({"user-1", "user-2"})
    )


def test_alone_on_a_host_there_are_none(tmp_path: Path) -> None:
    assert other_runs(Here(), own="acc-000001", runs=tmp_path / "none") == OtherRuns()
