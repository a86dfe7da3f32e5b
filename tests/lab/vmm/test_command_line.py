"""The command line: what it prints, and every exit code."""

from __future__ import annotations

import json
import signal
import sys
from pathlib import Path

import pytest

from harness.run import Result, run
from tests.lab.vmm.conftest import Golden, Start, make_disk
from tests.lab.vmm.tiny_guest import TinyGuest
from tests.unit.peers.vmm_program import ROOT

pytestmark = pytest.mark.lab


def firecracker(*arguments: str) -> Result:
    """Run it to its end."""
    return run([sys.executable, "-m", "lab.vmm", *arguments], timeout_s=60, check=False, cwd=ROOT)


def test_version() -> None:
    """The first line is Firecracker's, a later one says what this is; it wins over what else is given."""
    lines = firecracker("--version", "--no-such-option").stdout.splitlines()
    assert lines[0] == "Firecracker v1.16.1"
    assert any("QEMU" in line for line in lines[1:])


def test_snapshot_version() -> None:
    """The snapshot format's version."""
    assert firecracker("--snapshot-version").stdout.splitlines()[0] == "v10.0.0"


def test_help() -> None:
    """Every option is named."""
    done = firecracker("--help")
    assert (done.status, "--config-file" in done.stdout) == (0, True)


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["--nonsense"], 153),
        (["--api-sock"], 153),
        (["--id", "--no-api"], 153),
        (["--id", "a", "--id", "b"], 153),
        (["--id=a"], 153),
        (["--no-api"], 153),
        (["--no-seccomp", "--seccomp-filter", "f"], 153),
        (["--level", "Loud"], 152),
        (["--id", "bad_id"], -signal.SIGABRT),
        (["--id", "x" * 65], -signal.SIGABRT),
        (["--config-file", "/nowhere.json", "--no-api"], -signal.SIGABRT),
        (["--api-sock", "{folder}/s", "--mmds-size-limit", "9" * 5000], -signal.SIGABRT),
        (["--api-sock", "/nowhere/api.sock"], 1),
        (["--describe-snapshot", "/nowhere.snap"], 1),
    ],
    ids=lambda value: " ".join(value)[:40] if isinstance(value, list) else str(value),
)
def test_exit_code(arguments: list[str], code: int, tmp_path: Path) -> None:
    """Bad arguments end with Firecracker's own exit codes, and with a word: of a panic on stdout."""
    done = firecracker(*(word.replace("{folder}", str(tmp_path)) for word in arguments))
    assert (done.status, bool(done.stdout), bool(done.stderr)) == (code, True, code > 0)


def test_socket_in_use(tmp_path: Path) -> None:
    """A socket file that is there already, even a stale one, is exit code 1, and the file is left alone."""
    path = tmp_path / "api.sock"
    path.touch()
    done = firecracker("--api-sock", str(path))
    assert (done.status, "Failed to open the API socket" in done.stderr, path.exists()) == (1, True, True)


def test_bad_configuration_file(tmp_path: Path) -> None:
    """A configuration that cannot be used is exit code 1."""
    path = tmp_path / "vm.json"
    path.write_text(json.dumps({"boot-source": {"kernel_image_path": "/nowhere"}, "drives": []}))
    done = firecracker("--no-api", "--config-file", str(path))
    assert (done.status, "The kernel file cannot be opened" in done.stderr) == (1, True)


def test_configuration_file_boots(tmp_path: Path, tiny_guest: TinyGuest, start_vmm: Start) -> None:
    """A configuration file alone boots a machine; unknown top-level keys are let through."""
    path = tmp_path / "vm.json"
    drive = {"drive_id": "r", "is_root_device": True, "path_on_host": str(make_disk(tmp_path / "d", b"disk"))}
    source = {"kernel_image_path": str(tiny_guest.kernel), "initrd_path": str(tiny_guest.initrd)}
    machine = {"vcpu_count": 1, "mem_size_mib": 128}
    config = {"boot-source": source, "drives": [drive], "machine-config": machine, "extra": 1}
    path.write_text(json.dumps(config))
    assert start_vmm("--config-file", str(path)).ask("GET", "/").json["state"] == "Running"


def test_log_and_metrics(start_vmm: Start, tmp_path: Path) -> None:
    """The log says what runs, metrics are lines of JSON, and a second metrics file is refused."""
    program = start_vmm("--metrics-path", str(tmp_path / "metrics"), "--show-level")
    assert "Reinitialization" in program.ask("PUT", "/metrics", {"metrics_path": "/dev/null"}).fault
    log = program.log_path.read_text()
    assert f"[{program.socket_path.stem}:main:INFO] Running Firecracker v1.16.1" in log
    assert "look-alike" in log


def test_describe_snapshot(golden: Golden) -> None:
    """--describe-snapshot prints the format's version of a whole file."""
    assert firecracker("--describe-snapshot", str(golden.snapshot)).stdout.splitlines()[0] == "v10.0.0"
