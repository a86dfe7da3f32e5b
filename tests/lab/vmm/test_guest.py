"""A real guest: boot, console, pause, snapshot, clones, disks, metadata, and how it all ends."""

from __future__ import annotations

import hashlib
import json
import select
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.lab.vmm.conftest import MIB, Golden, Start, make_disk
from tests.unit.peers.vmm_program import Program, is_alive, wait_gone

pytestmark = pytest.mark.lab


def digest(path: Path) -> str:
    """A file's sha256."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def load(program: Program, golden: Golden, disk: Path | None = None) -> None:
    """Load, exchange the disk, resume: what a launcher does."""
    program.do("PUT", "/snapshot/load", golden.request())
    if disk is not None:
        program.do("PATCH", "/drives/rootfs", {"drive_id": "rootfs", "path_on_host": str(disk)})
    program.do("PATCH", "/vm", {"state": "Resumed"})


@pytest.fixture(scope="module")
def clones(golden: Golden, networks: list[str], folder: Path) -> Iterator[list[Program]]:
    """Two clones of one snapshot at once, each with a disk of its own."""
    with ExitStack() as stack:
        made = []
        for number, netns in enumerate(networks):
            program = Program(folder, name=f"clone-{number}", netns=netns)
            stack.callback(program.kill)
            load(program, golden, make_disk(folder / f"clone-{number}.disk", b"OWN%d" % number, mib=2))
            made.append(program)
        yield made


def test_serial_console_is_on_stdout(running: Program) -> None:
    """What the guest writes to its serial console comes out of the VMM's stdout."""
    assert running.shell("echo hello").endswith("hello\n")


def test_root_drive_is_vda(running: Program) -> None:
    """The root drive is vda, and the kernel is told so."""
    assert running.shell("head -c 4 /dev/vda; grep -o root=/dev/vda.rw /proc/cmdline") == (
        "GOLDroot=/dev/vda rw\n"
    )


def test_guest_has_the_configured_machine(running: Program) -> None:
    """vCPUs and memory are as configured."""
    cpus, kib = running.shell(
        "grep -c ^processor /proc/cpuinfo; awk '/MemTotal/{print $2}' /proc/meminfo"
    ).split()
    assert int(cpus) == 2
    assert MIB * 0.5 < int(kib) / 1024 < MIB


def test_guest_sees_the_hosts_entropy(running: Program) -> None:
    """Two reads of the entropy device differ."""
    draw = "head -c 16 /dev/hwrng | od -An -tx1"
    assert running.shell(draw) != running.shell(draw)


def test_paused_guest_is_silent(running: Program) -> None:
    """A paused guest does nothing, and goes on where it was."""
    running.do("PATCH", "/vm", {"state": "Paused"})
    assert running.ask("GET", "/").json["state"] == "Paused"
    running.type("echo still-here")
    assert running.process.stdout is not None
    assert not select.select([running.process.stdout], [], [], 0.3)[0]
    running.do("PATCH", "/vm", {"state": "Resumed"})
    running.hear(b"still-here\n=== 0\n")


def test_pausing_twice_is_no_error(running: Program) -> None:
    """Pause and resume may be repeated."""
    for state in ("Paused", "Paused", "Resumed", "Resumed"):
        running.do("PATCH", "/vm", {"state": state})


def test_process_is_called_firecracker(running: Program) -> None:
    """ps shows firecracker, with exactly the arguments it was given."""
    proc = Path(f"/proc/{running.process.pid}")
    assert (proc / "comm").read_text() == "firecracker\n"
    shown = (proc / "cmdline").read_bytes().rstrip(b"\0").decode()
    assert shown == (
        f"firecracker --api-sock {running.socket_path} --id {running.socket_path.stem} "
        f"--log-path {running.log_path}"
    )


def test_memory_file_has_the_machines_size(golden: Golden) -> None:
    """The memory file is a flat dump of all guest memory."""
    assert golden.memory.stat().st_size == MIB * 1024 * 1024


def test_clones_go_on_where_the_snapshot_was(clones: list[Program]) -> None:
    """What was in the guest's memory is there in every clone."""
    assert [clone.shell("cat /note") for clone in clones] == ["before\n", "before\n"]


def test_a_restored_guest_has_no_rtc(running: Program, clones: list[Program]) -> None:
    """A boot finds the time by one, as a real one by kvm-clock; a clone is told nothing by any device."""
    read = "cat /sys/class/rtc/rtc0/since_epoch 2>/dev/null || echo none"
    assert abs(int(running.shell(read)) - time.time()) < 60
    assert [clone.shell(read) for clone in clones] == ["none\n", "none\n"]


def test_clones_do_not_share_memory(clones: list[Program]) -> None:
    """What one clone writes the other does not see."""
    clones[0].shell("echo changed > /note")
    assert [clone.shell("cat /note") for clone in clones] == ["changed\n", "before\n"]


