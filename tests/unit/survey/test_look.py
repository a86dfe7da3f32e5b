"""The probe of a survey, part by part: it comes to its end on any host, and within it."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

from harness.__main__ import parser
from harness.survey.typed import host_of, site_of
from tests.unit.host.test_probe import load_probe


def probe(**globals_: object) -> dict[str, Any]:
    """The probe, with these of its names as they are given."""
    told = load_probe("survey.py")
    told.update(globals_)
    return told


def disk(path: Path) -> str:
    """A file that begins as an ext4 file system does."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"\0" * 1080 + b"\x53\xef")
    return str(path)


def test_a_golden_disk_is_told_beside_those_of_a_thousand_vms(tmp_path: Path) -> None:
    """Be they in folders of their own, or all in one that comes before it by its name."""
    for number in range(500):
        disk(tmp_path / f"fc/a-vms/vm-{number:04}/rootfs.ext4")
        disk(tmp_path / f"fc/flat/{number:04}.ext4")
    golden = disk(tmp_path / "fc/snapshots/golden.ext4")
    lonely = disk(tmp_path / "golden/base.ext4")
    told = probe(ROOTS=(str(tmp_path),))["files"](set())
    assert {golden, lonely} <= {one["path"] for one in told["files"]}
    assert len(told["files"]) < 200
    assert told["cut"] == []


def test_a_folder_that_was_not_looked_through_is_named(tmp_path: Path) -> None:
    disk(tmp_path / "many/a.ext4")
    for number in range(50):
        (tmp_path / f"many/{number}").touch()
    told = probe(ROOTS=(str(tmp_path),), MOST_ENTRIES=40)["files"](set())
    assert told["cut"] == [str(tmp_path)]


def test_a_snapshot_that_lies_beside_no_disk_is_told(tmp_path: Path) -> None:
    """What snapd keeps is called so, too."""
    disk(tmp_path / "images/golden.ext4")
    (tmp_path / "restore").mkdir()
    (tmp_path / "restore/golden.snap").touch()
    (tmp_path / "snapd/snaps").mkdir(parents=True)
    (tmp_path / "snapd/snaps/core_1.snap").touch()
    told = probe(ROOTS=(str(tmp_path),))["files"](set())
    assert told["snapshots"] == [f"{tmp_path}/restore/golden.snap"]


def test_links_to_a_golden_disk_and_to_its_folder_are_told(tmp_path: Path) -> None:
    """And none that leads elsewhere."""
    golden = Path(disk(tmp_path / "fc/versions/30/golden.ext4"))
    (tmp_path / "fc/current").symlink_to("versions/30")
    (tmp_path / "fc/golden.ext4").symlink_to("versions/30/golden.ext4")
    (tmp_path / "fc/other").symlink_to("/usr/share")
    (tmp_path / "fc/loop").symlink_to("loop")
    told = probe(ROOTS=(str(tmp_path),))["files"](set())
    assert told["linked"] == {
        f"{tmp_path}/fc/current": str(golden.parent),
        f"{tmp_path}/fc/golden.ext4": str(golden),
    }


def test_the_whole_machine_is_not_looked_through_for_a_file_of_its_root() -> None:
    """As a VMM with a root of its own names it, or a host that has its kernel there."""
    asked: list[tuple[str, int]] = []

    def walked(*at: Any) -> tuple[()]:
        asked.append(at)
        return ()

    probe(ROOTS=(), walked=walked)["files"]({"/"})
    assert asked == [("/", 0)]


def test_a_vmm_is_found_by_the_name_that_is_given(tmp_path: Path) -> None:
    """So is what is installed under it."""
    folder = tmp_path / "bin"
    folder.mkdir()
    for name in ("browser-vmm", "browser-vmm-1.9.0", "browser-vmm-ctl", "firecracker"):
        (folder / name).write_text(f"#!/bin/sh\necho {name} v1.9.0\n")
        (folder / name).chmod(0o755)
    told = probe(SYSTEM_PATH=f"{folder}:/usr/bin:/bin")["installed"]("browser-vmm")
    own = {path: release for path, release in told.items() if path.startswith(str(folder))}
    assert own == {f"{folder}/browser-vmm": "1.9.0", f"{folder}/browser-vmm-1.9.0": "1.9.0"}
    args = parser().parse_args(["site", "init", "--host=local", "--process-name=browser-vmm"])
    assert site_of(args, host_of(args)).vmm.process_name == "browser-vmm"


def test_what_vanishes_or_cannot_be_looked_at_spoils_nothing(tmp_path: Path) -> None:
    there = disk(tmp_path / "there.ext4")
    names = ["gone.ext4", "x" * 300 + ".ext4", "there.ext4"]
    told = probe(ROOTS=("/x",), walked=lambda *_: [(str(tmp_path), names)])["files"](set())
    assert [one["path"] for one in told["files"]] == [there]
    assert probe()["beside"]([{"path": "/no/such/folder/a.ext4", "kind": "ext4"}]) == []


