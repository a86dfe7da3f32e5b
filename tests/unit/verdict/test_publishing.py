"""Whatever a run has to tell, and wherever it cannot be written: the terminal shows the verdict."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from xml.etree import ElementTree

import pytest

from harness.verdict.bounds import MOST_ENTRIES, MOST_LINES, bounded, json_text
from harness.verdict.outcome import Outcome
from harness.verdict.report import rendered
from tests.unit.peers.hostile_text import NAMES
from tests.unit.peers.small_suite import ROOT, Ended, Suite
from tests.unit.verdict.test_report import result, run_of

pytest_plugins = ["pytester"]

VALUES = """
import math
class Mute:
    def __repr__(self): raise RuntimeError("no words")
    __str__ = __repr__
class Cheat(dict):
    def items(self): raise RuntimeError("no items")
class Endless(list):
    def __iter__(self):
        while True: yield 1
deep = []
for _ in range(100_000): deep = [deep]
round_about = []; round_about.append(round_about)
VALUES = {
    "surrogate": "vm-\\udcff", "lone": "\\ud800", "nul": "a\\0b",
    "controls": "\\x1b]52;c;aGk=\\x07\\x9b2J\\u202e\\u200b",
    "breaks": "a\\r\\n\\x0b\\x0c\\x1c\\x85\\u2028\\u2029b",
    "brackets": "[red]x[/red] ]]> <![CDATA[ &amp; \\" '",
    "url": '"http://p/cb?code=a\\\\b" "http://p/cb?code=c\\\\',
    "nan": math.nan, "inf": -math.inf, "huge": 10 ** 5000, "huger": 1 << 200_000, "bytes": b"\\xff\\0",
    "array": bytearray(b"x"), "deep": deep, "round": round_about, "mute": Mute(), "cheat": Cheat(a=1),
    "endless": Endless([1]), "keys": {None: 1, 2: 2, (3,): Mute(), b"\\xff": 4, "\\udcff": 5, Mute: 6},
    "set": {1, "a"}, "class": Mute,
    "long": "x" * 300_000, "lines": "a\\n" * 50_000, "words": "ab " * 100_000,
}
"""

HOSTILE = (
    VALUES
    + """
@pytest.fixture(params=VALUES, ids=list(VALUES))
def value(request): return VALUES[request.param]

NOW = []

@pytest.fixture(scope="session")
def source(evidence_sources):
    evidence_sources.add(fixture="source", name="a\\0/\\udcff", collect=lambda: NOW[0])

@pytest.fixture(autouse=True)
def now(value, leftovers):
    NOW[:] = [value]
    if isinstance(value, str): leftovers(value)

@check("health")
def test_asserts(value, source, evidence, advice):
    if isinstance(value, str):
        advice(value)
        evidence.text(value, value)
        print(value.encode("utf-8", "replace").decode())
    evidence.json("value", value)
    evidence.json("value in a dict", {"v": value})
    assert value == "never", value

@check("handlers")
def test_raises(value, source): raise VmError(value, hint=value)

@check("oauth")
def test_raises_else(value, source): raise ValueError(value)

@check("window")
def test_skips(value): pytest.skip(value if isinstance(value, str) else "x")

@check("window")
def test_fails(value): pytest.fail(value if isinstance(value, str) else "x")

