"""One shell, command after command: each apart from the others, and none of them able to break it."""

from __future__ import annotations

import concurrent.futures
import contextlib
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.errors import CommandError, SshError
from harness.infra import shell as shells
from harness.infra.shell import Shell
from harness.wait import wait_until
from tests.unit.peers.patience import too_slow
from tests.unit.peers.shell_machine import open_shell

LIMIT_S = 60.0
UNTIL = "until [ -e {0} ]; do sleep 0.01; done; "


@pytest.fixture
def shell() -> Iterator[Shell]:
    """A shell of this machine."""
    opened = open_shell()
    yield opened
    opened.close()


@pytest.mark.parametrize(
    ("command", "told"),
    [
        ("echo out; echo err >&2; exit 3", (3, "out\n", "err\n")),
        ("printf 'no newline'", (0, "no newline", "")),
        ("printf 'a\\n\\n'", (0, "a\n\n", "")),
        ("true", (0, "", "")),
        ("cat", (0, "", "")),  # its own stdin is empty, not the next command
        ("echo \"it's\" '$HOME' \\`id\\`", (0, "it's $HOME `id`\n", "")),
        ("printf '\\377'", (0, "\udcff", "")),
        ("exit 124", (124, "", "")),
        ("kill -9 $$", (137, "", "Killed\n")),
        ("no-such-command-anywhere", (127, "", "sh: 1: no-such-command-anywhere: not found\n")),
        ("if", (2, "", 'sh: 1: Syntax error: end of file unexpected (expecting "then")\n')),
    ],
)
def test_each_command_is_told_apart(shell: Shell, command: str, told: tuple[int, str, str]) -> None:
    """Status, stdout and stderr; and whatever it was, the next one is as if it had not been."""
    for _ in range(2):
        done = shell.run(command, timeout_s=LIMIT_S)
        assert (done.status, done.stdout, done.stderr) == told
    assert shell.run("echo next", timeout_s=LIMIT_S).stdout == "next\n"


def test_what_a_command_leaves_running_is_not_heard_for_good(shell: Shell, tmp_path: Path) -> None:
    said = tmp_path / "said"
    shell.run(f"(sleep 0.2; echo late; echo late >&2; : >{said}) &", timeout_s=LIMIT_S)
    done = shell.run(UNTIL.format(said) + "echo on time", timeout_s=LIMIT_S)
    assert "on time" in done.stdout
    assert shell.run("echo clean", timeout_s=LIMIT_S).stdout == "clean\n"


def test_a_command_that_takes_too_long_is_ended_and_the_shell_goes_on(shell: Shell, tmp_path: Path) -> None:
    command = f"echo begun; : >{tmp_path}/begun; sleep 60"
    error = too_slow(lambda limit_s: shell.run(command, timeout_s=limit_s), tmp_path / "begun")
    assert f" s: {command}\n  it said: begun" in error.message
    assert shell.run("echo next", timeout_s=LIMIT_S).stdout == "next\n"


@pytest.mark.parametrize("program", ["timeout", "busybox"])
@pytest.mark.parametrize("ignored", ["", "trap '' TERM; "])
def test_a_command_that_had_to_be_killed_was_too_slow(tmp_path: Path, program: str, ignored: str) -> None:
    """The status is that of the killed one then: what it had printed by then is no answer."""
    ours = tmp_path / "timeout"
    ours.write_text('#!/bin/sh\nt=$3; shift 3; "$@" & sleep $t; kill $!; sleep 0.3; kill -9 $!; wait $!\n')
    ours.chmod(0o755)
    path = os.environ["PATH"] if program == "timeout" else f"{tmp_path}:{os.environ['PATH']}"
    shell = open_shell(path)
    command = f"{ignored}echo partial; : >{tmp_path}/begun; while :; do sleep 0.1; done"
    error = too_slow(lambda limit_s: shell.run(command, timeout_s=limit_s), tmp_path / "begun")
    assert "\n  it said: partial" in error.message
    shell.close()


