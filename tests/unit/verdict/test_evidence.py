"""Evidence: one folder a check, safe names, and collectors that may fail as they like."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from harness.errors import UsageError
from harness.verdict.evidence import Evidence, EvidenceSources, safe_name
from harness.verdict.runs import KEPT_RUNS, EvidenceRun
from tests.unit.peers.small_suite import ROOT, Suite

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
    assert "is there, and is no folder" in ended.output


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


def test_quick_runs_cost_no_whole_one(tmp_path: Path) -> None:
    """However many there are: the gate goes by the last whole one."""
    whole = EvidenceRun(tmp_path, "aaaaaa")
    whole.start({"scope": "acceptance"})
    whole.end()
    os.utime(whole.folder / "run.json", (1, 1))
    for number in range(KEPT_RUNS + 3):
        run = EvidenceRun(tmp_path, f"{number:06x}")
        run.start({"scope": "smoke"})
        run.end()
    left = [path.name for path in tmp_path.iterdir() if not path.is_symlink()]
    assert ("aaaaaa" in left, len(left)) == (True, KEPT_RUNS + 1)


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


def started(root: Path, run_id: str) -> EvidenceRun:
    """A run that goes on."""
    run = EvidenceRun(root, run_id)
    run.start({"site": "here"})
    return run


def ended(root: Path, run_id: str, age: int = 0) -> Path:
    """The folder of a run that is over, and as old as told."""
    run = started(root, run_id)
    os.utime(run.folder / "run.json", (1000 - age, 1000 - age))
    run.end()
    return run.folder


def _strange_note(folder: Path) -> None:
    (folder / "run.json").write_text(json.dumps({"kind": "acceptance evidence", "run": "another"}))


def _not_ours(folder: Path) -> None:
    (folder / "run.json").write_text(json.dumps({"run": folder.name}))


def _linked_note(folder: Path) -> None:
    (folder / "run.json").rename(folder.parent / "note.json")
    (folder / "run.json").symlink_to(folder.parent / "note.json")


def _linked_folder(folder: Path) -> None:
    folder.rename(folder.parent / "elsewhere")
    folder.symlink_to(folder.parent / "elsewhere")


STRANGERS = {
    "a file that no run writes": lambda folder: (folder / "notes.txt").write_text("mine"),
    "a folder that no run makes": lambda folder: (folder / "src").mkdir(),
    "a link": lambda folder: (folder / "host.it").symlink_to("/etc"),
    "a note of another folder": _strange_note,
    "a note without our mark": _not_ours,
    "a note that is a link": _linked_note,
    "a folder that is a link": _linked_folder,
    "an empty note": lambda folder: (folder / "run.json").write_text(""),
    "half a note": lambda folder: (folder / "run.json").write_text('{"kind": "acc'),
    "a list for a note": lambda folder: (folder / "run.json").write_text("[]"),
    "a deep note": lambda folder: (folder / "run.json").write_text("[" * 60_000),
    "a note in no UTF-8": lambda folder: (folder / "run.json").write_bytes(b"\xff\xfe"),
    "a long note": lambda folder: (folder / "run.json").write_text(" " * 100_000),
    "no note": lambda folder: (folder / "run.json").unlink(),
    "another name": lambda folder: folder.rename(folder.parent / "release-1"),
}


@pytest.mark.parametrize("change", STRANGERS.values(), ids=STRANGERS.keys())
def test_what_is_not_wholly_a_runs_is_never_deleted(tmp_path: Path, change: Callable[[Path], object]) -> None:
    """However old it is, and however many are newer."""
    folder = ended(tmp_path, "0a0a0a", age=500)
    (folder / "guest.it").mkdir()
    (folder / "guest.it" / "a").write_text("x")
    change(folder)
    before = {path for path in tmp_path.rglob("*") if path.name != "latest"}
    for number in range(KEPT_RUNS + 2):
        ended(tmp_path, f"{number:06x}")
    assert before <= set(tmp_path.rglob("*"))


def test_a_run_that_is_over_goes_with_all_that_it_wrote(tmp_path: Path) -> None:
    """Also what a kill had left half written."""
    folder = ended(tmp_path, "0a0a0a", age=500)
    (folder / "guest.it[a]").mkdir()
    (folder / "guest.it[a]" / "a").write_text("x")
    (folder / ".0123456789ab.new").write_text("half")
    (folder / "verdict.json").write_text("{}")
    for number in range(KEPT_RUNS):
        ended(tmp_path, f"{number:06x}")
    assert not folder.exists()


def test_a_run_that_goes_on_is_never_deleted_by_another(tmp_path: Path) -> None:
    """However old it is; once it is over, or killed, it goes."""
    run = started(tmp_path, "0a0a0a")
    os.utime(run.folder / "run.json", (1, 1))
    for number in range(KEPT_RUNS + 2):
        ended(tmp_path, f"{number:06x}")
    assert run.folder.exists()
    run.end()
    ended(tmp_path, "ffffff")
    assert not run.folder.exists()


@pytest.mark.parametrize("kind", ["file", "folder", "link elsewhere", "dangling link"])
def test_what_is_called_latest_and_is_not_ours_is_left(tmp_path: Path, kind: str) -> None:
    """The run does not begin, and leaves nothing."""
    latest = tmp_path / "latest"
    make = {
        "file": lambda: latest.write_text("mine"),
        "folder": latest.mkdir,
        "link elsewhere": lambda: latest.symlink_to("/etc"),
        "dangling link": lambda: latest.symlink_to("release-1"),
    }
    make[kind]()  # type: ignore[operator]
    with pytest.raises(UsageError, match="'latest' in it is not a run's"):
        started(tmp_path, "0a0a0a")
    assert [path.name for path in tmp_path.iterdir()] == ["latest"]


@pytest.mark.parametrize("umask", [0, 0o022, 0o077, 0o777])
def test_evidence_is_private_whatever_the_umask(tmp_path: Path, umask: int) -> None:
    """Folders 0700, files 0600."""
    before = os.umask(umask)
    try:
        run = started(tmp_path / "a" / "b", "0a0a0a")
        run.check("host.it").text("a", "x")
    finally:
        os.umask(before)
    paths = [path for path in (tmp_path / "a").rglob("*") if not path.is_symlink()]
    assert {path.stat().st_mode & 0o777 for path in paths if path.is_dir()} == {0o700}
    assert [path.stat().st_mode & 0o777 for path in paths if path.is_file()] == [0o600, 0o600]


@pytest.mark.parametrize("value", ["", " ", "\t"])
def test_an_empty_folder_is_refused(suite: Suite, value: str) -> None:
    """It would be the folder in which the run was started; one message, exit status 4, nothing written."""
    suite.write("@check()\ndef test_it(): pass\n")
    (suite.root / "aaaaaa").mkdir()
    (suite.root / "aaaaaa" / "run.json").write_text("{}")
    told = suite.run(f"--evidence-dir={value}")
    assert told.status == 4
    assert "names no folder of its own" in told.output
    assert (suite.root / "aaaaaa" / "run.json").exists()
    assert not (suite.root / "evidence").exists()


MANY = """
import sys
from pathlib import Path
from harness.verdict.runs import EvidenceRun
root, first, count = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
sys.stdin.readline()
for number in range(first, first + count):
    run = EvidenceRun(root, f"{number:06x}")
    run.start({"site": "here"})
    run.check("host.it").text("a", "x")
    assert (run.folder / "host.it" / "a").read_text() == "x", run.unwritten
    run.end()
