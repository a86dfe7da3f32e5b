"""Thousands of requests, good and bad, made from Firecracker's API description, before and after a start."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.run import run
from tests.unit.peers.extra_venv import ROOT, extra_venv
from tests.unit.peers.relay import relay
from tests.unit.peers.small_kernel import SAYS, build
from tests.unit.peers.vmm_program import Program

pytestmark = [pytest.mark.lab, pytest.mark.slow]
HERE = Path(__file__).parent
DESCRIPTION = HERE / "api" / "firecracker-v1.16.1.yaml"
EXAMPLES = 100
"""Random requests to each call, beside those that are worked out from its fields."""
CHECKS = (
    "not_a_server_error",
    "status_code_conformance",
    "response_schema_conformance",
    "negative_data_rejection",
    "answers_as_firecracker_does",
)
# Requests name files and devices at random: only one folder can be written, and the network is its own.
ALONE = """mount --bind "$1" "$1" && mount -o remount,bind,ro / && cd "$1" && shift && exec "$@" """


@pytest.fixture
def alone(tmp_path: Path) -> Iterator[Program]:
    """A VMM that can harm nothing; it has been configured, so that no failed load ends it."""
    inside = ["unshare", "--mount", "--net", "sh", "-c", ALONE, "sh", str(tmp_path)]
    program = Program(tmp_path, name="described", inside=inside)
    try:
        program.do("PUT", "/machine-config", {"vcpu_count": 1, "mem_size_mib": 32})
        yield program
    finally:
        program.kill()


def start(program: Program, folder: Path) -> None:
    """A machine with a disk, a network interface and metadata."""
    (folder / "disk").write_bytes(bytes(65536))
    kernel = build(folder / "kernel")
    program.do("PUT", "/boot-source", {"kernel_image_path": str(kernel), "boot_args": "quiet"})
    drive = {"drive_id": "rootfs", "is_root_device": True, "path_on_host": str(folder / "disk")}
    program.do("PUT", "/drives/rootfs", drive)
    program.do("PUT", "/network-interfaces/eth0", {"iface_id": "eth0", "host_dev_name": "tap0"})
    program.do("PUT", "/mmds/config", {"network_interfaces": ["eth0"], "version": "V2"})
    program.do("PUT", "/actions", {"action_type": "InstanceStart"})
    program.hear(SAYS)


@pytest.mark.parametrize("started", [False, True], ids=["before the start", "after the start"])
def test_every_answer_is_as_described(alone: Program, tmp_path: Path, started: bool) -> None:
    """No answer is late, none says that the VMM itself failed, and it lives on."""
    if started:
        start(alone, tmp_path)
    program = extra_venv(ROOT / "requirements" / "fuzz.lock") / "schemathesis"
    with relay(alone.socket_path) as url:
        # fmt: off
        command = [
            str(program), "run", str(DESCRIPTION), "--url", url, "--checks", ",".join(CHECKS),
            "--phases", "examples,coverage,fuzzing", "--max-examples", str(EXAMPLES),
            "--suppress-health-check", "all", "--warnings", "off", "--continue-on-failure",
            "--request-timeout", "30",
        ]
        # fmt: on
        hooks = {"SCHEMATHESIS_HOOKS": str(HERE / "schemathesis_hooks.py")}
        done = run(command, timeout_s=1800, check=False, cwd=tmp_path, env=hooks)
    assert done.status == 0, done.stdout + done.stderr
    assert alone.ask("GET", "/").json["state"] in (("Running", "Paused") if started else ("Not started",))