def test_a_command_that_we_stop_waiting_for_is_not_heard_in_the_next(shell: Shell) -> None:
    """It is still to answer when a Ctrl-C, or a signal, ends the waiting."""

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGALRM, interrupt)
    try:
        with pytest.raises(KeyboardInterrupt):
            shell.run(f"kill -ALRM {os.getpid()}; sleep 0.4; echo first", timeout_s=LIMIT_S)
    finally:
        signal.signal(signal.SIGALRM, before)
    with pytest.raises(SshError, match="the shell is lost"):
        shell.run("echo second", timeout_s=LIMIT_S)


@pytest.mark.parametrize("command", ["sleep 90", "timeout 90 sh -c 'while :; do echo; sleep 0.1; done'"])
def test_a_shell_that_is_closed_meanwhile_is_lost_at_once(shell: Shell, tmp_path: Path, command: str) -> None:
    """Though what the command runs holds its pipes open; and nobody reads from them any more."""
    begun = tmp_path / "begun"
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        running = pool.submit(shell.run, f": >{begun}; {command}", timeout_s=100)
        wait_until(begun.exists, what="it runs", timeout_s=LIMIT_S)
        began = time.monotonic()
        shell.close()
        with pytest.raises(SshError, match="the shell is lost"):
            running.result(LIMIT_S)
        assert time.monotonic() - began < LIMIT_S


