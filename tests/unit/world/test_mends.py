"""Every mend that is shown means, to a real shell, the very words that it was made of."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from harness.database.cleanup import destroy_vms
from harness.findings import Finding, report
from harness.mend import HEADING, Command, Words, shell_line
from harness.text import encoded
from harness.world.promises import bad_addresses, rows_without_process, rows_without_socket, rows_without_tap
from harness.world.strays import defunct_processes, stray_entries, stray_processes, stray_sockets, stray_taps
from tests.unit.peers.hostile_text import NAMES
from tests.unit.world.test_inventory import GONE, HOST_NETNS, SITE, VM, VM_NETNS, process, row, world

# bash as a person has it looks for its history in a line, so it reads one here as well.
SHELLS = {
    "sh": ["sh"],
    "bash": ["bash", "--norc"],
    "bash with history": ["bash", "--norc", "-o", "history", "-o", "histexpand"],
    "busybox": ["busybox", "sh"],
}
SUDO = """#!/bin/sh
printf '%s\\0' "$#" "$@" >>"$SAID"
"""


@pytest.fixture
def understood(tmp_path: Path) -> Callable[[str, list[str]], list[list[bytes]]]:
    """What ``sudo`` is given by each line of a script that a shell reads; nothing else may have been run."""
    programs, folder, said = tmp_path / "bin", tmp_path / "here", tmp_path / "said"
    programs.mkdir()
    folder.mkdir()
    (folder / "a file").write_text("that a * would find")
    (programs / "sudo").write_text(SUDO)
    (programs / "sudo").chmod(0o755)

    def read(shell: str, lines: list[str]) -> list[list[bytes]]:
        said.write_bytes(b"")
        path = f"{programs}:{os.environ['PATH']}"
        script = "".join(f"{line}\n" for line in lines).encode("ascii")
        subprocess.run(
            SHELLS[shell],
            input=script,
            cwd=folder,
            env={"PATH": path, "SAID": str(said), "HOME": "/root"},
            timeout=60,
            check=False,
            capture_output=True,
        )
        assert [file.name for file in folder.iterdir()] == ["a file"]
        words = iter(said.read_bytes().split(b"\0")[:-1])
        return [[next(words) for _ in range(int(count))] for count in words]

    return read


def strays_called(name: str) -> list[Finding]:
    """All that a host can have left without a row, called so."""
    folder, sockets = SITE.state.vms_dir, SITE.state.sockets_dir
    named = process(100, VM, argv=["firecracker", name], netns=VM_NETNS)
    taps = [(f"fc-{name}", HOST_NETNS, "", None), (f"fc-{name}", VM_NETNS, name, None)]
    here = world(
        GONE,
        processes=[named],
        state=[f"{folder}/{name}"],
        sockets=[(f"{sockets}/{name}", "socket")],
        taps=[*taps, (f"fc-{name}", VM_NETNS, "", None)],
    )
    judges = (stray_processes, stray_entries, stray_sockets, stray_taps)
    return [one for judge in judges for one in judge(here)]


def promises_called(name: str) -> list[Finding]:
    """Rows that promise a VM of that name, and things of that name, none of which is as promised."""
    broken = row(name, ip_address=name, socket_path=name, tap_device=name)
    here = replace(world(broken, sockets=[], taps=[]), rows=(broken,))
    judges = (rows_without_process, rows_without_socket, rows_without_tap, bad_addresses)
    return [one for judge in judges for one in judge(here)]


def lines_of(found: list[Finding]) -> list[str]:
    """The mends as they are shown below a report's heading."""
    told = report(found, "found").split("\n")
    assert len(told) == 2 + len(found) + len({mend for one in found for mend in map(str, one.mends)})
    return [line.removeprefix("  ") for line in told[told.index(HEADING) + 1 :]]


@pytest.mark.parametrize("shell", SHELLS)
def test_a_shell_takes_a_mend_for_what_was_meant(
    shell: str, understood: Callable[[str, list[str]], list[list[bytes]]]
) -> None:
    """Each kind of finding, called as nobody should: one line each, read back word by word."""
    found = {name: strays_called(text) for name, text in NAMES.items() if text}
    meant, shown = [], []
    for name, findings in found.items():
        assert len(findings) == 6, name
        commands = list(dict.fromkeys(mend for one in findings for mend in one.mends))
        assert all(isinstance(one, Command) for one in commands)
        meant += [[encoded(word) for word in one.argv[1:]] for one in commands if isinstance(one, Command)]
        shown += lines_of(findings)
    assert all(line.isascii() and line.isprintable() for line in shown)
    assert understood(shell, shown) == meant


def test_what_a_stray_is_mended_by() -> None:
    """A name that looks like an option is none."""
    assert [mend.line for one in strays_called("-rf") for mend in one.mends] == [
        "sudo kill -9 100",
        "sudo rm -rf -- /var/lib/firecracker/vms/-rf",
        "sudo rm -f -- /var/run/firecracker/-rf",
        "sudo ip link delete dev fc--rf",
        "sudo ip netns exec -rf ip link delete dev fc--rf",
        "sudo nsenter --net=/proc/100/ns/net ip link delete dev fc--rf",
    ]


def test_a_device_in_a_namespace_that_nobody_is_in_is_not_deleted_in_ours() -> None:
    """The host may have one of the same name."""
    here = world(GONE, taps=[("fc-x", VM_NETNS, "", None)], processes=[])
    (found,) = stray_taps(here)
    assert [mend.line for mend in found.mends] == [
        f"end what holds network namespace {VM_NETNS}: sudo lsns --type net"
    ]


@pytest.mark.parametrize("name", NAMES)
def test_a_parents_name_is_no_command(
    name: str, understood: Callable[[str, list[str]], list[list[bytes]]]
) -> None:
    """What only a person can do is one line, too, and does nothing where it is pasted all the same."""
    defunct = process(100, "", state="Z", argv=[], ppid=7)
    found = defunct_processes(world(processes=[defunct], names={7: NAMES[name]}))
    (line,) = lines_of(found)
    assert isinstance(found[0].mends[0], Words)
    for shell in SHELLS:
        assert understood(shell, [line]) == []


@pytest.mark.parametrize("name", NAMES)
def test_a_row_is_mended_on_a_line_of_its_own(name: str) -> None:
    """What PostgreSQL makes of it: see tests/unit/database/test_cleanup.py."""
    found = promises_called(NAMES[name])
    assert len(found) >= 3
    (line,) = lines_of(found)
    assert line.isascii()
    assert line.startswith('UPDATE "public"."vms" SET status = ')


def test_a_process_is_ended_before_its_row_is_mended() -> None:
    """Each on its own line, so that each can be pasted where it belongs."""
    found = rows_without_process(world(row(firecracker_pid=4)))
    assert lines_of(found) == [
        "sudo kill -9 100",
        destroy_vms(SITE.database, [VM]).line,
    ]


def test_no_command_is_given_a_nul() -> None:
    """It would end the word, and name something else."""
    assert shell_line(["rm", "a\0b"]) == r"# no command can be given a NUL: rm 'a\x00b'"
