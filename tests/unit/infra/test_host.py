"""testinfra over our shell, on this machine: what cannot be asked raises, what is known is not asked."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from ipaddress import IPv4Interface
from pathlib import Path

import pytest

from harness.errors import CommandError, TransportError
from harness.guest.unit_file import parse_commands
from harness.infra.batch import ask_all
from harness.infra.host import Host
from harness.infra.units import FAILED, JOURNAL, SHOW_UNIT, VERIFY, read_show, shown_apart
from harness.run import Result
from tests.unit.peers.shell_machine import this_machine


@pytest.fixture
def host() -> Iterator[Host]:
    """This machine, whose answers stand for good."""
    with this_machine() as machine:
        yield machine


def told(host: Host, command: str, stdout: str, *, status: int = 0) -> None:
    """Have a command answered so."""
    host.backend.remember({command: Result((), status, stdout, "")})


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
        ended._process.wait(10)
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
    assert host.process.get(pid=os.getpid()).pid == os.getpid()


def test_links_are_told_with_their_networks(host: Host) -> None:
    lo = host.link("lo")
    assert (lo.exists, lo.kind, lo.is_up) == (True, "", True)
    assert IPv4Interface("127.0.0.1/8") in lo.addresses
    gone = host.link("fc-none")
    assert (gone.exists, gone.kind, gone.flags, gone.addresses) == (False, "", [], [])


@pytest.mark.parametrize("answer", ["", "nonsense", "[]", "[{}]", '[{"ifname": "other"}]', '["x"]', "7"])
def test_a_link_that_is_not_told_is_our_trouble(host: Host, answer: str) -> None:
    told(host, "ip -d -j addr show dev br0", answer)
    with pytest.raises(TransportError, match="no answer that can be read"):
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
"""


def test_listeners_are_told_with_their_owners(host: Host) -> None:
    told(host, "ss -ltnpH", LISTENING)
    seen = host.listener.all()
    assert [(one.address, one.port, sorted(one.pids)) for one in seen] == [
        ("0.0.0.0", 8080, [412]),  # noqa: S104 - what ss says
        ("::1", 631, []),
        ("127.0.0.53", 53, [1, 3]),
        ("*", 22, []),
    ]
    assert [one.on_loopback for one in seen] == [False, True, True, False]


@pytest.mark.parametrize("answer", ["", "nonsense\n", LISTENING + "and more\n", "LISTEN 0 1 nowhere *:*\n"])
def test_listeners_that_are_not_told_are_our_trouble(host: Host, answer: str) -> None:
    """None at all is no answer either: we came in by one."""
    told(host, "ss -ltnpH", answer)
    with pytest.raises(TransportError, match="no answer that can be read"):
        host.listener(8080).addresses  # noqa: B018 - asking is what raises


def test_a_unit_keeps_every_line_of_a_property(host: Host) -> None:
    lines = "Id=a.service\nLoadState=loaded\nExecStartPre={ 1 }\nExecStartPre={ 2 }\nRestart=always\nA=b=c"
    told(host, SHOW_UNIT % "a.service", lines)
    unit = host.unit("a.service")
    assert unit.lines("ExecStartPre") == ["{ 1 }", "{ 2 }"]
    assert (unit.get("A"), unit.get("None", "-"), unit.seconds("None")) == ("b=c", "-", 0)
    assert host.service("a.service").systemd_properties["Restart"] == "always"


STARTED = "ignore_errors=no ; start_time=[n/a] ; stop_time=[n/a] ; pid=0 ; code=(null) ; status=0/0 }"
SHOWN = f"""\
Restart=always
ExecStartPre={{ path=/bin/sleep ; argv[]=/bin/sleep 2 ; {STARTED}
ExecStartPre={{ path=/bin/sh ; argv[]=/bin/sh -c one

Restart=no
two ; {STARTED}
Description=a\u2028b\x0cc
Id=a.service
Names=a.service also.service
LoadState=loaded
"""


@pytest.mark.parametrize("name", ["a.service", "a", "also.service"])
def test_a_command_of_several_lines_is_one_property(name: str) -> None:
    """systemd shows the newlines of an argument as they are."""
    properties = read_show(SHOWN, "here", name)
    assert properties["Restart"] == "always"
    assert parse_commands(properties["ExecStartPre"]) == ["/bin/sleep 2", "/bin/sh -c one\n\nRestart=no\ntwo"]
    assert properties["Description"] == "a\u2028b\x0cc"


def test_units_that_are_shown_together_are_told_apart() -> None:
    other = "Id=b@x.target\nLoadState=not-found"
    apart = shown_apart(f"{SHOWN}\n{other}\n\n{SHOWN}", ["a.service", "b@x.target", "also.service"])
    assert apart == {"a.service": SHOWN.strip(), "b@x.target": other, "also.service": SHOWN.strip()}


A = "Id=a.service\nLoadState=loaded\n"


