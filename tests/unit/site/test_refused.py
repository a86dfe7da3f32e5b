"""What an operator may type or write: one message, exit status 4, and nothing left behind."""

from __future__ import annotations

import os
import socket
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from harness.__main__ import main
from harness.errors import SiteError
from harness.run import run
from harness.site.docs import site_values
from harness.site.kinds import looks_secret
from harness.site.load import load_site
from harness.site.secrets import secret
from tests.unit.peers.costs import LINEAR, growth
from tests.unit.peers.small_suite import ROOT, Suite
from tests.unit.site.hostile import FIELDS, NAMED, NO_PROFILE, PASSWORD, URL

pytest_plugins = ["pytester"]

NO_FILES: dict[str, tuple[Callable[[Path], Path], str]] = {
    "nothing": (lambda folder: folder / "none", "No such file or directory"),
    "a folder": (lambda folder: folder, "a folder, not a file"),
    "a pipe": (lambda folder: _made(folder, os.mkfifo), "a pipe, not a file"),
    "a socket": (lambda folder: _made(folder, _listen), "No such device or address"),
    "a device without end": (lambda _: Path("/dev/zero"), "a device, not a file"),
    "a device that ends": (lambda _: Path("/dev/null"), "a device, not a file"),
    "a loop of links": (lambda folder: _made(folder, _loop), "Too many levels of symbolic links"),
    "a name too long": (lambda folder: folder / ("x" * 300), "File name too long"),
    "a file in a file": (lambda _: Path("/etc/passwd/x"), "Not a directory"),
    "NUL in the name": (lambda _: Path("/a\0b"), "not a path"),
    "an escape in the name": (lambda folder: folder / "\x1b]52;c;x\x07\u202e", "No such file or directory"),
    "no text in the name": (lambda folder: folder / "\udcff", "No such file or directory"),
    "what the kernel tells for ever": (lambda _: Path("/proc/kmsg"), ""),
}


def _made(folder: Path, make: Callable[[Path], object]) -> Path:
    path = folder / "site.toml"
    make(path)
    return path


def _listen(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))


def _loop(path: Path) -> None:
    path.symlink_to(path)


@contextmanager
def nothing_left(folder: Path) -> Iterator[None]:
    """The files of a folder are as they were."""
    before = _files(folder)
    yield
    assert _files(folder) == before


def _files(folder: Path) -> list[Path]:
    """All but what pytester itself puts there."""
    paths = folder.rglob("*")
    return sorted(path for path in paths if not path.name.startswith(("stdout", "stderr", "runpytest-")))


def refused(path: Path, capsys: pytest.CaptureFixture[str], verb: str = "check") -> str:
    """What ``python -m harness site check`` says of a profile: one message, and no secret in it."""
    began = time.monotonic()
    with nothing_left(path.parent if path.parent.name.startswith("test_") else Path("/nonexistent")):
        assert main(["site", verb, str(path)]) == 4
    out, said = capsys.readouterr()
    assert (out, time.monotonic() - began < 60) == ("", True)
    assert said.startswith("site profile ")
    assert said.count("\n  next: ") == 1
    assert len(said) < 5000
    assert all(line.isprintable() for line in said.splitlines())
    assert PASSWORD not in said
    return said


@pytest.mark.parametrize(("content", "why"), NO_PROFILE.values(), ids=NO_PROFILE.keys())
def test_what_is_no_profile_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], content: str | bytes, why: str
) -> None:
    """Whatever it is, in bounded time and memory."""
    path = tmp_path / "site.toml"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    assert why in refused(path, capsys)


@pytest.mark.parametrize(("make", "why"), NO_FILES.values(), ids=NO_FILES.keys())
def test_what_is_no_file_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], make: Callable[[Path], Path], why: str
) -> None:
    """Without waiting for anybody to write into a pipe, or reading a device."""
    assert why in refused(make(tmp_path), capsys)


