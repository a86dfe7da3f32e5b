"""Evidence: one folder a check, safe names, and collectors that may fail as they like."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.errors import UsageError
from harness.verdict.evidence import KEPT_RUNS, Evidence, EvidenceRun, EvidenceSources, safe_name
from tests.unit.peers.small_suite import Suite

pytest_plugins = ["pytester"]

SOURCES = """
@pytest.fixture(scope="session")
def machine(evidence_sources):
    evidence_sources.add(fixture="machine", name="console.log", collect=lambda: "Kernel panic")
    evidence_sources.add(fixture="machine", name="facts", collect=lambda: {"pid": 7})
    evidence_sources.add(fixture="machine", name="dead", collect=lambda: 1 / 0)
    evidence_sources.add(fixture="database", name="rows", collect=lambda: "rows")
    return 1

@check()
def test_fails(machine): assert not machine
@check()
def test_passes(machine): pass
@check()
def test_other(): assert False
@check('health')
def test_breaks(machine): raise VmError("lost")
@check('health')
def test_third(machine): assert False
"""


def test_a_check_that_did_not_pass_leaves_what_its_fixtures_know(suite: Suite) -> None:
    """Its own fixtures' sources, and nobody else's; nothing for a check that passed."""
    suite.write(SOURCES)
    ended = suite.run()
    run = suite.root / "evidence" / "latest"
    kept = {
        folder.name: sorted(p.name for p in folder.iterdir()) for folder in run.iterdir() if folder.is_dir()
    }
    asked = ["console.log", "dead.missing", "facts", "traceback-call.txt"]
    assert kept == {
        "host.fails": asked,
        "host.breaks": asked,
        "host.third": asked,
        "host.other": ["traceback-call.txt"],
    }
    assert (run / "host.fails" / "console.log").read_text() == "Kernel panic"
    assert json.loads((run / "host.fails" / "facts").read_text()) == {"pid": 7}
    assert "ZeroDivisionError" in (run / "host.breaks" / "dead.missing").read_text()
    assert "not asked again" in (run / "host.third" / "dead.missing").read_text()
    assert (ended.status, ended.outcome("host.fails"), ended.outcome("host.breaks")) == (1, "FAIL", "BROKEN")
    assert ended.verdict["checks"][0]["evidence"] == str(run.resolve() / "host.fails")


def test_what_a_setup_that_failed_had_registered_is_asked(suite: Suite) -> None:
    """A VM that never came up has a console worth reading."""
    suite.write(
        "@pytest.fixture\ndef machine(evidence_sources):\n"
        "    evidence_sources.add(fixture='machine', name='console.log', collect=lambda: 'panic')\n"
        "    raise VmError('no')\n@check()\ndef test_it(machine): pass\n"
    )
    suite.run()
    assert (suite.root / "evidence" / "latest" / "host.it" / "console.log").read_text() == "panic"


def test_a_check_keeps_what_it_saw(suite: Suite) -> None:
    """The evidence fixture: text, JSON, bytes, also where the check passes."""
    suite.write(
        "@check()\ndef test_it(evidence):\n"
        "    evidence.text('a', 'x')\n    evidence.json('b', {'t': object})\n"
        "    evidence.bytes('../c', b'\\xff')\n"
    )
    assert suite.run().status == 0
    folder = suite.root / "evidence" / "latest" / "host.it"
    assert sorted(path.read_bytes()[:1] for path in folder.iterdir()) == [b"x", b"{", b"\xff"]


def test_what_a_check_printed_and_its_traceback_are_kept(suite: Suite) -> None:
    """The terminal ends with the verdict; the rest is in the folder."""
    suite.write("@check()\ndef test_it():\n    print('a word')\n    assert 1 == 2\n")
    ended = suite.run()
    folder = suite.root / "evidence" / "latest" / "host.it"
    assert (folder / "Captured stdout call.txt").exists() or any(
        "Captured" in p.name for p in folder.iterdir()
    )
    assert "assert 1 == 2" in (folder / "traceback-call.txt").read_text()
    assert "a word" not in ended.output


def test_evidence_that_cannot_be_written_is_told_before_anything_runs(suite: Suite) -> None:
    """One message, exit status 4."""
    suite.write("@check()\ndef test_it(): pass\n")
    (suite.root / "taken").write_text("a file")
    ended = suite.run(f"--evidence-dir={suite.root / 'taken'}")
    assert ended.status == 4
    assert f"--evidence-dir={suite.root / 'taken'}: is there, and is no folder" in ended.output


def test_a_write_that_fails_later_raises_nothing(tmp_path: Path) -> None:
    """A full disk does not turn a verdict."""
    (tmp_path / "taken").write_text("a file")
    Evidence(tmp_path / "taken").text("x", "y")
    assert (tmp_path / "taken").read_text() == "a file"


@pytest.mark.parametrize("name", ["a/b", "../x", ".hidden", "", "a" * 300, "ü", "a b", "x\x00y", "."])
def test_a_name_is_made_safe_and_stays_its_own(name: str) -> None:
    """No way out of the folder, no clash, short enough for a file system."""
    safe = safe_name(name)
    assert safe != name
    assert "/" not in safe
    assert not safe.startswith(".")
    assert len(safe.encode()) < 120
    assert safe != safe_name(name + "x")


def test_an_ordinary_name_is_kept() -> None:
    """Names of checks and of files read as they are."""
    for name in ("guest.directive[After]", "console.log", "host.it"):
        assert safe_name(name) == name


def test_only_the_last_runs_are_kept(tmp_path: Path) -> None:
    """And nothing that is not a run's folder is touched."""
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "file").write_text("x")
    for number in range(KEPT_RUNS + 3):
        run = EvidenceRun(tmp_path, f"{number:06x}")
        run.start({"run": "x"})
        os.utime(run.folder / "run.json", (number, number))
    kept = sorted(path.name for path in tmp_path.iterdir() if not path.is_symlink())
    assert kept == [*(f"{number:06x}" for number in range(3, KEPT_RUNS + 3)), "mine"]
    assert (tmp_path / "latest").resolve().name == f"{KEPT_RUNS + 2:06x}"


def test_a_source_that_works_again_is_asked_on(tmp_path: Path) -> None:
    """Only failures in a row end it."""
    answers: Iterator[str | OSError] = iter([OSError("a"), "b", OSError("c"), "d"])

    def collect() -> str:
        answer = next(answers)
        if isinstance(answer, OSError):
            raise answer
        return answer

    sources = EvidenceSources()
    sources.add(fixture="vm", name="log", collect=collect)
    for number in range(4):
        sources.collect(frozenset({"vm"}), Evidence(tmp_path / str(number)))
    assert (tmp_path / "3" / "log").read_text() == "d"


def test_a_folder_that_is_a_file_is_refused(tmp_path: Path) -> None:
    """The message names the option."""
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match="evidence cannot be written"):
        EvidenceRun(tmp_path / "file", "aaaaaa").start({})