@pytest.mark.parametrize("text", [A, f"{A}\n{A}", f"{A}\n{A.replace('a.', 'c.')}", f"{A}\n{A}\n{A}", SHOWN])
def test_a_unit_has_no_answer_of_another(text: str) -> None:
    """Where fewer were shown than asked for, or others."""
    told_apart = shown_apart(text, ["a.service", "b.service"])
    with pytest.raises(TransportError, match="no answer that can be read"):
        read_show(told_apart["b.service"], "here", "b.service")


@pytest.mark.parametrize(
    "answer",
    [
        "",
        "nonsense",
        "Id=a.service",
        "\x01=\x02\nId=a.service\nLoadState=b",
        f"{SHOWN}\n{SHOWN}",
        f"x\n{SHOWN}",
    ],
)
def test_a_unit_that_is_not_told_is_our_trouble(host: Host, answer: str) -> None:
    told(host, SHOW_UNIT % "a.service", answer)
    with pytest.raises(TransportError, match="no answer that can be read"):
        host.unit("a.service").get("Id")
    with pytest.raises(TransportError, match="no answer that can be read"):
        host.service("a.service").systemd_properties  # noqa: B018 - asking is what raises


def test_a_service_that_cannot_be_asked_for_is_our_trouble(host: Host) -> None:
    """testinfra would take it for one that does not exist, or does not run."""
    for failing in (127, 1):
        told(host, SHOW_UNIT % "a.service", "", status=failing)
        told(host, 'systemctl list-unit-files | grep -q "^a.service"', "", status=1)
        told(host, "systemctl is-active a.service", "", status=failing)
        told(host, "command -v service", "/usr/sbin/service\n")
        told(host, "/usr/sbin/service a.service status", "", status=3)
        with pytest.raises(CommandError):
            host.service("a.service").exists  # noqa: B018 - asking is what raises
        with pytest.raises(CommandError):
            host.service("a.service").is_running  # noqa: B018 - as above


@pytest.mark.parametrize(
    ("state", "seen"),
    [
        ("LoadState=not-found\nActiveState=inactive", (False, False)),
        ("LoadState=loaded\nActiveState=failed", (True, False)),
        ("LoadState=loaded\nActiveState=reloading", (True, True)),
    ],
)
def test_a_service_is_there_and_runs_as_systemd_says(host: Host, state: str, seen: tuple[bool, bool]) -> None:
    told(host, SHOW_UNIT % "a.service", f"Id=a.service\n{state}")
    service = host.service("a.service")
    assert (service.exists, service.is_running) == seen


def test_a_journal_that_is_not_told_hides_no_claim(host: Host) -> None:
    """For the message of one it is, or why it is not; whoever asks for it has an error."""
    unit, command = host.unit("a.service"), JOURNAL % ("a.service", 40)
    told(host, command, "it said\n")
    assert unit.last_words(40) == unit.journal(40) == "it said"
    told(host, command, "", status=127)
    assert unit.last_words(40).startswith("(its journal cannot be told: in here: no such command: journalctl")
    with pytest.raises(CommandError):
        unit.journal(40)


def test_failed_units_are_told_by_name(host: Host) -> None:
    told(host, FAILED, "a.service loaded failed failed A service\nb.mount loaded failed failed B\n")
    assert host.unit.failed() == ["a.service", "b.mount"]
    for nonsense in ("nonsense", "a.service loaded active running A service", "a b"):
        told(host, FAILED, nonsense)
        with pytest.raises(TransportError, match="no answer that can be read"):
            host.unit.failed()


def test_a_verification_that_ends_badly_without_a_word_is_our_trouble(host: Host) -> None:
    told(host, VERIFY % "a.service", "a.service: wrong\n", status=1)
    assert (host.unit("a.service").verify().status, host.unit("a.service").verify().text) == (
        1,
        "a.service: wrong",
    )
    told(host, VERIFY % "a.service", "", status=1)
    with pytest.raises(TransportError, match="nothing that can be read"):
        host.unit("a.service").verify()


def test_memory_limits_are_those_of_every_cgroup_above(host: Host) -> None:
    """Of one that is not there none is told."""
    told(host, SHOW_UNIT % "a.service", "Id=a.service\nLoadState=loaded\nControlGroup=/no.slice/a.service")
    assert host.unit("a.service").memory_limits == {}


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
    answers = ask_all(host, list(COMMANDS), timeout_s=20)
    for command, (status, stdout, stderr) in COMMANDS.items():
        answer = answers[command]
        assert (answer.status, answer.stdout) == (status, stdout), command
        assert stderr is None or answer.stderr == stderr, command
    assert list(answers) == list(COMMANDS)


def test_commands_run_side_by_side_and_leave_nothing(host: Host, tmp_path: Path) -> None:
    """Each of them waits for the other to begin."""
    before = set(Path("/tmp").glob("acceptance.*"))
    meet = "touch {0}/{1}; until [ -e {0}/{2} ]; do sleep 0.01; done; echo met"
    commands = [meet.format(tmp_path, "a", "b"), meet.format(tmp_path, "b", "a"), "pwd >&2"]
    answers = [answer.stdout for answer in ask_all(host, commands, timeout_s=20).values()]
    assert answers == ["met\n", "met\n", ""]
    assert set(Path("/tmp").glob("acceptance.*")) <= before
