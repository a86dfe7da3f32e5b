"""docs/ci.md and docs/ci/: what is shown there is taken by who reads it, and each command by ours."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.__main__ import parser
from harness.run import run
from tests.unit.peers.extra_venv import extra_venv
from tests.unit.peers.small_suite import ROOT, Suite

pytest_plugins = ["pytester"]

FOLDER = ROOT / "docs" / "ci"
FILES = sorted(FOLDER.iterdir())
WORKFLOWS = {"github-actions.yml": "vendor.github-workflows", "gitlab-ci.yml": "vendor.gitlab-ci"}
UNITS = ("acceptance-smoke.service", "acceptance-smoke.timer")
HOME = "/opt/browser-vm-acceptance"
REPORTS, PLACES = ("--junitxml", "--html", "--prometheus"), ("--evidence-dir", "--sign-key")
"""Options that take a file to write, and those that take another path."""
_OURS = re.compile(r"scripts/acceptance\b|(?:\S*/)?\.venv/bin/python -m (?:harness|pytest)\b")
_FOLDED = re.compile(r">-\n(?P<lines>(?P<indented> +)\S.*\n(?:(?P=indented)\S.*\n)*)")
"""A text that YAML folds into one line."""


def commands() -> Iterator[tuple[str, str]]:
    """Each command of ours that a page or a file of it shows, with where it stands."""
    for path in (ROOT / "docs" / "ci.md", *FILES):
        text = path.read_text("utf-8").replace("\\\n", " ")
        if path.suffix == ".md":
            text = "\n".join(re.findall(r"^```sh\n(.*?)^```", text, re.MULTILINE | re.DOTALL))
        text = _FOLDED.sub(lambda match: " ".join(match["lines"].split()) + "\n", text)
        for line in text.splitlines():
            if (found := _OURS.search(line)) and not line.lstrip().startswith("#"):
                yield path.name, line[found.start() :]


COMMANDS = list(commands())


def split(command: str) -> tuple[str, list[str]]:
    """What is called, and what with; a comment of the shell's is left out."""
    words = shlex.split(command, comments=True)
    if words[0] == "scripts/acceptance":
        return "acceptance", words[1:]
    return words[2], words[3:]


def test_the_commands_are_found() -> None:
    """In each file that has any."""
    assert {name for name, _ in COMMANDS} == {"ci.md", *WORKFLOWS, "acceptance-smoke.service"}
    assert {split(command)[0] for _, command in COMMANDS} == {"acceptance", "harness", "pytest"}


@pytest.mark.parametrize(("where", "command"), [one for one in COMMANDS if split(one[1])[0] == "harness"])
def test_a_command_of_the_harness_is_one(where: str, command: str) -> None:
    """With each of its options."""
    assert parser().parse_args(split(command)[1]).noun, where


@pytest.mark.parametrize(("where", "command"), [one for one in COMMANDS if split(one[1])[0] != "harness"])
def test_a_run_as_it_is_shown_writes_what_it_shows(suite: Suite, where: str, command: str) -> None:
    """Its options are taken, its files are written: here of a small suite, and below its own folder."""
    suite.write("@check(smoke=True)\ndef test_it(): pass\n")
    run(["openssl", "genpkey", "-algorithm", "ed25519", "-out", suite.root / "acceptance.key"], timeout_s=60)
    (suite.root / "acceptance.key").chmod(0o600)
    _, words = split(command)
    given, told = [], []
    for word in words:
        name, _, value = word.partition("=")
        path = suite.root / value.lstrip("/")
        given += [f"{name}={path}" if name in (*REPORTS, *PLACES) else word]
        told += [path] if name in REPORTS else []
    candidate = any(word.startswith("--candidate=") for word in given)
    # A candidate is judged by all that there is, and there is nothing of it here: it is taken, no more.
    given += ["-m", "acceptance"] if candidate else []
    ended = suite.run(*(word for word in given if word != "--if-changed"))
    assert ended.status == (5 if candidate else 0), ended.output
    assert [path for path in told if not path.is_file()] == [], where


def test_what_the_script_is_called_with_reaches_pytest() -> None:
    """It makes each path of a report the caller's, so it has to know the option."""
    text = (ROOT / "scripts" / "acceptance").read_text("utf-8")
    assert [name for name in (*REPORTS, *PLACES) if f"{name}=[" not in text] == []


@pytest.mark.slow
@pytest.mark.parametrize("name", WORKFLOWS)
def test_a_workflow_is_one(name: str, tmp_path: Path) -> None:
    """By the schema that its reader publishes; one with a word that the reader does not know is none."""
    program = extra_venv(ROOT / "requirements" / "ci.lock") / "check-jsonschema"
    command: list[str | Path] = [program, "--builtin-schema", WORKFLOWS[name]]
    done = run([*command, FOLDER / name], timeout_s=120, check=False)
    assert done.status == 0, done.stdout + done.stderr
    wrong = tmp_path / name
    wrong.write_text((FOLDER / name).read_text("utf-8").replace("timeout", "time_out"))
    assert run([*command, wrong], timeout_s=120, check=False).status == 1


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="no systemd")
def test_the_units_are_sound(tmp_path: Path) -> None:
    """As they would be installed, with a Python that is there; a word that systemd does not know is told."""
    for name in UNITS:
        text = (FOLDER / name).read_text("utf-8")
        (tmp_path / name).write_text(text.replace(f"{HOME}/.venv/bin/python", sys.executable))
    verify = ["systemd-analyze", "verify", "--man=no", *(str(tmp_path / name) for name in UNITS)]
    done = subprocess.run(verify, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout + done.stderr) == (0, "")
    service = tmp_path / UNITS[0]
    service.write_text(service.read_text("utf-8").replace("TimeoutStartSec", "TimeoutStart"))
    assert "TimeoutStart" in subprocess.run(verify, capture_output=True, text=True, check=False).stderr


def test_the_timer_is_every_ten_minutes() -> None:
    """And a run is ended before the next but one would begin."""
    timer = (FOLDER / "acceptance-smoke.timer").read_text("utf-8")
    assert "\nOnCalendar=*:0/10\n" in timer
    service = (FOLDER / "acceptance-smoke.service").read_text("utf-8")
    (minutes,) = re.findall(r"^TimeoutStartSec=(\d+)min$", service, re.MULTILINE)
    assert int(minutes) < 10


def test_each_file_is_led_to() -> None:
    """From the page that tells of it."""
    page = (ROOT / "docs" / "ci.md").read_text("utf-8")
    assert {path.name for path in FILES if f"(ci/{path.name})" not in page} == set()
