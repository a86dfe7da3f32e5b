"""The VMM in the states that its tests start from."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest

from harness.run import run
from tests.lab.vmm.tiny_guest import GATEWAY, READY, TinyGuest, build
from tests.unit.peers.vmm_program import Program

TAP = "vmtap0"
MIB = 160
Start = Callable[..., Program]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder for sockets, logs and disks."""
    return tmp_path_factory.mktemp("vmm")


def _starter(folder: Path, stack: ExitStack) -> Start:
    count = iter(range(1000))

    def start(*arguments: str, netns: str | None = None) -> Program:
        program = Program(folder, *arguments, name=f"vmm-{next(count)}", netns=netns)
        stack.callback(program.kill)
        return program

    return start


@pytest.fixture
def start_vmm(tmp_path: Path) -> Iterator[Start]:
    """Starts VMMs that live for one test."""
    with ExitStack() as stack:
        yield _starter(tmp_path, stack)


@pytest.fixture
def fresh(start_vmm: Start) -> Program:
    """A VMM that nothing was asked of yet."""
    return start_vmm()


@pytest.fixture(scope="module")
def start_for_module(folder: Path) -> Iterator[Start]:
    """Starts VMMs that live as long as a module's tests."""
    with ExitStack() as stack:
        yield _starter(folder, stack)


@pytest.fixture(scope="module")
def idle(start_for_module: Start) -> Program:
    """A VMM whose machine is never started."""
    return start_for_module()


@pytest.fixture(scope="session")
def tiny_guest(tmp_path_factory: pytest.TempPathFactory) -> TinyGuest:
    """A kernel and an initrd with a shell."""
    return build(tmp_path_factory.mktemp("tiny-guest"))


def configure(program: Program, guest: TinyGuest, disk: Path, *, network: bool) -> None:
    """Everything up to the start of a machine."""
    program.do("PUT", "/machine-config", {"vcpu_count": 2, "mem_size_mib": MIB})
    source = {"kernel_image_path": str(guest.kernel), "initrd_path": str(guest.initrd)}
    program.do("PUT", "/boot-source", source | {"boot_args": "console=ttyS0 reboot=k panic=1 quiet"})
    drive = {"drive_id": "rootfs", "is_root_device": True, "path_on_host": str(disk)}
    program.do("PUT", "/drives/rootfs", drive)
    program.do("PUT", "/entropy", {})
    if network:
        program.do("PUT", "/network-interfaces/eth0", {"iface_id": "eth0", "host_dev_name": TAP})
        program.do("PUT", "/mmds/config", {"network_interfaces": ["eth0"]})


def make_disk(path: Path, label: bytes, mib: int = 1) -> Path:
    """A disk that begins with ``label``."""
    path.write_bytes(label + bytes(mib * 1024 * 1024 - len(label)))
    return path


@pytest.fixture(scope="module")
def running(start_for_module: Start, tiny_guest: TinyGuest, folder: Path) -> Program:
    """A VMM whose guest has booted, with a disk and no network."""
    program = start_for_module()
    configure(program, tiny_guest, make_disk(folder / "running.disk", b"GOLD"), network=False)
    program.do("PUT", "/actions", {"action_type": "InstanceStart"})
    program.hear(READY)
    return program


@pytest.fixture(scope="session")
def networks() -> Iterator[list[str]]:
    """Two network namespaces, each with a TAP of the same name."""
    names = ["acc-vmmtest-1", "acc-vmmtest-2"]
    with ExitStack() as stack:
        for name in names:
            run(["ip", "netns", "delete", name], timeout_s=60, check=False)
            run(["ip", "netns", "add", name], timeout_s=60)
            stack.callback(run, ["ip", "netns", "delete", name], timeout_s=60)
            for command in (
                f"tuntap add {TAP} mode tap vnet_hdr",
                f"link set {TAP} address 02:fc:00:00:00:01",
                f"address add {GATEWAY}/24 dev {TAP}",
                f"link set {TAP} up",
            ):
                run(["ip", "-n", name, *command.split()], timeout_s=60)
        yield names


@dataclass(frozen=True)
class Golden:
    """A snapshot of the tiny guest, with the disk as it was."""

    snapshot: Path
    memory: Path
    disk: Path

    def request(self, **more: object) -> dict[str, object]:
        """The body of a load."""
        backend = {"backend_type": "File", "backend_path": str(self.memory)}
        return {"snapshot_path": str(self.snapshot), "mem_backend": backend, **more}


@pytest.fixture(scope="session")
def golden(tiny_guest: TinyGuest, networks: list[str], tmp_path_factory: pytest.TempPathFactory) -> Golden:
    """A snapshot of the booted guest, taken in the first namespace."""
    folder = tmp_path_factory.mktemp("golden")
    made = Golden(folder / "tiny.snap", folder / "tiny.mem", make_disk(folder / "tiny.disk", b"GOLD"))
    with ExitStack() as stack:
        program = Program(folder, name="builder", netns=networks[0])
        stack.callback(program.kill)
        configure(program, tiny_guest, made.disk, network=True)
        program.do("PUT", "/actions", {"action_type": "InstanceStart"})
        program.hear(READY)
        assert program.shell("echo before > /note; head -c 4 /dev/vda") == "GOLD"
        program.do("PATCH", "/vm", {"state": "Paused"})
        paths = {"snapshot_path": str(made.snapshot), "mem_file_path": str(made.memory)}
        program.do("PUT", "/snapshot/create", paths)
    return made