@pytest.mark.parametrize("value", ["a"], indirect=False)
@pytest.mark.parametrize("name", [v for v in VALUES.values() if isinstance(v, str) and len(v) < 1000])
@check("window")
def test_named(name, value): assert not name
"""
)


def json_in(file: Path) -> object:
    """What a strict reader makes of it."""

    def refuse(constant: str) -> None:
        raise ValueError(constant)

    return json.loads(file.read_text("utf-8"), parse_constant=refuse)


def test_hostile_content_in_every_field_keeps_no_report_from_being_written(suite: Suite) -> None:
    """What tests raise, say, keep, are called and leave behind: all of it odd."""
    suite.write(HOSTILE)
    report, page = suite.root / "junit.xml", suite.root / "page.html"
    ended = suite.run(f"--junitxml={report}", f"--html={page}", apart=True)
    assert "internal error" not in ended.output.lower()
    assert (ended.status, ended.verdict["outcome"]) == (1, "FAIL")
    assert "VERDICT: FAIL" in ended.output
    assert "Could not be written" not in ended.output
    outcomes = {check["name"]: check["outcome"] for check in ended.verdict["checks"]}
    assert {name.partition("[")[0]: outcome for name, outcome in outcomes.items()} == {
        "host.asserts": "FAIL",
        "host.raises": "BROKEN",
        "host.raises_else": "BROKEN",
        "host.skips": "NOT PROVEN",
        "host.fails": "FAIL",
        "host.named": "FAIL",
    }
    run = (suite.root / "evidence" / "latest").resolve()
    for file in run.rglob("*"):
        if file.is_file() and (file.suffix == ".json" or file.name.startswith("value")):
            json_in(file)
    ElementTree.parse(report)  # noqa: S314 - written by us a moment ago
    assert not set(page.read_text("utf-8")) & set("\x00\x1b\x9b\u202e\u200b\x07\u2028")
    assert ended.output.isprintable() or not set(ended.output) & set("\x1b\x9b\u202e\u200b\x07\u2028")


@pytest.mark.parametrize("text", NAMES.values(), ids=NAMES.keys())
def test_any_text_can_stand_in_any_field(text: str) -> None:
    """On the terminal and as JSON."""
    bad = result("a", Outcome.BROKEN, seen=text, hint=text, where=text)
    lists = {"trouble": [(Outcome.FAIL, text)], "advice": [("host.it", text)]}
    verdict = run_of(bad, leftovers=[text], unwritten=[text], facts={"site": text}, **lists)
    shown = rendered(verdict, width=80, colour=False, verbose=True)
    shown.encode()
    assert not set(shown) & set("\x1b\x9b\u202e\u200b\x07\x00\r")
    json.loads(json_text({text: text}))


def test_a_value_that_doubles_at_each_step_comes_to_an_end() -> None:
    """Sixty lists, and as many texts in them as nobody can write down."""
    value: object = "x"
    for _ in range(60):
        value = [value, value]
    assert len(json_text({"before": 1, "value": value})) < 50_000_000


BIG = "\n".join(f"line {n} of trouble, in some words that go on" for n in range(100_000))


def test_a_hundred_thousand_lines_are_told_by_the_first_and_their_number(suite: Suite) -> None:
    """On the terminal, in JUnit's file and in verdict.json; all of them are in the evidence."""
    suite.write(
        "import sys\nBIG = '\\n'.join(f'line {n} of trouble' for n in range(100_000))\n"
        "@check()\ndef test_raises(advice):\n"
        "    for n in range(5_000): advice(BIG[:1000])\n"
        "    raise VmError(BIG, hint=BIG)\n"
        "@check()\ndef test_asserts(): assert not BIG, BIG\n"
    )
    report = suite.root / "junit.xml"
    ended = suite.run(f"--junitxml={report}", apart=True)
    assert ended.status == 1
    assert len(ended.output) < 100_000
    assert report.stat().st_size < 100_000
    assert "… and 99800 more lines" in report.read_text()
    assert "… and 4900 more" in ended.output
    seen = {check["name"]: check["seen"].split("\n") for check in ended.verdict["checks"]}
    assert [len(lines) for lines in seen.values()] == [MOST_LINES + 1] * 2
    assert ended.verdict["left_out"] == {"advice": 5000 - MOST_ENTRIES}
    kept = suite.root / "evidence" / "latest" / "host.asserts" / "traceback-call.txt"
    assert "line 99999 of trouble" in kept.read_text()


@pytest.mark.parametrize(
    "verdict",
    [
        run_of(trouble=[(Outcome.BROKEN, BIG)]),
        run_of(trouble=[(Outcome.BROKEN, line) for line in BIG.split("\n")]),
        run_of(result("a", Outcome.BROKEN, seen=BIG, hint=BIG, where=BIG)),
        run_of(trouble=[(Outcome.BROKEN, BIG.replace("\n", " "))]),
        run_of(advice=[("a", "-x" * 2_000_000)], leftovers=["\t " * 2_000_000]),
    ],
    ids=["lines", "entries", "check", "one line", "one word"],
)
def test_the_terminal_is_given_little_of_much(verdict: object) -> None:
    assert len(rendered(verdict, width=80, colour=True, verbose=True)) < 100_000  # type: ignore[arg-type]


def test_a_text_is_bounded_by_lines_and_by_characters() -> None:
    assert bounded("a\nb\nc", lines=3) == "a\nb\nc"
    assert bounded("a\nb\nc\n", lines=2) == "a\nb\n… and 2 more lines"
    assert bounded("x" * 200_007).endswith("x… and 7 more characters")


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
