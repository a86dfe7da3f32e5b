"""The VMM as a process, with a machine in each of its states."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.unit.peers.small_kernel import SAYS, build
from tests.unit.peers.vmm_program import Program

Start = Callable[..., Program]


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """Files of each kind, by the names that hostile requests have for them."""
    folder = tmp_path_factory.mktemp("files")
    (folder / "file").write_bytes(bytes(4096))
    (folder / "folder").mkdir()
    os.mkfifo(folder / "fifo")
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(folder / "socket"))
        made = {name: str(folder / name.lower()) for name in ("FILE", "FOLDER", "FIFO", "SOCKET", "NEW")}
        yield made | {"ZERO": "/dev/zero", "LONG": "/long" * 2000, "NO_TAP": "/no/tap"}


@pytest.fixture(scope="module")
def start_vmm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Start]:
    """Starts VMMs that live as long as a module's tests."""
    folder = tmp_path_factory.mktemp("vmm")
    count = iter(range(1000))
    with ExitStack() as stack:

        def start(*arguments: str) -> Program:
            program = Program(folder, *arguments, name=f"vmm-{next(count)}")
            stack.callback(program.kill)
            return program

        yield start


@pytest.fixture(scope="session")
def small_kernel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A kernel that comes up at once."""
    return build(tmp_path_factory.mktemp("kernel") / "kernel")


def boot(program: Program, kernel: Path) -> None:
    """A machine with a disk, running."""
    disk = kernel.with_name(f"{program.socket_path.stem}.disk")
    disk.write_bytes(bytes(65536))
    program.do("PUT", "/machine-config", {"vcpu_count": 1, "mem_size_mib": 32})
    program.do("PUT", "/boot-source", {"kernel_image_path": str(kernel), "boot_args": "quiet"})
    drive = {"drive_id": "rootfs", "is_root_device": True, "path_on_host": str(disk)}
    program.do("PUT", "/drives/rootfs", drive)
    program.do("PUT", "/actions", {"action_type": "InstanceStart"})
    program.hear(SAYS)


@pytest.fixture(scope="module", params=["Not started", "Running", "Paused"])
def vmm(request: pytest.FixtureRequest, start_vmm: Start, small_kernel: Path) -> Program:
    """A VMM in each state."""
    program = start_vmm()
    if request.param == "Not started":
        return program
    boot(program, small_kernel)
    if request.param == "Paused":
        program.do("PATCH", "/vm", {"state": "Paused"})
    return program