def test_clone_reads_and_writes_its_own_disk(clones: list[Program], golden: Golden, folder: Path) -> None:
    """After PATCH /drives a guest reads and writes the new file, and the golden one stays as it was."""
    before = digest(golden.disk)
    for number, clone in enumerate(clones):
        assert (
            clone.shell("dd if=/dev/vda bs=512 count=1 iflag=direct 2>/dev/null | head -c 4")
            == f"OWN{number}"
        )
        clone.shell(f"printf MARK{number} | dd of=/dev/vda bs=512 seek=8 conv=sync oflag=direct 2>/dev/null")
        assert (folder / f"clone-{number}.disk").read_bytes()[4096:4101] == b"MARK%d" % number
    assert digest(golden.disk) == before


def test_clone_sees_its_own_disks_size(clones: list[Program]) -> None:
    """A file of another size gives the guest a disk of that size."""
    assert [clone.shell("blockdev --getsize64 /dev/vda") for clone in clones] == [f"{2 * 1024 * 1024}\n"] * 2


def test_loading_leaves_the_snapshot_alone(clones: list[Program], golden: Golden) -> None:
    """Clones write, and neither vmstate nor memory file changes."""
    before = digest(golden.snapshot), digest(golden.memory)
    for clone in clones:
        clone.shell("dd if=/dev/urandom of=/junk bs=1M count=4 2>/dev/null")
    assert (digest(golden.snapshot), digest(golden.memory)) == before


def test_clone_takes_little_private_memory(clones: list[Program]) -> None:
    """A clone shares the snapshot's memory file: what it has alone is less than half of its memory."""
    rollup = Path(f"/proc/{clones[1].qemu()[0]}/smaps_rollup").read_text()
    private = sum(int(line.split()[1]) for line in rollup.splitlines() if line.startswith("Private_"))
    assert private / 1024 < MIB / 2


def test_clone_reaches_its_network(clones: list[Program]) -> None:
    """Each clone talks to the TAP in its own namespace."""
    for clone in clones:
        assert "1 packets received" in clone.shell("ping -c 1 -W 5 192.168.100.1")


def test_clone_reads_its_own_metadata(clones: list[Program]) -> None:
    """A guest reads what PUT /mmds stored in its own VMM, at 169.254.169.254."""
    for number, clone in enumerate(clones):
        clone.do("PUT", "/mmds", {"clone": {"number": number}, "name": f"clone-{number}"})
        assert clone.shell("wget -q -O - http://169.254.169.254/name") == f"clone-{number}"
        asked = "wget -q -O - --header 'Accept: application/json' http://169.254.169.254/clone"
        assert json.loads(clone.shell(asked)) == {"number": number}


def test_missing_metadata_is_404(clones: list[Program]) -> None:
    """A path that nobody stored is not found, and the service goes on."""
    assert "404" in clones[0].shell("wget -q -O - http://169.254.169.254/nothing")


def test_large_metadata_arrives_whole(clones: list[Program]) -> None:
    """A document of many segments arrives as it was stored."""
    text = "0123456789abcdef" * 2500
    clones[0].do("PUT", "/mmds", {"large": text})
    seen = clones[0].shell("wget -q -O - http://169.254.169.254/large | sha256sum").split()[0]
    assert seen == hashlib.sha256(text.encode()).hexdigest()


def test_restored_machine_can_be_saved_again(
    clones: list[Program], folder: Path, start_vmm: Start, networks: list[str]
) -> None:
    """A restored, changed machine is saved twice in a row, and its snapshot holds the change."""
    clone = clones[1]
    clone.shell("echo second generation > /note")
    again = Golden(folder / "again.snap", folder / "again.mem", folder / "clone-1.disk")
    clone.do("PATCH", "/vm", {"state": "Paused"})
    paths = {"snapshot_path": str(again.snapshot), "mem_file_path": str(again.memory)}
    for _ in range(2):
        clone.do("PUT", "/snapshot/create", paths)
    clone.do("PATCH", "/vm", {"state": "Resumed"})
    assert clone.shell("cat /note") == "second generation\n"
    clone.kill()
    grandchild = start_vmm(netns=networks[1])
    load(grandchild, again)
    assert grandchild.shell("cat /note; head -c 4 /dev/vda") == "second generation\nOWN1"


def test_reboot_ends_the_process_well(clones: list[Program]) -> None:
    """A guest that reboots ends the VMM with exit code 0, and QEMU is gone."""
    children = clones[0].qemu()
    clones[0].type("reboot -f")
    assert clones[0].wait() == 0
    assert not any(is_alive(child) for child in children)


def test_poweroff_leaves_the_process(running: Program) -> None:
    """A guest that powers off leaves the VMM running, as Firecracker does."""
    running.type("poweroff -f")
    until_logged(running, "powered off")
    assert running.ask("GET", "/").json["state"] == "Running"


def test_killed_vmm_leaves_no_qemu(running: Program) -> None:
    """SIGKILL of the VMM ends its QEMU."""
    children = running.qemu()
    assert len(children) == 1
    running.process.kill()
    running.process.wait()
    wait_gone(children[0])


def until_logged(program: Program, text: str) -> None:
    """Wait until the VMM has logged something."""
    for _ in range(2000):
        if text in program.log_path.read_text():
            return
        select.select([], [], [], 0.01)
    raise AssertionError(f"never logged {text!r}: {program.log_path.read_text()}")