@pytest.mark.parametrize(("content", "why"), FIELDS.items(), ids=range(len(FIELDS)))
def test_a_value_that_cannot_be_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], content: str, why: str
) -> None:
    """Each field at fault is named, with what was expected, and with what was found where it is no secret."""
    path = tmp_path / "site.toml"
    path.write_text(content)
    assert why in refused(path, capsys)


@pytest.mark.parametrize(
    "piece", ["host=", "://", "://@ ", "password ", "password=", "token = ", "user=token"]
)
def test_a_long_text_is_soon_looked_through_for_secrets(piece: str) -> None:
    assert growth(looks_secret, piece, size=2_000) < LINEAR


def test_of_many_faults_the_first_ten_are_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """And how many there are."""
    path = tmp_path / "site.toml"
    path.write_text("name = 'x'\n" + "\n".join(f"key_{number} = 1" for number in range(5000)))
    said = refused(path, capsys).splitlines()
    assert [line.strip() for line in said[1:11]] == [f"key_{number}: no such field" for number in range(10)]
    assert said[11] == "  … and 4990 more, 5000 in all"


@pytest.mark.parametrize(
    "content", ["name = ", f'name = "x"\n[database]\nurl_env = "{URL}"', "[host]\nport = true"]
)
def test_a_run_does_not_begin(suite: Suite, content: str) -> None:
    """The same from pytest: no evidence, no check."""
    suite.profile(content)
    suite.write("@check()\ndef test_it(): pass\n")
    with nothing_left(suite.root):
        ended = suite.run("-m", "acceptance", apart=PASSWORD in content)
    assert (ended.status, ended.verdict) == (4, {})
    assert ended.output.count("ERROR: site profile ") == 1
    assert PASSWORD not in ended.output
    assert "Traceback" not in ended.output


@pytest.mark.parametrize("name", ["pipe", "zero"])
def test_a_run_waits_for_no_pipe(suite: Suite, name: str) -> None:
    """Nor does it read what has no end."""
    suite.write("@check()\ndef test_it(): pass\n")
    os.mkfifo(suite.root / "pipe")
    (suite.root / "zero").symlink_to("/dev/zero")
    with nothing_left(suite.root):
        ended = suite.run(f"--site={suite.root / name}", site=False)
    assert (ended.status, ended.output.count("ERROR: site profile ")) == (4, 1)


def test_the_program_itself_says_one_message(tmp_path: Path) -> None:
    """From a shell, by way of a pipe that nobody writes to."""
    os.mkfifo(tmp_path / "pipe")
    done = run(
        [sys.executable, "-m", "harness", "site", "check", str(tmp_path / "pipe")],
        timeout_s=120,
        check=False,
        cwd=ROOT,
    )
    hint = "--site=FILE, or ACCEPTANCE_SITE, must name an existing file"
    assert (done.status, done.stdout) == (4, "")
    assert done.stderr == f"site profile {tmp_path / 'pipe'}: a pipe, not a file\n  next: {hint}\n"


PLACES = {
    "--evidence-dir=": "names no folder of its own",
    "--evidence-dir=/proc/x": "nothing can be written to /proc",
    "--evidence-dir=/etc/passwd": "is there, and is no folder",
    "--evidence-dir=/etc/passwd/x": "Not a directory",
    "--list-checks=": "is there, and is no file",
    "--list-checks=/nonexistent/x": "its folder does not exist",
    "--list-checks=/proc/x": "nothing can be written to /proc",
    "--list-checks=/dev/null": "is there, and is no file",
    "--list-checks=.": "is there, and is no file",
    "--junitxml=": "names no file",
    "--junitxml=/proc/x": "nothing can be written to /proc",
    "--junitxml=/dev/full": "is there, and is no file",
    "--junitxml=~nosuchuser/x": "begins with ~ and the name of a user",
    "--log-file=/proc/x/y": "nothing can be written to /proc",
}


