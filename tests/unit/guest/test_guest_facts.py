"""What a guest sends, taken apart: sections, systemctl show, ss, files, journal, console."""

from __future__ import annotations

import base64
import io
import subprocess
import tarfile

import pytest

from harness.errors import TransportError
from harness.guest import console
from harness.guest.agent_state import parse_state
from harness.guest.facts import parse_files, parse_listeners, parse_sections, parse_show, probe_script
from harness.site.profile import Site


def archive(files: dict[str, bytes]) -> str:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as tar:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    return base64.b64encode(stream.getvalue()).decode()


def test_sections_are_cut_at_the_mark_only() -> None:
    output = "\n#m# one\na\n#other# two\n\n#m# two\nb\n#m# end\n"
    assert parse_sections(output, "#m#") == {"one": "a\n#other# two", "two": "b", "end": ""}


def test_truncated_output_has_no_end() -> None:
    assert "end" not in parse_sections("\n#m# one\na", "#m#")


def test_show_of_several_units_keeps_repeated_properties() -> None:
    text = "Id=a.service\nExecStartPre={ 1 }\nExecStartPre={ 2 }\n\nId=b.service\nEnvironment=A=1 B=2\n"
    assert parse_show(text) == [
        {"Id": "a.service", "ExecStartPre": "{ 1 }\n{ 2 }"},
        {"Id": "b.service", "Environment": "A=1 B=2"},
    ]


def test_listeners_are_told_with_their_owners() -> None:
    text = (
        'LISTEN 0 511 0.0.0.0:8080 0.0.0.0:* users:(("node",pid=412,fd=18))\n'
        "LISTEN 0 128 [::1]:631 [::]:*\n"
        'LISTEN 0 128 127.0.0.53%lo:53 0.0.0.0:* users:(("a",pid=1,fd=2),("b",pid=3,fd=4))\n'
        "LISTEN 0 128 *:22 *:*\n"
    )
    seen = parse_listeners(text)
    assert [(one.address, one.port, sorted(one.pids)) for one in seen] == [
        ("0.0.0.0", 8080, [412]),  # noqa: S104 - what ss says
        ("::1", 631, []),
        ("127.0.0.53", 53, [1, 3]),
        ("*", 22, []),
    ]
    assert [one.on_loopback for one in seen] == [False, True, True, False]


def test_files_come_back_by_their_absolute_path() -> None:
    files = parse_files(archive({"/root/server.js": b"x", "etc/machine-id": b"y"}))
    assert files == {"/root/server.js": b"x", "/etc/machine-id": b"y"}


@pytest.mark.parametrize("text", ["not base64!", base64.b64encode(b"no tar at all").decode()])
def test_files_that_cannot_be_unpacked_are_our_trouble(text: str) -> None:
    with pytest.raises(TransportError, match="cannot be unpacked"):
        parse_files(text)


def test_probe_quotes_what_the_profile_says() -> None:
    site = Site.model_validate({"name": "x", "agent": {"directory": "/opt/it's here"}})
    assert """AGENT_DIR='/opt/it'"'"'s here'\n""" in probe_script(site, "#m#")


def test_probe_is_posix_shell() -> None:
    script = probe_script(Site(name="x"), "#m#")
    done = subprocess.run(["dash", "-n"], input=script, text=True, capture_output=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


JOURNAL = """UPTIME=100.50
MainPID=77
NRestarts=1
ActiveExitTimestampMonotonic=101050000
{"__MONOTONIC_TIMESTAMP":"99000000","MESSAGE":"old"}
{"__MONOTONIC_TIMESTAMP":"101000000","MESSAGE":"[FATAL] Uncaught Exception: Error: probe"}
{"__MONOTONIC_TIMESTAMP":"101100000","UNIT":"a","COMMAND":"ExecStart","EXIT_CODE":"exited","EXIT_STATUS":"1","MESSAGE":"x"}
{"__MONOTONIC_TIMESTAMP":"106200000","UNIT":"a","N_RESTARTS":"1","MESSAGE":"Scheduled"}
{"__MONOTONIC_TIMESTAMP":"106300000","MESSAGE":[104,105,255]}
"""


def test_state_and_journal_are_read() -> None:
    state = parse_state(JOURNAL, since_s=100.5)
    assert (state.pid, state.restarts, state.ending) == (77, 1, ("exited", "1"))
    assert state.said == ["[FATAL] Uncaught Exception: Error: probe", "hi\ufffd"]
    assert state.restart_delay_s == pytest.approx(5.15)


@pytest.mark.parametrize(
    ("lost", "left"), [("N_RESTARTS", "X"), ("101050000", "107000000"), ("101050000", "0")]
)
def test_an_agent_that_was_not_started_again_has_no_delay(lost: str, left: str) -> None:
    """No restart is scheduled, or none since it last ended."""
    assert parse_state(JOURNAL.replace(lost, left)).restart_delay_s is None


def test_end_of_a_start_pre_command_is_no_end_of_the_agent() -> None:
    state = parse_state(JOURNAL.replace('"ExecStart"', '"ExecStartPre"'), since_s=100.5)
    assert state.exits == []
    assert state.ending is None


TROUBLE = [
    "[    9.1] Kernel panic - not syncing: VFS: Unable to mount root fs",
    "[   12.0] watchdog: BUG: soft lockup - CPU#0 stuck for 22s! [node:412]",
    "[   12.0] rcu: INFO: rcu_preempt self-detected stall on CPU",
    "[   12.0] rcu: INFO: rcu_sched detected stalls on CPUs/tasks:",
    "\x1b[31m[   12.0] blk_update_request: I/O error, dev vda, sector 0\x1b[0m",
    "[   12.0] EXT4-fs error (device vda): ext4_find_entry:1463: inode #2",
    "[   12.0] Oops: 0000 [#1] SMP",
    "[   12.0] Out of memory: Killed process 412 (node)",
    "[   12.0] INFO: task node:412 blocked for more than 120 seconds.",
]


@pytest.mark.parametrize("line", TROUBLE)
def test_trouble_is_seen(line: str) -> None:
    assert len(console.trouble(f"fine\r\n{line}\r\nfine")) == 1


@pytest.mark.parametrize(
    "line",
    [
        "[    0.0] EXT4-fs (vda): mounted filesystem with ordered data mode",
        "clone-guard: restored in 0.1 s",
        "[    1.0] rcu: Hierarchical SRCU implementation.",
        "[    1.0] debug: no problem",
    ],
)
def test_ordinary_lines_are_no_trouble(line: str) -> None:
    assert console.trouble(line) == []
    assert console.boot_lines(line) == []


@pytest.mark.parametrize(
    "line",
    [
        "[    0.000000] Linux version 6.1.0-28-cloud-amd64 (debian-kernel@lists.debian.org)",
        "[    0.000000] Command line: console=ttyS0",
        "[    1.2] Run /sbin/init as init process",
        "[    3.1] systemd[1]: systemd 252.31-1~deb12u1 running in system mode (+PAM)",
        "Welcome to \x1b[1mDebian GNU/Linux 12 (bookworm)\x1b[0m!",
    ],
)
def test_boot_is_seen(line: str) -> None:
    assert len(console.boot_lines(line)) == 1