def test_a_shell_that_we_may_not_kill_ends_with_its_stdin(
    shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    """sudo's is root's."""

    def refused() -> None:
        raise PermissionError

    monkeypatch.setattr(shell._process, "kill", refused)
    monkeypatch.setattr(shells, "_END_S", LIMIT_S)
    assert shell.run("echo", timeout_s=LIMIT_S).status == 0
    shell.close()
    assert shell._process.returncode == 0


@pytest.mark.parametrize(
    "ending", ["sleep 60", "printf '%01000d' 0; sleep 60", "kill -9 $(ps -o ppid= -p $PPID)"]
)
def test_what_is_kept_out_is_in_no_message(ending: str) -> None:
    """Not even where its beginning, by which it is known, was cut off."""
    shell = open_shell(clean=lambda text: text.replace("KEY=hunter2", "KEY=***"))
    command = "for n in 1 2 3 4; do printf KEY=; echo hunter2; done | tee /dev/stderr; "
    with pytest.raises((CommandError, SshError)) as caught:
        shell.run(command + ending, timeout_s=0.3)
    assert "hunter2" not in str(caught.value).replace(command, "")
    shell.close()


def test_a_machine_that_falls_silent_is_given_up(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    """The machine's own end of the command did not come either."""
    monkeypatch.setattr(shells, "_GRACE_S", 0.1)
    began = time.monotonic()
    with pytest.raises(CommandError, match="took over"):
        shell.run("kill -STOP $PPID; kill -STOP $(ps -o ppid= -p $PPID); sleep 1", timeout_s=0.2)
    assert time.monotonic() - began < LIMIT_S
    assert not shell.is_open


def test_more_than_the_limit_is_not_read(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shells, "OUTPUT_LIMIT", 1 << 20)
    with pytest.raises(CommandError, match="printed more than 1 MiB: yes"):
        shell.run("yes", timeout_s=LIMIT_S)
    assert not shell.is_open


GREETINGS = {
    "a title": "printf '\\033]0;title\\007'",
    "no newline": "printf welcome",
    "on stderr": "printf 'last login: never' >&2",
    "marks of another": "printf '#0123456789abcdef# begin\\n#0123456789abcdef# end 7\\n'",
    "1 MB": "head -c 1000000 /dev/zero | tee /dev/stderr",
    "no text": "printf '\\377\\000\\r'",
    "afterwards": "(sleep 0.2; printf late; : >{said}) &",
}


@pytest.mark.parametrize("greeting", GREETINGS.values(), ids=GREETINGS)
def test_a_login_that_greets_is_no_answer(tmp_path: Path, greeting: str) -> None:
    """As a profile does that sets the terminal's title."""
    said = tmp_path / "said"
    if "{said}" not in greeting:
        said.touch()
    shell = open_shell(argv=["/bin/sh", "-c", f"{greeting.replace('{said}', str(said))}\nexec sh"])
    for _ in range(2):
        done = shell.run(UNTIL.format(said) + "echo out; echo err >&2", timeout_s=LIMIT_S)
        assert (done.status, done.stdout.removeprefix("late"), done.stderr) == (0, "out\n", "err\n")
    shell.close()


MANNERS = {
    "silent": ["sleep", "60"],
    "silent, but hears": ["sh", "-c", "exec cat >/dev/null"],
    "dripping": ["sh", "-c", "while :; do printf x; printf y >&2; sleep 0.05; done"],
    "flooding": ["yes"],
    "flooding stderr": ["sh", "-c", "exec yes >&2"],
    "closing": ["sh", "-c", "head -c 1 >/dev/null; printf '#half' ; printf said >&2"],
    "garbage": ["sh", "-c", "head -c 4096 /dev/urandom; sleep 60"],
}


@pytest.mark.parametrize("command", ["echo", ": " + "x" * (1 << 20)], ids=["short", "long"])
@pytest.mark.parametrize("argv", MANNERS.values(), ids=MANNERS)
def test_what_is_no_shell_is_soon_given_up(
    monkeypatch: pytest.MonkeyPatch, argv: list[str], command: str
) -> None:
    monkeypatch.setattr(shells, "_GRACE_S", 0.3)
    monkeypatch.setattr(shells, "OUTPUT_LIMIT", 1 << 20)
    began = time.monotonic()
    shell = open_shell(argv=argv)
    with pytest.raises((CommandError, SshError), match=r"here|the shell is lost"):
        shell.run(command, timeout_s=0.2)
    assert not shell.is_open
    assert time.monotonic() - began < LIMIT_S


SLEPT = str(7_000_000 + os.getpid())
"""Seconds that nobody else sleeps."""


def test_nothing_is_left_of_a_command_whose_shell_is_closed(shell: Shell) -> None:
    """Though timeout(1) puts what it runs into a process group of its own."""
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        running = pool.submit(shell.run, f"sleep {SLEPT} & sleep {SLEPT}", timeout_s=LIMIT_S)
        wait_until(lambda: len(sleepers()) == 2, what="it runs", timeout_s=LIMIT_S)
        shell.close()
        with pytest.raises(SshError):
            running.result(LIMIT_S)
    wait_until(lambda: not sleepers(), what="it is gone", timeout_s=LIMIT_S)


def sleepers() -> list[str]:
    """Who sleeps so long."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            found += [path.parent.name] * (path.read_bytes() == f"sleep\0{SLEPT}\0".encode())
    return found


def test_a_shell_that_is_lost_says_so(shell: Shell) -> None:
    """In the middle of a command, and to whoever asks next."""
    with pytest.raises(SshError, match="the shell is lost"):
        shell.run("echo bye >&2; kill -9 $(ps -o ppid= -p $PPID)", timeout_s=LIMIT_S)
    with pytest.raises(SshError, match="the shell is lost"):
        shell.run("echo", timeout_s=LIMIT_S)


def test_threads_take_turns(shell: Shell) -> None:
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        told = pool.map(lambda n: shell.run(f"echo {n}", timeout_s=LIMIT_S).stdout, range(40))
    assert list(told) == [f"{n}\n" for n in range(40)]


def test_large_outputs_come_whole(shell: Shell) -> None:
    done = shell.run("seq 300000; seq 300000 >&2", timeout_s=LIMIT_S)
    assert done.stdout == done.stderr == "".join(f"{n}\n" for n in range(1, 300001))
