"""testinfra over our shell, on this machine: what cannot be asked raises, what is known is not asked."""

from __future__ import annotations

import os
import socket
import subprocess
from ipaddress import IPv4Interface
from pathlib import Path

import pytest

from harness.errors import CommandError, TransportError
from harness.infra.batch import ask_all
from harness.infra.host import Host
from tests.unit.peers.shell_machine import this_machine, told


@pytest.mark.parametrize(("remembers", "runs"), [(True, 1), (False, 3)])
def test_a_command_is_run_once_where_nobody_changes_the_machine(
    tmp_path: Path, remembers: bool, runs: int
) -> None:
    with this_machine(remembers=remembers) as machine:
        for _ in range(3):
            assert machine.check_output("echo x >>%s; echo said", str(tmp_path / "runs")) == "said"
    assert (tmp_path / "runs").read_text() == "x\n" * runs


def test_a_program_that_is_not_there_is_no_empty_answer(host: Host) -> None:
    """Though that is how testinfra itself asks whether there is one."""
    for _ in range(2):
        with pytest.raises(CommandError, match="in here: no such command: no-such-program --all"):
            host.run("no-such-program --all")
    with pytest.raises(CommandError, match="cannot be executed"):
        host.run("/etc/passwd")
    assert not host.exists("no-such-program")
    assert host.exists("sh")


def test_a_program_that_fails_where_it_must_not_is_our_trouble(host: Host) -> None:
    """testinfra's own words for that are an assertion, which would be a claim of the check."""
    with pytest.raises(CommandError, match=r"exit status 3: echo why >&2; exit 3\n  it said: why"):
        host.check_output("echo why >&2; exit 3")
    with pytest.raises(CommandError, match="exit status 2"):
        host.run_test("exit 2")
    assert host.run("exit 3").rc == 3


def test_a_shell_that_is_lost_is_opened_anew(host: Host) -> None:
    with pytest.raises(TransportError):
        host.run("kill -9 $(ps -o ppid= -p $PPID)")
    assert host.check_output("echo again") == "again"


def test_a_shell_that_ended_by_itself_leaves_nothing_open() -> None:
    """Nobody was asking when it ended."""
    with this_machine(remembers=False) as machine:
        machine.run("true")
        ended = machine.backend._shell
        assert ended is not None
        ended._process.kill()
        ended._process.wait(60)
        assert machine.check_output("echo again") == "again"
        assert ended._process.stdout is not None
        assert ended._process.stdout.closed


def test_evidence_is_told_while_somebody_asks(host: Host) -> None:
    class Told:
        """An answer that is looked at while another one comes."""

        status, stderr = 0, ""

        @property
        def stdout(self) -> str:
            told(host, "another", "")
            return "said"

    host.backend.answers.update({"one": Told()})  # type: ignore[dict-item] # as above
    assert host.backend.evidence() == {"one": {"status": 0, "stdout": "said", "stderr": ""}}


def test_testinfras_own_modules_speak_through_it(host: Host, tmp_path: Path) -> None:
    file = tmp_path / "it's a file"
    file.write_text("größer\n")
    assert host.file(str(file)).content_string == "größer\n"
    assert host.file(str(file)).is_file
    assert not host.file(str(tmp_path / "none")).exists
    assert host.system_info.type == "linux"
    assert host.interface("lo").addresses[0] == "127.0.0.1"
    assert host.mount_point("/proc").filesystem == "proc"
    with subprocess.Popen(["sleep", "60"]) as process:  # ours may call itself what testinfra cannot read
        try:
            assert host.process.get(pid=process.pid).comm == "sleep"
        finally:
            process.kill()


def test_links_are_told_with_their_networks(host: Host) -> None:
    lo = host.link("lo")
    assert (lo.exists, lo.kind, lo.is_up) == (True, "", True)
    assert IPv4Interface("127.0.0.1/8") in lo.addresses
    gone = host.link("fc-none")
    assert (gone.exists, gone.kind, gone.flags, gone.addresses) == (False, "", [], [])


