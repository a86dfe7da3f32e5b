"""What the controller's journal says of one VM: which lines, which markers, and how much is read."""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from harness.errors import TransportError
from harness.host.facts import HOST_PROBE
from harness.host.journal import JOURNAL_PROBE, lines_about, markers_in
from harness.host.parts import Line
from harness.site.profile import Site

VM, OTHER = "vm-1111", "vm-2222"
MARKERS = Site(name="x").session.markers
LAUNCH = [
    (1, f'[INFO]: [LAUNCH-BROWSER-VM] Starting Browser VM... {{"vmId": "{VM}"}}'),
    (2, f'[INFO]: [WAIT-VM-READY] Attempting health check {{"vmId": "{OTHER}"}}'),
    (3, f'[INFO]: [WAIT-VM-READY] Attempting health check {{"vmId": "{VM}"}}'),
    (4, f'[WARN]: [WAIT-VM-READY] Health check failed {{"vmId": "{VM}", "code": "ECONNREFUSED"}}'),
    (5, f'[INFO]: [WAIT-VM-READY] Attempting health check {{"vmId": "{VM}"}}'),
    (6, f'[INFO]: [WAIT-VM-READY] Health check successful {{"vmId": "{VM}"}}'),
]


class JournalHost:
    """A host whose ``journalctl`` prints these lines, long ones with --all only; keeps what it was asked."""

    def __init__(self, folder: Path, lines: list[tuple[int, Any]], status: int = 0) -> None:
        for name, limit in (("all", math.inf), ("cut", 4096)):
            records = [
                {
                    "MESSAGE": text if text and len(text) <= limit else None,
                    "__REALTIME_TIMESTAMP": f"{at}000000",
                }
                for at, text in reversed(lines)
            ]
            (folder / name).write_text("".join(json.dumps(record) + "\n" for record in records))
        self.site = site()
        self.asked = folder / "asked"
        program = folder / "journalctl"
        program.write_text(
            f'#!/bin/sh\necho "$@" > {self.asked}\n'
            f'case " $* " in *" --all "*) cat {folder}/all ;; *) cat {folder}/cut ;; esac\n'
            f"echo no journal >&2\nexit {status}\n"
        )
        program.chmod(0o755)
        self.path = f"{folder}:{os.environ['PATH']}"

    def python(self, source: str, argument: object = None, *, timeout_s: float) -> Any:
        """Run it here."""
        done = subprocess.run(
            [sys.executable, "-I", "-S", "-c", source, json.dumps(argument)],
            capture_output=True,
            text=True,
            timeout=timeout_s,
            env={"PATH": self.path},
            check=False,
        )
        if done.returncode:
            raise TransportError(done.stderr)
        return json.loads(done.stdout)


def site(limit: int = 100) -> Site:
    """A site on which so many lines are read."""
    return Site.model_validate({"name": "x", "controller": {"journal_lines": limit}})


def test_lines_of_one_vm_are_told_from_anothers(tmp_path: Path) -> None:
    host = JournalHost(tmp_path, LAUNCH)
    lines = lines_about(host, VM, since=0.9)
    assert [line.time for line in lines] == [1, 3, 4, 5, 6]
    asked = host.asked.read_text()
    for word in (
        "--output=json",
        "--reverse",
        "--lines=100",
        "--since=@0",
        "--unit=master-controller.service",
    ):
        assert word in asked


def test_bytes_and_empty_lines_are_read(tmp_path: Path) -> None:
    host = JournalHost(tmp_path, [(1, list(f"\xff {VM}".encode("latin-1"))), (2, None)])
    (line,) = lines_about(host, VM, since=0)
    assert line.text.endswith(VM)


def test_long_lines_are_read(tmp_path: Path) -> None:
    """A health answer that was logged whole, and the VM's id behind it."""
    (line,) = lines_about(JournalHost(tmp_path, [(1, f"{'x' * 5000} {VM}")]), VM, since=0)
    assert line.time == 1


