"""Snapshots that cannot be loaded: 400, a clear word, exit code 1, and no QEMU left."""

from __future__ import annotations

import struct
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.lab.vmm.conftest import MIB, Golden, Start
from tests.unit.peers.vmm_program import Program

pytestmark = pytest.mark.lab
Change = Callable[[bytes], bytes]
DAMAGE: dict[str, tuple[Change, str]] = {
    "empty": (lambda _: b"", "smaller than CRC length"),
    "truncated": (lambda blob: blob[: len(blob) // 2], "CRC"),
    "one byte short": (lambda blob: blob[:-1], "CRC"),
    "one byte altered": (lambda blob: blob[:5000] + bytes([blob[5000] ^ 1]) + blob[5001:], "CRC"),
    "foreign": (lambda _: b"\x7fELF" + bytes(5000), "CRC"),
    "firecracker's own": (lambda b: struct.pack("<Q", 0x0710198486640000) + b[8:], "Firecracker's own"),
    "too long": (lambda blob: blob + bytes(11 * 1024 * 1024), "longer"),
}


def assert_fails(program: Program, body: dict[str, object], says: str) -> None:
    """The load is refused for this reason, and the process ends."""
    answer = program.ask("PUT", "/snapshot/load", body)
    assert (answer.status, says in answer.fault) == (400, True), answer.fault
    assert program.wait() == 1


@pytest.mark.parametrize("name", DAMAGE)
def test_damaged_vmstate(
    name: str, golden: Golden, tmp_path: Path, start_vmm: Start, networks: list[str]
) -> None:
    """A damaged or foreign vmstate is a failed load that says what it is."""
    change, says = DAMAGE[name]
    path = tmp_path / "damaged.snap"
    path.write_bytes(change(golden.snapshot.read_bytes()))
    assert_fails(start_vmm(netns=networks[1]), golden.request(snapshot_path=str(path)), says)


@pytest.mark.parametrize("size", [0, MIB * 1024 * 1024 - 4096, MIB * 1024 * 1024 + 4096])
def test_memory_of_a_wrong_size(
    size: int, golden: Golden, tmp_path: Path, start_vmm: Start, networks: list[str]
) -> None:
    """A memory file that is not the machine's is a failed load."""
    path = tmp_path / "wrong.mem"
    path.touch()
    with path.open("r+b") as file:
        file.truncate(size)
    backend = {"backend_type": "File", "backend_path": str(path)}
    says = "greater then file length" if size < MIB * 1024 * 1024 else f"{size} bytes"
    assert_fails(start_vmm(netns=networks[1]), golden.request(mem_backend=backend), says)


def test_missing_files(golden: Golden, start_vmm: Start, networks: list[str]) -> None:
    """Which file is not there is told."""
    body = golden.request(snapshot_path="/nowhere/s")
    assert_fails(start_vmm(netns=networks[1]), body, "Failed to open snapshot file")


def test_unknown_interface_override(golden: Golden, start_vmm: Start, networks: list[str]) -> None:
    """An override for an interface that the snapshot has not is a failed load."""
    other = [{"iface_id": "eth9", "host_dev_name": "vmtap0"}]
    assert_fails(
        start_vmm(netns=networks[1]), golden.request(network_overrides=other), "Unknown Network Device"
    )


def test_tap_held_by_another(golden: Golden, start_vmm: Start, networks: list[str]) -> None:
    """A TAP that another machine holds is a failed load."""
    first = start_vmm(netns=networks[1])
    first.do("PUT", "/snapshot/load", golden.request())
    assert_fails(start_vmm(netns=networks[1]), golden.request(), "busy")


@pytest.mark.parametrize("more", [{"vsock_override": {"uds_path": "/x"}}, {"clock_realtime": True}])
def test_overrides_that_cannot_be(
    more: dict[str, object], golden: Golden, start_vmm: Start, networks: list[str]
) -> None:
    """What the snapshot has no device for is a failed load."""
    assert_fails(start_vmm(netns=networks[1]), golden.request(**more), next(iter(more)))


@pytest.mark.parametrize("backends", [{}, {"mem_file_path": "/m"}], ids=["none", "both"])
def test_one_memory_back_end(backends: dict[str, object], golden: Golden, fresh: Program) -> None:
    """None or two memory back ends are a bad request, which the process survives."""
    body = {"snapshot_path": str(golden.snapshot), **backends}
    if backends:
        body["mem_backend"] = golden.request()["mem_backend"]
    assert "mem_backend" in fresh.ask("PUT", "/snapshot/load", body).fault
    assert fresh.ask("GET", "/").status == 200


def test_load_after_configuring(golden: Golden, fresh: Program) -> None:
    """After a boot resource was named, even in vain, a load is refused and the process lives."""
    assert fresh.ask("PUT", "/boot-source", {"kernel_image_path": "/nowhere"}).status == 400
    assert "not allowed" in fresh.ask("PUT", "/snapshot/load", golden.request()).fault
    assert fresh.ask("GET", "/").json["state"] == "Not started"


def test_loaded_machine_is_paused(golden: Golden, start_vmm: Start, networks: list[str]) -> None:
    """A load without resume_vm leaves a paused machine that counts as started; with it, a running one."""
    program = start_vmm(netns=networks[1])
    program.do("PUT", "/snapshot/load", golden.request())
    assert program.ask("GET", "/").json["state"] == "Paused"
    assert "after starting" in program.ask("PUT", "/snapshot/load", golden.request()).fault
    program.kill()
    other = start_vmm(netns=networks[1])
    other.do("PUT", "/snapshot/load", golden.request(resume_vm=True))
    assert other.ask("GET", "/").json["state"] == "Running"
    assert other.shell("cat /note") == "before\n"
