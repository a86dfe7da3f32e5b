"""The two commands of the README: what pytest is started with, wherever and with whatever they are called."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from harness.run import Result, run
from tests.unit.peers.small_suite import ROOT

SETUP = """
root={root}; python=$root/python
suite_packages=() lab_packages=() test_packages=()
die() {{ echo "$1, next: $2" >&2; exit 4; }}
packages() {{ :; }}
venv() {{ :; }}
id() {{ echo 0; }}
"""
PYTHON = """#!/bin/sh
[ "$2 $3" = "lab up" ] && shift 3 && echo "lab up $*"
[ "$2 $3" = "harness gate" ] && shift 3 && echo "gate $*" && exit ${GATE:-1}
[ "$2" = pytest ] && shift 2 && echo "in $PWD for ${ACCEPTANCE_SITE:-no site}" && printf '%s\\n' "$@"
[ "$1" = tests/unit ] && exit ${UNIT:-0}
[ "$1" = tests/lab ] && exit ${LAB:-0}
exit 0
"""
QUICK = ["-m", "not acceptance and not slow"]
SIDE_BY_SIDE = ("-n", "2")
UNIT = ["tests/unit", *SIDE_BY_SIDE, "--dist", "loadfile", *QUICK]
LAB = ["tests/lab", *QUICK]

NARROWED = {
    "nothing": [],
    "a flag": ["-x"],
    "two flags": ["-v", "--maxfail=1"],
    "a word that is a folder here, too": ["-k", "tests"],
    "what to leave out": ["--ignore", "tests/lab", "--deselect", "tests/unit/test_site.py::test_it"],
    "what to leave out, in one word": ["--ignore=tests/lab"],
}
CHOSEN = {
    "a folder": ["tests/unit", "-k", "wait"],
    "a file after a flag": ["-x", "tests/lab/test_faults.py"],
    "one test": ["./tests/unit/test_site.py::test_it"],
    "everything": ["tests"],
    "a marker": ["-x", "-m", "slow"],
    "a marker in one word": ["-mslow"],
}
OPTIONS = {
    "in one word": [
        "--site=a.toml",
        "--evidence-dir=e",
        "--junitxml=j.xml",
        "--prometheus=p.prom",
        "--html=h.html",
    ],
    "in two words": [
        "--site",
        "a.toml",
        "--evidence-dir",
        "e",
        "--junitxml",
        "j.xml",
        "--prometheus",
        "p.prom",
        "--html",
        "h.html",
    ],
    "by way of another folder": [
        "--site=../here/a.toml",
        "--evidence-dir=./e",
        "--junitxml",
        "../here/j.xml",
        "--prometheus=../here/p.prom",
        "--html=./h.html",
    ],
}


@pytest.fixture
def here(tmp_path: Path) -> Path:
    """The folder that the caller is in; the project is beside it, with a Python that only tells."""
    for folder in ("here", "project/scripts"):
        (tmp_path / folder).mkdir(parents=True)
    project = tmp_path / "project"
    for script in ("acceptance", "test"):
        shutil.copy(ROOT / "scripts" / script, project / "scripts")
    (project / "scripts/setup.sh").write_text(SETUP.format(root=project))
    for program in ("python", "lint-imports"):
        (project / program).write_text(PYTHON)
        (project / program).chmod(0o755)
    return tmp_path / "here"


def call(here: Path, script: str, *words: str, site: str = "", check: bool = True) -> Result:
    """Call one of the scripts."""
    program = here.parent / "project/scripts" / script
    return run([program, *words], timeout_s=60, cwd=here, env={"ACCEPTANCE_SITE": site}, check=check)


def words_of_pytest(done: Result) -> list[str]:
    """What pytest was started with."""
    (words,) = runs_of_pytest(done)
    return words


def runs_of_pytest(done: Result) -> list[list[str]]:
    """What pytest was started with, each time."""
    _, *runs = re.split(r"^in .*\n", done.stdout, flags=re.MULTILINE)
    return [run.splitlines() for run in runs]


@pytest.mark.parametrize("words", NARROWED.values(), ids=NARROWED.keys())
def test_slow_tests_are_left_out_whatever_else_is_said(words: list[str], here: Path) -> None:
    """An option is no choice of tests."""
    assert words_of_pytest(call(here, "test", *words)) == ["tests/unit", "tests/lab", *QUICK, *words]


@pytest.mark.parametrize("words", NARROWED.values(), ids=NARROWED.keys())
def test_unit_tests_are_spread_and_the_labs_are_not(words: list[str], here: Path) -> None:
    if any(word.startswith(("--junit", "--html")) for word in words):
        words = []
    assert runs_of_pytest(call(here, "test", *SIDE_BY_SIDE, *words)) == [[*UNIT, *words], [*LAB, *words]]


@pytest.mark.parametrize(
    ("unit", "lab", "status"), [(0, 0, 0), (0, 1, 1), (5, 0, 0), (0, 5, 0), (5, 5, 5), (5, 1, 1)]
)
def test_it_ends_as_both_runs_do(unit: int, lab: int, status: int, here: Path) -> None:
    """One that none of the tests asked for belongs to is no failure."""
    assert ended(here, unit, lab) == (status, 2)


@pytest.mark.parametrize("unit", [1, 2, 3, 4])
def test_what_failed_or_was_cut_short_is_the_last_that_is_told(unit: int, here: Path) -> None:
    """The lab's proof would have it scroll away."""
    assert ended(here, unit, 0) == (unit, 1)


