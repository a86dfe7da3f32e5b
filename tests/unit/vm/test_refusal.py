"""What Firecracker refuses: the cause comes first, and only a bad snapshot is to be rebuilt.

The faults are Firecracker 1.12.1's own, word for word, each answered when the thing was done to it.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from harness.errors import ApiError
from harness.vm.firecracker import Firecracker
from harness.vm.refusal import CAUSES, innermost, is_of_snapshot, refusal
from tests.unit.peers.fake_peer import answer, fake_peer

LOAD = "Load snapshot error: Failed to restore from snapshot: "
STATE = f"{LOAD}Failed to get snapshot state from file: "
READ = f"{STATE}Failed to load snapshot state from file: "
BUILD = f"{LOAD}Failed to build microVM from snapshot: "
DEVICE = f"{BUILD}Failed to restore MMIO device: Cannot restore devices: "
TAP = f"{DEVICE}Net: Failed to create a network device: Open tap device failed: "
IFREQ = f"{TAP}Error while creating ifreq structure: "
BACKEND = (
    "Invalid TUN/TAP Backend provided by tap0. Check our documentation on setting up the network devices."
)
VM = f"{BUILD}Failed to create microVM and vCPUs: Internal error while starting microVM: "
MEMORY = f"{LOAD}Failed to load guest memory: Error creating guest memory from file: "
MMAP = f"{MEMORY}Failed to restore guest memory: Cannot create mmap region: "
ACL = "Make sure the user launching the firecracker process is \\\nconfigured on the /dev/kvm file's ACL."
KVM = f"{VM}Kvm error: "
EOF = 'Io { inner: Error { kind: UnexpectedEof, message: "failed to fill whole buffer" }, additional: 8 }'
DECODE = "An error occured with serialization/deserialization"
REBUILD = "rebuild the golden snapshot"

SEEN = {
    "a flipped byte": (f"{READ}CRC64 validation failed: 5954171273853031905", "is damaged", REBUILD),
    "an empty vmstate": (f"{READ}Snapshot file is smaller than CRC length.", "is damaged", REBUILD),
    "a vmstate of another content": (f"{READ}{DECODE}: {EOF}", "cannot be decoded", REBUILD),
    "another architecture": (f"{READ}Magic value does not match arch: 4660", "no snapshot of this", REBUILD),
    "another version": (f"{READ}Invalid data version: 8.0.0", "another version", "install the version"),
    "no vmstate": (
        f"{STATE}Failed to open snapshot file: No such file or directory (os error 2)",
        "vmstate file is not there",
        "put the file back",
    ),
    "a vmstate of root's": (
        f"{STATE}Failed to open snapshot file: Permission denied (os error 13)",
        "vmstate file may not be read",
        "read it",
    ),
    "a short memory": (
        f"{MMAP}The specified file offset and length is greater then file length",
        "memory file is shorter",
        REBUILD,
    ),
    "no memory file": (
        f"{MEMORY}Failed to load guest memory: No such file or directory (os error 2)",
        "memory file is not there",
        "put the file back",
    ),
    "no drive": (
        f"{DEVICE}Block: Virtio backend error: Error manipulating the backing file: "
        "No such file or directory (os error 2) /disk",
        "file of a drive is not there",
        "put the file back",
    ),
    "another interface": (f"{STATE}Unknown Network Device.", "no network interface", "iface_id"),
    "a busy TAP": (f"{IFREQ}Resource busy (os error 16). {BACKEND}", "held by another", "end that"),
    "no TAP": (f"{IFREQ}Operation not permitted (os error 1). {BACKEND}", "is not there", "make it"),
    "no KVM": (
        f"{KVM}Error creating KVM object: No such file or directory (os error 2) {ACL}",
        "no KVM",
        "modprobe",
    ),
    "something else at /dev/kvm": (
        f"{KVM}The host kernel reports an invalid KVM API version: -1",
        "no KVM",
        "modprobe",
    ),
    "a memory file of root's": (
        f"{MEMORY}Failed to load guest memory: Permission denied (os error 13)",
        "memory file may not be read",
        "read it",
    ),
    "a drive of root's": (
        f"{DEVICE}Block: Virtio backend error: Error manipulating the backing file: "
        "Permission denied (os error 13) /disk",
        "file of a drive may not be opened",
        "read it",
    ),
    "a KVM of root's": (
        f"{KVM}Error creating KVM object: Permission denied (os error 13) {ACL}",
        "may not open /dev/kvm",
        "give the VMM's user access",
    ),
    "no memory left": (f"{MMAP}Out of memory (os error 12)", "memory", "limits"),
    "no memory left at a start": (
        "Start microvm error: Invalid Memory Configuration: Cannot create mmap region: "
        "Out of memory (os error 12)",
        "memory",
        "limits",
    ),
    "no descriptors left": (
        f"{VM}Vm error: Failed to create VM: No file descriptors available (os error 24)",
        "no more files",
        "LimitNOFILE",
    ),
    "no descriptors left for the vmstate": (
        f"{STATE}Failed to open snapshot file: No file descriptors available (os error 24)",
        "no more files",
        "LimitNOFILE",
    ),
}


@pytest.mark.parametrize(("fault", "means", "mend"), SEEN.values(), ids=SEEN.keys())
def test_a_fault_is_told_by_its_cause(fault: str, means: str, mend: str) -> None:
    told = refusal(fault)
    assert means in told.first.partition(":")[0]
    assert "Failed to restore from snapshot" not in told.first
    assert mend in told.mend
    assert told.whole == fault


def test_only_a_bad_snapshot_is_rebuilt() -> None:
    """Where host or profile are to blame, nothing is said of a rebuild."""
    told = {name: refusal(fault).mend for name, (fault, _, mend) in SEEN.items() if "rebuild" not in mend}
    ours = ("put the file back", "install the version")  # a lost file or program may be had again
    assert [name for name, mend in told.items() if "rebuild" in mend and not mend.startswith(ours)] == []


OF_SNAPSHOT = {
    "a flipped byte",
    "an empty vmstate",
    "a vmstate of another content",
    "another architecture",
    "another version",
    "no vmstate",
    "a short memory",
    "no memory file",
    "no drive",
}


@pytest.mark.parametrize("name", SEEN)
def test_a_refused_snapshot_is_told_from_a_host_that_lacks_something(tmp_path: Path, name: str) -> None:
    said = told_of("PUT", "/snapshot/load", SEEN[name][0], tmp_path)
    assert is_of_snapshot(said) is (name in OF_SNAPSHOT)


def test_a_load_that_fails_for_no_known_cause_is_the_snapshots(tmp_path: Path) -> None:
    """As where the processor is another one; but what comes after the load is not."""
    assert is_of_snapshot(told_of("PUT", "/snapshot/load", f"{VM}Failed to set MSRs", tmp_path))
    assert not is_of_snapshot(told_of("PATCH", "/drives/rootfs", SEEN["no drive"][0], tmp_path))


@pytest.mark.parametrize(
    "said",
    [
        f"{TAP}Couldn't open /dev/net/tun. Too many open files in system (os error 23)",
        f"{IFREQ}Invalid argument (os error 22). {BACKEND}",
        f"{KVM}Error creating KVM object: No such device (os error 19) {ACL}",
        "An error occurred when deserializing the json body of a request: unknown field `x`, expected `y`",
    ],
)
def test_a_tap_kvm_or_a_request_is_none_of_the_snapshots(tmp_path: Path, said: str) -> None:
    """Whatever they fail of: the host lacks it, or the VMM is of another version than we ask."""
    assert not is_of_snapshot(told_of("PUT", "/snapshot/load", said, tmp_path))


def test_a_vmm_that_did_not_answer_is_no_refusal(tmp_path: Path) -> None:
    """Nor is one that did not start."""
    assert not is_of_snapshot(told_of("PUT", "/snapshot/load", None, tmp_path))
    assert not is_of_snapshot(
        "acc-1 could not be made: the VMM of acc-1 did not start: CRC64 validation failed"
    )


def told_of(method: str, path: str, said: str | None, folder: Path) -> str:
    """What is told where Firecracker answers a call so, or not at all."""
    answers = () if said is None else (answer(400, json.dumps({"fault_message": said})),)
    socket = folder / path.replace("/", "-")
    with fake_peer(socket, *answers):
        api = Firecracker(socket)
        with pytest.raises(ApiError) as caught:
            api.request(method, path, {})
        api.close()
    return str(caught.value)


def test_each_cause_was_seen() -> None:
    """A row that no fault reaches would be a guess."""
    reached = {
        next(cause.means for cause in CAUSES if cause.explains(fault)) for fault, _, _ in SEEN.values()
    }
    assert {cause.means for cause in CAUSES} == reached


@pytest.mark.parametrize(
    ("fault", "says"),
    [
        ("Start microvm error: Cannot start microvm without kernel configuration.", "Cannot start microvm"),
        ("The requested operation is not supported", "The requested operation"),
        ("Boot source error: The kernel file cannot be opened: No such file", "No such file"),
        (f"A: B failed: {EOF}", "Io { inner"),
        ("", ""),
    ],
)
def test_what_is_not_known_is_told_from_the_inside(fault: str, says: str) -> None:
    assert innermost(fault).startswith(says)
    assert refusal(fault).mend == ""
