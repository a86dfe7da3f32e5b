"""Units as systemd shows them: every line of a property, and no answer that is another's or none."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from harness.errors import CommandError, TransportError
from harness.guest.unit_file import parse_commands
from harness.infra import units
from harness.infra.host import Host
from harness.infra.units import FAILED, JOURNAL, SHOW_UNIT, VERIFY, read_show, shown_apart
from tests.unit.peers.shell_machine import told


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
    """And those that systemd is about to restart, which it does not call failed."""
    restless = (
        "c.service loaded activating auto-restart C\nd.service loaded activating auto-restart-queued D\n"
    )
    told(
        host, FAILED, f"a.service loaded failed failed A service\nb.mount loaded failed failed B\n{restless}"
    )
    assert host.unit.failed() == ["a.service", "b.mount", "c.service", "d.service"]
    for nonsense in ("nonsense", "a.service loaded active running A", "a.service loaded activating start A"):
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


def test_a_process_tells_what_it_was_started_with_of_what_is_asked(host: Host) -> None:
    """And of nothing else."""
    env = {**os.environ, "NODE_ENV": "a=b c", "PORT": "8080", "NODE_ENV_KEY": "hush", "X": "1\nPORT=9"}
    with subprocess.Popen(["sleep", "60"], env=env) as process:
        try:
            told(host, SHOW_UNIT % "a.service", f"Id=a.service\nLoadState=loaded\nMainPID={process.pid}")
            asked = ("NODE_ENV", "PORT", "NONE")
            assert host.unit("a.service").environment(asked) == {"NODE_ENV": "a=b c", "PORT": "8080"}
        finally:
            process.kill()
    told(host, SHOW_UNIT % "a.service", "Id=a.service\nLoadState=loaded\nMainPID=0")
    with pytest.raises(TransportError, match="has no main process"):
        host.unit("a.service").environment(["PORT"])


def test_memory_limits_are_those_of_every_cgroup_above(host: Host) -> None:
    """Of one that is not there none is told."""
    told(host, SHOW_UNIT % "a.service", "Id=a.service\nLoadState=loaded\nControlGroup=/no.slice/a.service")
    assert host.unit("a.service").memory_limits == {}


HIERARCHIES = {
    "unified": ({"no.slice/memory.max": "max", "no.slice/a.service/memory.max": "5"}, ["max", "5"]),
    "of its own": (
        {
            "memory/no.slice/memory.limit_in_bytes": "9223372036854771712",
            "memory/no.slice/a.service/memory.limit_in_bytes": "5",
        },
        ["max", "5"],
    ),
    "hybrid: the unified one does not count memory": (
        {
            "no.slice/a.service/cgroup.procs": "7",
            "unified/no.slice/a.service/cgroup.procs": "7",
            "memory/no.slice/a.service/memory.limit_in_bytes": "536870912",
        },
        ["536870912"],
    ),
}


@pytest.mark.parametrize("hierarchy", HIERARCHIES.values(), ids=HIERARCHIES.keys())
def test_memory_limits_are_found_in_every_kind_of_hierarchy(
    host: Host,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    hierarchy: tuple[dict[str, str], list[str]],
) -> None:
    files, limits = hierarchy
    for name, content in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(f"{content}\n")
    monkeypatch.setattr(units, "_LIMITS", units._LIMITS.replace("/sys/fs/cgroup", str(tmp_path)))
    told(host, SHOW_UNIT % "a.service", "Id=a.service\nLoadState=loaded\nControlGroup=/no.slice/a.service")
    groups = ["/no.slice", "/no.slice/a.service"][-len(limits) :]
    assert host.unit("a.service").memory_limits == dict(zip(groups, limits, strict=True))
