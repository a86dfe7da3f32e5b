"""Whatever a run has to tell, and wherever it cannot be written: the terminal shows the verdict."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from xml.etree import ElementTree

import pytest

from tests.unit.peers.small_suite import ROOT, Ended, Suite
from tests.unit.peers.strict_json import json_in

pytest_plugins = ["pytester"]


def piped(suite: Suite, *before: str, options: Sequence[str] = ()) -> subprocess.CompletedProcess[str]:
    """A run whose terminal is a pipe, which no limit of a file's size or of a disk's concerns."""
    words = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-s", f"--site={suite.root}/site.toml"]
    return subprocess.run(
        [*before, *words, *options, "tests/host"],
        cwd=suite.root,
        env={**os.environ, "PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        timeout=120,
    )


ONE = "@check()\ndef test_it(evidence):\n    evidence.text('a', 'x')\n    {body}\n"
JUNIT = "<testsuites/>"


def verdict_is_told(ended: Ended, *lost: str) -> None:
    """On the terminal, with what could not be written; and the exit status is the verdict's."""
    assert (ended.status, "VERDICT: FAIL (partial run" in ended.output) == (1, True), ended.output
    assert ("Could not be written (changes no outcome):" in ended.output) == bool(lost)
    for words in lost:
        assert words in ended.output


def test_junits_file_in_a_folder_that_cannot_be_made(suite: Suite) -> None:
    """The rest is as ever."""
    suite.write(ONE.format(body="open('taken', 'w').close(); assert 0"))
    ended = suite.run(f"--junitxml={suite.root}/taken/junit.xml")
    verdict_is_told(ended, "taken/junit.xml: ")
    assert ended.verdict["outcome"] == "FAIL"
    assert "generated xml file" not in ended.output


def test_junits_file_that_cannot_be_written_leaves_none_of_another_run(suite: Suite) -> None:
    """It would be read as this one's."""
    suite.write(ONE.format(body="__import__('resource').setrlimit(1, (300, -1)); assert 0"))
    report = suite.root / "junit.xml"
    report.write_text(JUNIT)
    done = piped(suite, options=[f"--junitxml={report}"])
    verdict_is_told(Ended(done.returncode, done.stdout, {}), f"- {report}: File too large")
    assert not report.exists()
    assert list(suite.root.rglob("*.new")) == []


def test_an_all_pass_run_stays_one(suite: Suite) -> None:
    """What could not be written is told, and is no fault of the site."""
    suite.write(ONE.format(body="open('taken', 'w').close(); pass"))
    ended = suite.run(f"--junitxml={suite.root}/taken/junit.xml")
    assert ended.status == 0
    assert "Could not be written" in ended.output


@pytest.mark.parametrize("where", ["the run's folder", "the check's folder", "all of it"])
def test_evidence_that_is_removed_midway(suite: Suite, where: str) -> None:
    """The verdict is written into a folder of that name again."""
    folder = {
        "the run's folder": "evidence.folder.parent",
        "the check's folder": "evidence.folder",
        "all of it": "evidence.folder.parent.parent",
    }[where]
    suite.write(ONE.format(body=f"__import__('shutil').rmtree({folder}); assert 0"))
    ended = suite.run()
    verdict_is_told(ended)
    (file,) = (suite.root / "evidence").glob("[0-9a-f]*/verdict.json")
    assert json_in(file)["outcome"] == "FAIL"  # type: ignore[index]
    assert (file.parent / "run.json").exists()


def test_a_file_in_the_place_of_the_runs_folder(suite: Suite) -> None:
    """Then there is none, and the terminal says so."""
    suite.write(
        ONE.format(
            body="folder = evidence.folder.parent; __import__('shutil').rmtree(folder);"
            " folder.write_text('x'); assert 0"
        )
    )
    ended = suite.run(f"--junitxml={suite.root}/junit.xml")
    verdict_is_told(ended, "verdict.json: ", "traceback-call.txt: ")
    assert (suite.root / "junit.xml").exists()


def test_a_file_size_limit_that_nothing_fits_in(suite: Suite) -> None:
    """No file is there in part."""
    suite.write(ONE.format(body="__import__('resource').setrlimit(1, (100, -1)); assert 0"))
    done = piped(suite, options=[f"--junitxml={suite.root}/junit.xml"])
    ended = Ended(done.returncode, done.stdout, {})
    verdict_is_told(ended, "verdict.json: File too large", "junit.xml: File too large")
    run = (suite.root / "evidence" / "latest").resolve()
    assert sorted(file.name for file in run.rglob("*") if file.is_file()) == ["a", "run.json"]
    assert not (suite.root / "junit.xml").exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="mounts need root")