@pytest.mark.parametrize("content", ["[]", '"x"', "{", "[" * 100_000, '{"vcpus": [2]}'])
def test_a_manifest_of_something_else_tells_nothing(tmp_path: Path, content: str) -> None:
    file = tmp_path / "manifest.json"
    file.write_text(content)
    told = probe()["manifests"]([{"path": str(file), "kind": "manifest"}])
    assert not any(told.values())


def test_a_pipe_is_not_read_for_a_log(tmp_path: Path) -> None:
    """Nobody may write into it for hours, and what is read from it is gone for whom it is for."""
    os.mkfifo(tmp_path / "x.log")
    (tmp_path / "y.log").write_text("a line")
    assert probe()["tail_of"](str(tmp_path / "x.log")) == ""
    assert probe()["tail_of"](str(tmp_path / "y.log")) == "a line"


class Answering(BaseHTTPRequestHandler):
    """Answers as its server's `ways` have it: a path -> a status and where it leads."""

    def do_GET(self) -> None:
        self.server.asked.append(self.path)  # type: ignore[attr-defined]
        status, leads = self.server.ways.get(self.path, (404, ""))  # type: ignore[attr-defined]
        self.send_response(status)
        self.send_header("Location", leads)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Nothing."""


@contextmanager
def answering(ways: dict[str, tuple[int, str]]) -> Iterator[HTTPServer]:
    with HTTPServer(("127.0.0.1", 0), Answering) as server:
        server.ways, server.asked = ways, []  # type: ignore[attr-defined]
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


def test_nobody_is_asked_for_health_but_the_port_itself() -> None:
    with answering({"/health": (200, "")}) as other, answering({"/healthz": (200, "")}) as own:
        own.ways["/health"] = (302, f"http://127.0.0.1:{other.server_port}/health")  # type: ignore[attr-defined]
        assert probe(HEALTH_S=60)["healthy"](f"127.0.0.1:{own.server_port}") == "/healthz"
        assert other.asked == []  # type: ignore[attr-defined]


SS = """
LISTEN 0 511 *:4000 *:* users:(("node",pid=7,fd=18))
LISTEN 0 511 192.168.100.1:4000 0.0.0.0:* users:(("node",pid=7,fd=19))
LISTEN 0 511 192.168.100.1%fcbr0:4001 0.0.0.0:* users:(("node",pid=7,fd=20))
LISTEN 0 511 [::1]:9229 [::]:* users:(("node",pid=7,fd=21),("node",pid=8,fd=21))
LISTEN 0 128 0.0.0.0:22 0.0.0.0:*
"""


def test_where_a_service_listens_is_told_for_every_address_of_the_host() -> None:
    told = probe(out=lambda *_: SS, unit_of=lambda pid: f"{pid}.service")["listeners"]()
    assert told == {"7.service": ["127.0.0.1:4000", "192.168.100.1:4001", "[::1]:9229"]}


def test_what_is_not_told_in_time_is_named_and_the_rest_is_told() -> None:
    """A file system whose server is gone answers nobody, and holds up nothing else."""
    release = threading.Event()
    parts: dict[str, Callable[[], object]] = {
        "files": lambda: {"files": [str(release.wait(120))]},
        "network": lambda: {"links": ["x"]},
        "services": lambda: ["x"][7],
    }
    for limit_s in (0.5, 5, 50):  # the others may need some of it
        told = probe()["told_in_time"](parts, time.monotonic() + limit_s)
        if "network" not in told["unseen"] and "TimeoutError" not in told["unseen"]["services"]:
            break
    release.set()
    assert told["links"] == ["x"]
    assert told["unseen"] == {
        "files": "TimeoutError: not done in time",
        "services": "IndexError: list index out of range",
    }
    assert "files" not in told


SHOWN = """Id=a.service
MainPID=7
FragmentPath=/etc/systemd/system/a.service
WorkingDirectory=/none

Id=cron.service
MainPID=8
FragmentPath=/lib/systemd/system/cron.service

Id=fc-controller.service
MainPID=9
FragmentPath=/lib/systemd/system/fc-controller.service

Id=maker.service
MainPID=10
FragmentPath=/usr/lib/systemd/system/maker.service

Id=late.service
MainPID=0
FragmentPath=/etc/systemd/system/late.service
"""


def test_services_that_say_nothing_hold_up_no_other() -> None:
    """The distribution's own are left out, but for a packaged controller and for one that VMMs run in."""
    together = threading.Barrier(3)

    def healthy(_: str) -> str:
        together.wait(60)  # as of a port that does not answer
        return "/health"

    told = probe(
        out=lambda *argv, **_: SHOWN if argv[0] == "systemctl" else "",
        listeners=lambda: {f"{name}.service": ["127.0.0.1:1"] for name in ("a", "fc-controller", "maker")},
        healthy=healthy,
        mentions=lambda *_: [],
        log_files=lambda *_: [],
    )["services"](["x"], {"maker.service"})
    assert [(one["name"], one["pid"], one["healthy"]) for one in told] == [
        ("a.service", 7, {"127.0.0.1:1": "/health"}),
        ("fc-controller.service", 9, {"127.0.0.1:1": "/health"}),
        ("maker.service", 10, {"127.0.0.1:1": "/health"}),
    ]