def test_odd_messages_are_read(tmp_path: Path) -> None:
    """Several in one entry, and none: what one unit logs hides nothing of another's."""
    lines = lines_about(
        JournalHost(tmp_path, [(1, ["a", f"b {VM}"]), (2, [list(b"c"), VM]), (3, [])]), VM, since=0
    )
    assert [line.text for line in lines] == [f"a\nb {VM}", f"c\n{VM}"]


def test_of_a_journal_without_end_so_much_is_read(tmp_path: Path) -> None:
    host = JournalHost(tmp_path, [(1, f"{VM} {'x' * 100}")])
    (tmp_path / "journalctl").write_text(f'#!/bin/sh\nexec yes "$(cat {tmp_path}/all)"\n')
    host.site = site(100_000)
    lines = lines_about(host, VM, since=0)
    assert len(lines) == 5000


def test_a_journal_that_cannot_be_read_is_trouble(tmp_path: Path) -> None:
    with pytest.raises(TransportError, match="no journal"):
        lines_about(JournalHost(tmp_path, [], status=1), VM, since=0)


def test_a_limit_that_hides_the_vm_is_trouble(tmp_path: Path) -> None:
    host = JournalHost(tmp_path, [(1, "other"), (2, "other")])
    host.site = site(2)
    with pytest.raises(TransportError, match="none of the latest 2 lines names vm-1111"):
        lines_about(host, VM, since=0)
    host.site = site(3)
    assert lines_about(host, VM, since=0) == []


def test_the_probe_is_plain_python() -> None:
    compile(JOURNAL_PROBE.read_text(), str(JOURNAL_PROBE), "exec")


def test_markers_are_first_lines_in_order() -> None:
    lines = [Line(at, text) for at, text in LAUNCH if VM in text]
    found = markers_in(lines, MARKERS)
    assert [marker.line.time for marker in found if marker.line] == [1, 3, 6]
    assert [marker.place for marker in found] == [0, 1, 4]


def test_a_marker_that_is_not_there_has_no_line() -> None:
    found = markers_in([Line(1, f"[WAIT-VM-READY] VM ready! {VM}")], MARKERS)
    assert [marker.line is None for marker in found] == [True, True, False]


READ: tuple[object, ...] = ("text", "", None, 7, [104, 105], [0, 255], [[104], [255]], ["a", [98], "c"], [])
MESSAGES: list[dict[str, Any]] = [{}, *({"MESSAGE": one} for one in READ)]


@pytest.mark.parametrize("record", MESSAGES, ids=str)
def test_both_probes_read_a_message_alike(record: dict[str, Any]) -> None:
    """Each travels alone, and so has the reading of its own."""
    read = []
    for source in (JOURNAL_PROBE, HOST_PROBE):
        names: dict[str, Any] = {"__name__": "probe"}
        exec(compile(source.read_text(), str(source), "exec"), names)  # noqa: S102 - our own file
        read.append(names["message_of"](record))
    assert read[0] == read[1]


def test_a_line_may_name_the_vms_address_or_its_session_and_be_coloured(tmp_path: Path) -> None:
    """By a logger that makes capitals after colouring: journald has bytes then; an address is a whole one."""
    ok = [
        (1, f"[\x1b[32MINFO\x1b[39M]: [LAUNCH-BROWSER-VM] Starting Browser VM {VM}"),
        (3, '[\x1b[32minfo\x1b[39m]: [WAIT-VM-READY] Attempting health check {"vmIP":"192.168.100.2"}'),
        (5, "http://192.168.100.2:8080/health: [WAIT-VM-READY] VM ready! (s-1)"),
    ]
    others = [(2, "192.168.100.25"), (4, "2192.168.100.2"), (6, f"{VM}1")]
    lines = [(at, list(text.encode())) for at, text in sorted([*ok, *others])]
    found = lines_about(JournalHost(tmp_path, lines), VM, "192.168.100.2", "s-1", since=0)
    assert [line.time for line in found] == [1, 3, 5]
    assert found[0].text == f"[INFO]: [LAUNCH-BROWSER-VM] Starting Browser VM {VM}"
    assert all(marker.line for marker in markers_in(found, MARKERS))
