"""Two runs compared, the last ones drawn, and a run that is held against the one before."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from harness.__main__ import main
from harness.verdict.history import NAME, History
from harness.verdict.past import Past, past_of
from tests.unit.peers.small_suite import Suite
from tests.unit.peers.verdicts import BEGAN, document, passed

pytest_plugins = ["pytester"]

CHECKS = """
import os
@check(smoke=True)
def test_one(): assert "one" not in os.environ.get("BAD", "")
@check(smoke=True)
def test_other(): assert "other" not in os.environ.get("BAD", "")
"""


def checks(**outcomes: str) -> list[dict[str, Any]]:
    first = passed()["checks"][0]
    return [{**first, "name": name, "outcome": outcome} for name, outcome in outcomes.items()]


def kept(root: Path, number: int, **changes: Any) -> Past:
    """A run that is remembered, and whose folder is long gone."""
    past = past_of(document(run=f"{number:06x}", **changes))
    past = past.model_copy(
        update={"began": BEGAN + timedelta(days=number), "subject": {**past.subject, "host": "a" * 64}}
    )
    History(root).append(past)
    return past


def said(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, list[str]]:
    status = main([*words])
    return status, capsys.readouterr().out.splitlines()


def test_two_runs_are_compared(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """One by the history, and one by its file."""
    kept(tmp_path, 1, checks=checks(a="PASS", b="FAIL", c="FAIL"))
    file = tmp_path / "verdict.json"
    measured = {"restore_healthy_s": 0.3, "cold_boot_healthy_s": None, "clone_private_kib": None}
    later = passed(run="000002", checks=checks(a="FAIL", b="PASS", c="FAIL"), measured=measured)
    file.write_text(json.dumps(later))
    where = f"--evidence-dir={tmp_path}"
    status, lines = said(capsys, "compare", "000001", str(file), where)
    assert status == 1
    assert [line for line in lines if line.startswith(("new", "fixed", "gone", "still"))] == [
        "new     a: PASS before, now FAIL",
        "fixed   b: FAIL before, now PASS",
        "still   c: FAIL before, now FAIL, since run 000001",
    ]
    assert "host: aaaaaaaa, then not known" in lines
    status, lines = said(capsys, "compare", str(file), str(file), where)
    assert (status, [line for line in lines if "restore" in line]) == (
        0,
        ["restore to healthy: 0.30 s, then 0.30 s (one run each: less than 5 tell nothing)"],
    )
    assert said(capsys, "compare", "000001", "abcdef", where)[0] == 4


def test_the_last_runs_are_drawn(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    where = f"--evidence-dir={tmp_path}"
    assert said(capsys, "history", where)[0] == 4
    for number, outcome in enumerate(("PASS", "FAIL", "PASS"), start=1):
        kept(tmp_path, number, checks=checks(a=outcome, b="FAIL"), outcome=outcome)
    with (tmp_path / NAME).open("a") as file:
        file.write('{"torn')
    status, lines = said(capsys, "history", where)
    assert status == 0
    assert lines[0].split()[:2] == ["run", "began"]
    assert "site" not in lines[0].split()
    assert [line.split()[0] for line in lines[1:4]] == ["000003", "000002", "000001"]
    assert "2 FAIL" in lines[2]
    assert lines[-2:] == ["  a: 2 times", f"{tmp_path / NAME}: 1 line of it cannot be read"]
    assert len(said(capsys, "history", where, "--last=1")[1]) == 3  # a heading, a run, and what is torn


def test_a_run_is_held_against_the_one_before(suite: Suite, monkeypatch: pytest.MonkeyPatch) -> None:
    """In the verdict on the terminal, and in verdict.json; also when the folder of that run is gone."""
    suite.write(CHECKS)
    monkeypatch.setenv("BAD", "one")
    first = suite.run("-m", "smoke")
    assert first.verdict["since"]["why"] == "no earlier run of this site and scope is known"
    assert "Since the last run" not in first.output
    suite.run("tests/host", "-k", "other")  # a part: neither held against, nor held to
    for folder in (suite.root / "evidence").iterdir():
        if folder.is_dir() and not folder.is_symlink():
            folder.rename(suite.root / folder.name)
    monkeypatch.setenv("BAD", "other")
    second = suite.run("-m", "smoke")
    run = first.verdict["run"]
    assert f"Since the last run ({run} of " in second.output
    assert "new (PASS before, now FAIL): host.other" in second.output
    assert "fixed (FAIL before, now PASS): host.one" in second.output
    third = suite.run("-m", "smoke")
    assert [one["run"] for one in third.verdict["since"]["still"]] == [second.verdict["run"]]
    assert third.verdict["since"]["new"] == []


def test_a_history_that_is_somebody_elses_turns_no_verdict(suite: Suite) -> None:
    suite.write("@check(smoke=True)\ndef test_it(): pass\n")
    suite.run("-m", "smoke")
    file = suite.root / "evidence" / NAME
    file.chmod(0o666)
    before = file.read_bytes()
    ended = suite.run("-m", "smoke")
    assert ended.verdict["since"]["why"] == "the history cannot be read"
    assert f"{file}: others may write it" in ended.output
    assert file.read_bytes() == before