def ended(here: Path, unit: int, lab: int) -> tuple[int, int]:
    """How the script ends where its runs end so, and how many there were."""
    program = here.parent / "project/scripts/test"
    words: list[str | Path] = [program, *SIDE_BY_SIDE]
    done = run(words, timeout_s=60, cwd=here, env={"UNIT": str(unit), "LAB": str(lab)}, check=False)
    return done.status, len(runs_of_pytest(done))


@pytest.mark.parametrize("words", [["--junitxml=j.xml"], ["--html", "h.html"]])
def test_the_second_run_would_write_over_the_report_of_the_first(words: list[str], here: Path) -> None:
    done = call(here, "test", *SIDE_BY_SIDE, *words, check=False)
    assert (done.status, runs_of_pytest(done)) == (4, [])
    assert f"{words[0].split('=')[0]} is of one run" in done.stderr
    assert words_of_pytest(call(here, "test", "tests/unit", *words)) == ["tests/unit", *words]


@pytest.mark.parametrize("words", CHOSEN.values(), ids=CHOSEN.keys())
def test_a_path_or_a_marker_says_what_runs(words: list[str], here: Path) -> None:
    """Slow ones that are named included."""
    assert words_of_pytest(call(here, "test", *words)) == words


@pytest.mark.parametrize("words", OPTIONS.values(), ids=OPTIONS.keys())
def test_a_relative_path_is_the_callers(words: list[str], here: Path) -> None:
    """pytest itself runs in the project's folder."""
    done = call(here, "acceptance", *words)
    paths = [
        f"--site={here}/a.toml",
        f"--evidence-dir={here}/e",
        f"--junitxml={here}/j.xml",
        f"--prometheus={here}/p.prom",
        f"--html={here}/h.html",
    ]
    assert words_of_pytest(done) == ["-m", "acceptance", *paths]
    assert done.stdout.startswith(f"in {here.parent}/project for ")


@pytest.mark.parametrize("site", ["a.toml", "../here/a.toml"])
def test_a_relative_site_in_the_environment_is_the_callers(site: str, here: Path) -> None:
    """Nor is it mistaken for no site."""
    done = call(here, "acceptance", "-x", site=site)
    assert done.stdout.splitlines() == [
        f"in {here.parent}/project for {here}/a.toml",
        "-m",
        "acceptance",
        "-x",
    ]


@pytest.mark.parametrize(("gate", "runs"), [(0, False), (1, True), (3, True), (4, True)])
def test_what_did_not_change_is_not_run_again(gate: int, runs: bool, here: Path) -> None:
    """Only an ALLOW says so, and of what would be run."""
    program = here.parent / "project/scripts/acceptance"
    words = ["--if-changed", "--site", "a.toml", "--evidence-dir=e", "--sign-key=k"]
    done = run([program, *words], timeout_s=60, cwd=here, env={"GATE": str(gate)}, check=False)
    head, *rest = done.stdout.splitlines()
    given = [f"--site={here}/a.toml", f"--evidence-dir={here}/e", f"--sign-key={here}/k"]
    assert (done.status, head) == (0, f"gate {' '.join(given)} --max-age=24h")
    assert rest[1:] == (["-m", "acceptance", *given] if runs else [])


@pytest.mark.parametrize("words", [["--max-age=7d"], ["--max-age", "7d"]])
def test_how_long_it_counts_can_be_said(words: list[str], here: Path) -> None:
    """To the gate alone: pytest does not know it."""
    done = call(here, "acceptance", "--if-changed", *words, site="/a.toml")
    head, *rest = done.stdout.splitlines()
    assert (head, rest[1:]) == ("gate --max-age=7d", ["-m", "acceptance"])


@pytest.mark.parametrize(
    "words",
    [
        ["--if-changed", "--junitxml=j.xml"],
        ["-k", "health", "--if-changed"],
        ["--if-changed", "tests/host"],
        ["--prometheus=p", "--if-changed"],
        ["--html=h", "--if-changed"],
        ["--max-age=7d"],
    ],
)
def test_what_an_earlier_run_did_not_do_is_not_left_undone(words: list[str], here: Path) -> None:
    """Nobody is asked, and nothing is run."""
    done = call(here, "acceptance", *words, site="/a.toml", check=False)
    assert (done.status, done.stdout) == (4, "")
    assert "--if-changed" in done.stderr


def test_what_is_no_relative_path_goes_through_as_it_is(here: Path) -> None:
    """pytest itself knows the home in --junitxml."""
    words = ["--site=/etc/a.toml", "--junitxml=~/j.xml", "-k", "health", "--site-like=x"]
    assert words_of_pytest(call(here, "acceptance", *words)) == ["-m", "acceptance", *words]


@pytest.mark.parametrize(
    ("words", "up"), [([], ""), (["--lab=kvm"], "--host=kvm"), (["--lab", "nspawn"], "--host=nspawn")]
)
def test_the_lab_comes_up_on_the_host_that_was_named(words: list[str], up: str, here: Path) -> None:
    """pytest itself knows no --lab."""
    done = call(here, "acceptance", *words, "-x")
    assert done.stdout.splitlines() == [
        f"lab up {up}",
        f"in {here.parent}/project for no site",
        "-m",
        "acceptance",
        "-x",
    ]


def test_a_site_has_no_lab(here: Path) -> None:
    done = call(here, "acceptance", "--lab=kvm", site="/a.toml", check=False)
    assert (done.status, done.stdout) == (4, "")
    assert "--lab" in done.stderr


def test_an_option_without_its_path_is_a_mistake_in_options(here: Path) -> None:
    """Exit status 4, as docs/ci.md has it."""
    done = call(here, "acceptance", "--site", check=False)
    assert (done.status, done.stdout) == (4, "")
    assert "--site needs a value" in done.stderr
