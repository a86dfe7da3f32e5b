"""A machine really looked at: a VMM that runs, a disk that is there, sources that hold more than is told."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.errors import CommandError
from harness.host import facts
from harness.site.profile import HostSection, Site
from harness.survey.answer import Found
from harness.survey.ask import ask, looking, read_disk
from harness.survey.draft import Asked, draft
from harness.survey.seen import GuestDisk
from harness.survey.unit_text import units_of
from harness.wait import wait_until
from tests.unit.host.test_probe import load_probe
from tests.unit.peers.this_machine import Here
from tests.unit.peers.vmm_program import Program
from tests.unit.survey.deployments import ID, UUID

SOURCE = """
const api = '/snapshot/load', socket = `firecracker --api-sock ${x}`;
const disk = "/srv/golden/rootfs.ext4", log = '{log}';
const url = 'postgresql://me:hunter2@db/rootfs', key = "firecracker-token-eyJhbGciOi";
const more = 'golden --api_key=abc', and = "rootfs pwd=abc";
const other = 'nothing of note';
"""


@pytest.fixture
def vmm(tmp_path: Path) -> Iterator[Program]:
    program = Program(tmp_path, name=ID)
    program.connect().close()
    yield program
    program.kill()


def test_a_vmm_that_runs_is_told_with_its_socket_and_its_id(vmm: Program, tmp_path: Path) -> None:
    seen = ask(Here(), ())
    (own,) = (one for one in seen.vmms if one.process.pid == vmm.process.pid)
    assert own.api_socket == str(vmm.socket_path)
    assert str(vmm.socket_path) in own.opened.sockets
    assert str(vmm.log_path) in own.opened.files
    alone = type(seen)((own,), told=seen.told)
    state = draft(Asked({}), alone, GuestDisk(""), "")["state"]
    told = {field: one.value for field, one in state.items() if isinstance(one, Found)}
    assert (told["vm_id_pattern"], told["sockets_dir"]) == (f"vm-{UUID}", str(tmp_path))
    assert own.word("--id") == ID


def test_a_disk_is_read_without_a_mount(tmp_path: Path) -> None:
    """A unit, its drop-in, what it starts, and that it is enabled; files beside them are not."""
    at = tmp_path / "tree/etc/systemd/system"
    (at / "a.service.d").mkdir(parents=True)
    (at / "multi-user.target.wants").mkdir()
    (at / "a.service").write_text("[Service]\nExecStart=/usr/bin/node /srv/a/server.js\n")
    (at / "a.service.d/x.conf").write_text("[Service]\nRestartSec=7\n")
    (at / "multi-user.target.wants/a.service").symlink_to("/etc/systemd/system/a.service")
    (tmp_path / "tree/srv/a").mkdir(parents=True)
    (tmp_path / "tree/srv/a/server.js").write_text("// '/auth'\n")
    (tmp_path / "tree/srv/a/notes.txt").write_text("nothing\n")
    disk = tmp_path / "g.ext4"
    argv: list[str | Path] = ["/usr/sbin/mke2fs", "-q", "-t", "ext4", "-d", tmp_path / "tree", disk, "8M"]
    subprocess.run(argv, check=True, timeout=60)
    read = read_disk(Here(), str(disk))
    assert read.error == ""
    assert read.enabled == {"a.service"}
    assert dict(read.files) == {
        "/etc/systemd/system/a.service": "[Service]\nExecStart=/usr/bin/node /srv/a/server.js\n",
        "/etc/systemd/system/a.service.d/x.conf": "[Service]\nRestartSec=7\n",
        "/srv/a/server.js": "// '/auth'\n",
    }


def test_a_unit_of_a_package_counts_where_it_is_enabled_and_nobody_has_another(tmp_path: Path) -> None:
    """One below /etc holds before it; one that nobody has enabled says nothing of a guest."""
    etc, lib = tmp_path / "tree/etc/systemd/system", tmp_path / "tree/usr/lib/systemd/system"
    wants = etc / "multi-user.target.wants"
    wants.mkdir(parents=True)
    lib.mkdir(parents=True)
    (tmp_path / "tree/lib").symlink_to("usr/lib")
    for name in ("agent", "own", "idle"):
        (lib / f"{name}.service").write_text(f"[Service]\nExecStart=/usr/bin/node /usr/share/{name}.js\n")
    (etc / "own.service").write_text("[Service]\nExecStart=/usr/bin/node /srv/own.js\n")
    (wants / "agent.service").symlink_to("/lib/systemd/system/agent.service")
    (wants / "own.service").symlink_to("/etc/systemd/system/own.service")
    file = tmp_path / "g.ext4"
    argv: list[str | Path] = ["/usr/sbin/mke2fs", "-q", "-t", "ext4", "-d", tmp_path / "tree", file, "8M"]
    subprocess.run(argv, check=True, timeout=60)
    units = units_of(read_disk(Here(), str(file)))
    assert {(one.name, one.script, one.enabled) for one in units} == {
        ("agent.service", "/usr/share/agent.js", True),
        ("own.service", "/srv/own.js", True),
    }


@pytest.mark.parametrize(("content", "why"), [(None, "No such file"), (b"\0" * 4096, "Filesystem not open")])
def test_a_disk_that_cannot_be_read_says_why(tmp_path: Path, content: bytes | None, why: str) -> None:
    disk = tmp_path / "g.ext4"
    if content is not None:
        disk.write_bytes(content)
    assert why in read_disk(Here(), str(disk)).error


def test_of_sources_only_what_speaks_of_vms_is_told_and_no_login(tmp_path: Path) -> None:
    log = tmp_path / "c.log"
    log.touch()
    script = tmp_path / "vm.js"
    script.write_text(SOURCE.replace("{log}", str(log)))
    probe = load_probe("survey.py")
    told = probe["mentions"](os.getpid(), str(tmp_path))
    texts = [one["text"] for one in told if one["where"].startswith(str(script))]
    assert texts == [
        "/snapshot/load",
        "firecracker --api-sock ${x}",
        "/srv/golden/rootfs.ext4",
        str(log),
    ]
    assert {"text": str(log), "where": f"{script}:3"} in probe["log_files"](os.getpid(), told)


def test_a_look_that_is_late_is_told_without_its_program() -> None:
    if os.geteuid():
        pytest.skip("only root becomes root")
    with (
        looking(Site(name="here", host=HostSection(transport="local"))) as looker,
        pytest.raises(CommandError) as caught,
    ):
        looker.python("import time\ntime.sleep(60)", timeout_s=0.2)
    assert "time.sleep" not in str(caught.value)
    assert "took over 0.2 s: Python on the host" in str(caught.value)


def test_more_vmms_than_go_on_a_command_line_are_asked_for() -> None:
    if os.geteuid():
        pytest.skip("only root becomes root")
    ask_for = {"vmms": [1 << 30] * 9000, "name": "x", "patterns": [], "limit_s": 0}
    source = (Path(facts.__file__).parent / "probes/survey.py").read_text()
    with looking(Site(name="here", host=HostSection(transport="local"))) as looker:
        assert "VMMs" in looker.python(source, ask_for, timeout_s=60)["unseen"]


JAIL = """
set -e; cd {root}; mkdir usr old; ln -s usr/lib usr/lib64 .; mount --bind . .; cd .
cd {root}; mount --rbind /usr usr; pivot_root . old; exec chroot . sh -c 'exec /sleep 60 3<>/rootfs.ext4'
"""


@pytest.fixture
def jailed(tmp_path: Path) -> Iterator[tuple[int, Path]]:
    """A process with a root and mounts of its own, as the jailer makes them, and its root."""
    root = tmp_path / "sleep/4f91ae8a/root"
    root.mkdir(parents=True)
    shutil.copy("/usr/bin/sleep", root)
    (root / "rootfs.ext4").touch()
    argv = ["unshare", "--map-root-user", "--mount", "sh", "-c", JAIL.format(root=root)]
    with subprocess.Popen(argv) as process:
        wait_until(
            lambda: Path(f"/proc/{process.pid}/comm").read_text() == "sleep\n",
            what="the process to be in its jail",
            timeout_s=60,
        )
        yield process.pid, root
        process.kill()


def test_what_is_in_a_jail_is_told_by_the_hosts_paths_and_not_run(jailed: tuple[int, Path]) -> None:
    """Its release is that of the program that it is a copy of: in its place there may lie another."""
    pid, root = jailed
    installed = {"/usr/bin/true": "0.1.0", "/usr/bin/sleep": "1.2.3"}
    told = load_probe("survey.py")["opened"](pid, "sleep", {}, installed)
    assert (told["root"], told["program"]) == (str(root), f"{root}/sleep")
    assert (told["copy_of"], told["version"]) == ("/usr/bin/sleep", "1.2.3")
    assert f"{root}/rootfs.ext4" in told["files"]
    (root / "sleep").rename(root / "away")
    (root / "sleep").write_text(f"#!/bin/sh\ntouch {root}/was-run; echo v6.6.6\n")
    (root / "sleep").chmod(0o755)
    told = load_probe("survey.py")["opened"](pid, "sleep", {}, {"/usr/bin/true": "0.1.0"})
    assert (told["copy_of"], told["version"]) == ("", "")
    assert not (root / "was-run").exists()


@pytest.mark.parametrize(
    ("name", "content", "kind"),
    [
        ("golden.ext4", b"\0" * 1080 + b"\x53\xef" + b"\0" * 2000, "ext4"),
        ("golden.ext4", b"\0" * 4096, ""),
        ("rootfs", b"\0" * 1080 + b"\x53\xef", "ext4"),
        ("a.snap", b"", "vmstate"),
        ("mem_file", b"", "memory"),
        ("vmlinux-6.1", b"", "kernel"),
        ("initrd.img", b"", "initrd"),
        ("notes.txt", b"golden", ""),
    ],
)
def test_a_file_is_what_its_name_and_its_first_bytes_say(
    tmp_path: Path, name: str, content: bytes, kind: str
) -> None:
    (tmp_path / name).write_bytes(content)
    assert load_probe("survey.py")["kind_of"](str(tmp_path / name)) == kind


def test_a_configuration_tells_what_a_vm_is_booted_with(tmp_path: Path) -> None:
    file = tmp_path / "vm.json"
    file.write_text(
        json.dumps(
            {
                "boot-source": {"kernel_image_path": "/k", "boot_args": "quiet"},
                "drives": [
                    {"drive_id": "data", "path_on_host": "/x", "is_root_device": False},
                    {"drive_id": "rootfs", "path_on_host": "/d", "is_root_device": True},
                ],
                "machine-config": {"vcpu_count": 2, "mem_size_mib": 512},
                "network-interfaces": "odd",
            }
        )
    )
    waits = [sys.executable, "-c", "input()", "--config-file", str(file)]
    with subprocess.Popen(waits, stdin=subprocess.PIPE) as child:
        told = load_probe("survey.py")["configured"](child.pid, "/")
        child.communicate(b"\n")
    assert told == {
        "kernel": "/k",
        "boot_args": "quiet",
        "disk": "/d",
        "drive_id": "rootfs",
        "vcpus": 2,
        "memory_mib": 512,
    }