@pytest.mark.parametrize("size_kb", [12, 28, 48])
def test_a_disk_that_fills_up(suite: Suite, size_kb: int) -> None:
    """Wherever the end of it comes: each file is whole or not there, and the terminal says which are not."""
    suite.write(
        "@pytest.mark.parametrize('n', range(8))\n@check()\ndef test_it(evidence, n):\n"
        "    evidence.text('a', 'x' * 3000)\n    evidence.json('b.json', ['y' * 3000])\n    assert 0\n"
    )
    disk = suite.root / "disk"
    disk.mkdir()
    script = (
        f"mount -t tmpfs -o size={size_kb}k none {disk} && "
        f'"$@" --evidence-dir={disk}/evidence --junitxml={disk}/junit.xml; status=$?; '
        f"cp -r {disk} {suite.root}/copy; exit $status"
    )
    done = piped(suite, "unshare", "-m", "sh", "-c", script, "sh")
    assert (done.returncode, "VERDICT: FAIL (partial run" in done.stdout) == (1, True), done.stdout
    files = [file for file in (suite.root / "copy").rglob("*") if file.is_file()]
    assert not [file for file in files if file.suffix == ".new"]
    for file in files:
        if file.suffix == ".json":
            json_in(file)
        elif file.name == "a":
            assert file.stat().st_size == 3000
        elif file.suffix == ".xml":
            ElementTree.parse(file)  # noqa: S314 - written by us a moment ago
    lost = [line for line in done.stdout.splitlines() if line.startswith(f"  - {disk}")]
    assert all(line.endswith(": No space left on device") for line in lost)
    files = [file for file in files if file.name != "history.jsonl" or file.read_bytes()]  # empty: as before
    assert len(files) + len(lost) == 8 * 3 + len(("run.json", "verdict.json", "history.jsonl", "junit.xml"))


PLUGINS = {
    "at_the_end": "def pytest_sessionfinish(): raise OSError(28, 'No space left on device')",
    "in_the_summary": "def pytest_terminal_summary(): raise RuntimeError('no summary')",
    "at_a_report": "def pytest_runtest_logreport(report): raise RuntimeError('no report')",
    "at_the_exit": "import pytest\ndef pytest_runtest_logfinish(): pytest.exit('enough', returncode=77)",
}


@pytest.mark.parametrize(("name", "body"), PLUGINS.items(), ids=PLUGINS.keys())
def test_somebody_elses_report_that_fails(suite: Suite, name: str, body: str) -> None:
    """The verdict reaches terminal and folder all the same."""
    (suite.root / f"{name}.py").write_text(body)
    suite.write(ONE.format(body="assert 0"))
    suite.pytester.syspathinsert()
    ended = suite.run("-p", name)
    assert ended.output.count("\nVERDICT: ") == 1
    assert f"\nVERDICT: {ended.verdict['outcome']} (partial run" in ended.output
    assert ended.verdict["outcome"] != "PASS"
    assert ended.status == ended.verdict["exit_status"] != 0


def test_a_terminal_without_our_letters_shows_every_line(
    suite: Suite, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What it lacks is written out, and nothing else."""
    monkeypatch.setenv("PYTHONIOENCODING", "ascii")
    suite.write(ONE.format(body="assert 0, 'Größe'"))
    ended = suite.run(apart=True)
    assert "\n             seen   Gr\\xf6\\xdfe\n" in ended.output
    assert "\nVERDICT: FAIL (partial run" in ended.output


def test_a_mend_is_one_line_wherever_it_is_read(suite: Suite) -> None:
    """Neither wrapped nor cut, however long it is, on the terminal and in JUnit's file."""
    suite.write(
        "from harness.findings import Finding, report\nfrom harness.mend import Command\n"
        "MEND = Command(('sudo', 'rm', '-rf', '--', '/srv/' + 'a b$(reboot) \\n' * 30))\n"
        "FOUND = [Finding('k', 'a' * 90, 'b ' * 90, (MEND,))]\n"
        "@check()\ndef test_it(): assert not FOUND, report(FOUND, 'found')\n"
        "@check()\ndef test_other(): raise VmError('lost', hint=MEND.line)\n"
    )
    junit = suite.root / "junit.xml"
    ended = suite.run(f"--junitxml={junit}")
    told = "word1=$(printf '/srv/" + r"a b\044\050reboot\051 \012" * 30 + "."
    mend = told + '\'); sudo rm -rf -- "${word1%.}"'
    lines = ended.output.splitlines()
    assert f"    {mend}" in lines
    assert " " * 20 + f"    {mend}" in lines
    assert f"             next   {mend}" in lines
    failed = ElementTree.parse(junit).find(".//failure")  # noqa: S314 - written by us a moment ago
    assert failed is not None
    assert f"    {mend}" in (failed.text or "").split("\n")