@pytest.mark.parametrize("answer", ["", "nonsense", "[]", "[{}]", '[{"ifname": "other"}]', '["x"]', "7"])
def test_a_link_that_is_not_told_is_our_trouble(host: Host, answer: str) -> None:
    told(host, "ip -d -j addr show dev br0", answer)
    with pytest.raises(TransportError, match=r"can be read|not JSON|be understood"):
        host.link("br0").exists  # noqa: B018 - asking is what raises


def test_listeners_are_told_exactly(host: Host) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        listener = host.listener(server.getsockname()[1])
        assert listener.addresses == ["127.0.0.1"]
        assert listener.pids == {os.getpid()}
        assert all(one.on_loopback for one in listener.sockets)
    assert host.listener(1).sockets == []


LISTENING = """\
LISTEN 0 511 0.0.0.0:8080 0.0.0.0:* users:(("node",pid=412,fd=18))
LISTEN 0 128 [::1]:631 [::]:*
LISTEN 0 128 127.0.0.53%lo:53 0.0.0.0:* users:(("a",pid=1,fd=2),("b",pid=3,fd=4))
LISTEN 0 128 *:22 *:*
LISTEN 0 128 [::ffff:127.0.0.1]:8125 *:*
LISTEN 0 128 [::ffff:10.0.0.1]:8126 *:*
"""


def test_listeners_are_told_with_their_owners(host: Host) -> None:
    told(host, "ss -ltnpH", LISTENING)
    seen = host.listener.all()
    assert [(one.address, one.port, sorted(one.pids)) for one in seen] == [
        ("0.0.0.0", 8080, [412]),  # noqa: S104 - what ss says
        ("::1", 631, []),
        ("127.0.0.53", 53, [1, 3]),
        ("*", 22, []),
        ("::ffff:127.0.0.1", 8125, []),
        ("::ffff:10.0.0.1", 8126, []),
    ]
    assert [one.on_loopback for one in seen] == [False, True, True, False, True, False]


@pytest.mark.parametrize("answer", ["", "nonsense\n", LISTENING + "and more\n", "LISTEN 0 1 nowhere *:*\n"])
def test_listeners_that_are_not_told_are_our_trouble(host: Host, answer: str) -> None:
    """None at all is no answer either: we came in by one."""
    told(host, "ss -ltnpH", answer)
    with pytest.raises(TransportError, match="no answer that can be read"):
        host.listener(8080).addresses  # noqa: B018 - asking is what raises


COMMANDS = {
    "echo out; echo err >&2; exit 3": (3, "out\n", "err\n"),
    "printf 'no newline'": (0, "no newline", ""),
    "printf '\\n\\n==> x <==\\n\\n'": (0, "\n\n==> x <==\n\n", ""),
    "true": (0, "", ""),
    "no-such-program": (127, "", None),
    "cat": (0, "", ""),
    "exit 7": (7, "", ""),
    "cd /; echo 'it'\"'\"'s'": (0, "it's\n", ""),
}


def test_many_commands_in_one_round_trip_keep_apart(host: Host) -> None:
    answers = ask_all(host, list(COMMANDS), timeout_s=60)
    for command, (status, stdout, stderr) in COMMANDS.items():
        answer = answers[command]
        assert (answer.status, answer.stdout) == (status, stdout), command
        assert stderr is None or answer.stderr == stderr, command
    assert list(answers) == list(COMMANDS)


def test_commands_run_side_by_side_and_leave_nothing(host: Host, tmp_path: Path) -> None:
    """Each of them waits for the other to begin."""
    meet = "touch {0}/{1}; until [ -e {0}/{2} ]; do sleep 0.01; done; echo met"
    commands = [meet.format(tmp_path, "a", "b"), meet.format(tmp_path, "b", "a"), "pwd >&2"]
    answers = ask_all(host, commands, timeout_s=60)
    assert [answer.stdout for answer in answers.values()] == ["met\n", "met\n", ""]
    folder = Path(answers["pwd >&2"].stderr.strip())
    assert (folder.name.startswith("acceptance."), folder.exists()) == (True, False)