@pytest.mark.parametrize(("option", "why"), PLACES.items(), ids=PLACES.keys())
def test_a_place_that_cannot_be_written_to_is_refused_at_once(suite: Suite, option: str, why: str) -> None:
    """Before anything is read or asked, and not when the verdict is there and has nowhere to go."""
    suite.write("raise RuntimeError('was read')\n")
    with nothing_left(suite.root):
        ended = suite.run("-m", "acceptance", option, apart=option == "--junitxml=/proc/x")
    assert ended.status == 4
    assert why in ended.output
    assert "ERROR: " in ended.output
    assert not any(word in ended.output for word in ("Traceback", "INTERNALERROR", "was read"))


@pytest.mark.parametrize("words", [["-m", "pytest", "-m", "acceptance"], ["-m", "harness", "site", "docs"]])
def test_without_assertions_nothing_is_judged(words: list[str]) -> None:
    """python -O takes them out of the checks."""
    done = run([sys.executable, "-O", *words], timeout_s=120, check=False, cwd=ROOT)
    assert done.status == 4
    assert (done.stdout + done.stderr).count("python -O removes assertions") == 1
    assert "Traceback" not in done.stdout + done.stderr


def test_no_script_starts_without_assertions() -> None:
    """Not even to install packages."""
    words = ["env", "PYTHONOPTIMIZE=1", str(ROOT / "scripts" / "acceptance")]
    done = run(words, timeout_s=120, check=False, cwd=ROOT)
    assert (done.status, done.stdout) == (4, "")
    assert done.stderr.startswith("PYTHONOPTIMIZE removes assertions")


@pytest.mark.parametrize("words", [[], ["site"], ["site", "chekc"], ["site", "check", "a", "b"], ["\x1b[2J"]])
def test_a_wrong_word_is_one_message(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """With the exit status of everything that was typed wrong."""
    with pytest.raises(SystemExit) as caught:
        main(words)
    out, said = capsys.readouterr()
    assert (caught.value.code, out, said.count("\n")) == (4, "", 2)
    assert all(line.isprintable() for line in said.splitlines())


SECRETS = {
    "a pipe": (os.mkfifo, "a pipe, not a file"),
    "a folder": (Path.mkdir, "a folder, not a file"),
    "nothing in it": (lambda path: path.write_text(" \n"), "the file is empty"),
    "no text": (lambda path: path.write_bytes(b"\xff"), "not UTF-8: byte 1"),
    "far too much": (lambda path: path.write_bytes(b"x" * 100_000), "over 64 KiB"),
    "nothing": (str, "No such file"),
}


@pytest.mark.parametrize(("make", "why"), SECRETS.values(), ids=SECRETS.keys())
def test_a_file_of_a_secret_is_a_file(tmp_path: Path, make: Callable[[Path], object], why: str) -> None:
    """A profile may name anything."""
    make(tmp_path / "url")
    if (tmp_path / "url").exists():
        (tmp_path / "url").chmod(0o600)
    with pytest.raises(SiteError, match=why):
        secret(None, tmp_path / "url", what="the database")


def test_what_odd_and_right_values_come_to(tmp_path: Path) -> None:
    """A mark at the beginning of a file, slashes at the end of a path, whole numbers of seconds."""
    path = tmp_path / "site.toml"
    path.write_text(
        f'\ufeff{NAMED}settle_s = 3\n[state]\nvms_dir = "/srv//vms/"\nclones_dir = "/srv/vms-clones/"\n'
        '[controller]\nurl = "https://[::1]:4000/api"\n[agent]\nenvironment = {A = ""}\n'
    )
    shown = site_values(load_site(path)).splitlines()
    for line in (
        "host.settle_s = 3",
        'state.vms_dir = "/srv/vms"',
        'state.clones_dir = "/srv/vms-clones"',
        'controller.url = "https://[::1]:4000/api"',
        "# agent.environment = (given, and not shown)",
    ):
        assert line in shown