"""


def test_sixty_starts_at_once_in_one_folder(tmp_path: Path) -> None:
    """Nobody trips over anybody, `latest` leads to one of them, and ten are left once all is quiet."""
    root = tmp_path / "evidence"
    words = [sys.executable, "-c", MANY, str(root)]
    many = [
        subprocess.Popen(
            [*words, str(first * 100), "20"],
            stdin=subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd=ROOT,
            text=True,
        )
        for first in range(3)
    ]
    said = []
    threads = [
        threading.Thread(target=lambda one=one: said.append(one.communicate("go\n", timeout=120)[1]))
        for one in many
    ]
    for thread in threads:
        thread.start()
    within = [threading.Thread(target=started, args=(root, f"{number:06x}")) for number in range(1000, 1060)]
    for thread in within:
        thread.start()
    for thread in [*threads, *within]:
        thread.join()
    assert ([one.returncode for one in many], said) == ([0] * 3, [""] * 3)
    assert (root / "latest").is_symlink()
    last = ended(root, "ffffff", age=-10)
    left = {path.name for path in root.iterdir() if not path.is_symlink()}
    assert len(left) == KEPT_RUNS
    assert (root / "latest").resolve() == last
    assert list(root.rglob("*.new")) == []


def test_a_run_whose_id_is_taken_is_refused(tmp_path: Path) -> None:
    """Two runs never share a folder."""
    run = started(tmp_path, "0a0a0a")
    with pytest.raises(UsageError, match="File exists"):
        started(tmp_path, "0a0a0a")
    assert (run.folder / "run.json").exists()
