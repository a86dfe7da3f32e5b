"""Every call of the API description: good and bad bodies, and calls at the wrong time."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.lab.vmm.conftest import Start, configure, make_disk
from tests.lab.vmm.description import CALLS, NOT_OFFERED, POST, PRE, Call, bad_bodies
from tests.lab.vmm.tiny_guest import TinyGuest
from tests.unit.peers.vmm_program import Program

pytestmark = pytest.mark.lab
BAD = list(bad_bodies())
PUT_EARLY = [call for call in CALLS if call.phase == PRE]
LATE = [call for call in CALLS if call.phase == POST]
TAKEN_ALONE = [
    call for call in PUT_EARLY if call.path.split("/")[1] not in ("network-interfaces", "snapshot")
]


@pytest.mark.parametrize(("call", "body", "says"), [case[1:] for case in BAD], ids=[case[0] for case in BAD])
def test_bad_body_is_refused(idle: Program, call: Call, body: dict[str, object], says: str) -> None:
    """A missing, unknown or mistyped field is answered with 400 and a word about it."""
    answer = idle.ask(call.method, call.path, body)
    assert answer.status == 400
    assert says in answer.fault


@pytest.mark.parametrize("call", [c for c in TAKEN_ALONE if c.path != "/mmds/config"], ids=lambda c: c.name)
def test_good_body_is_taken(fresh: Program, call: Call) -> None:
    """What the description allows is answered with 204 and nothing else."""
    answer = fresh.ask(call.method, call.path, call.body)
    assert (answer.status, answer.body) == (204, b"")


@pytest.mark.parametrize("call", LATE, ids=lambda call: call.name)
def test_too_early(idle: Program, call: Call) -> None:
    """What needs a started machine is refused before."""
    assert "not supported before starting" in idle.ask(call.method, call.path, call.body).fault


@pytest.mark.parametrize("call", PUT_EARLY, ids=lambda call: call.name)
def test_too_late(started: Program, call: Call) -> None:
    """What needs a machine not started yet is refused after."""
    says = "PCI is not enabled" if call.path in ("/drives/d0", "/network-interfaces/n0") else "after starting"
    assert says in started.ask(call.method, call.path, call.body).fault


@pytest.mark.parametrize(("method", "path"), NOT_OFFERED, ids=lambda word: word)
def test_what_is_not_offered_says_so(idle: Program, method: str, path: str) -> None:
    """Firecracker's other devices are refused in words that say whose limit it is."""
    answer = idle.ask(method, path, None if method == "GET" else {"amount_mib": 1})
    assert (answer.status, "not offered by this VMM" in answer.fault) == (400, True)


@pytest.fixture(scope="module")
def started(start_for_module: Start, folder: Path, tiny_guest: TinyGuest) -> Program:
    """A started machine whose guest matters to nobody."""
    program = start_for_module()
    configure(program, tiny_guest, make_disk(folder / "started.disk", b"disk"), network=False)
    program.do("PUT", "/actions", {"action_type": "InstanceStart"})
    return program


def test_second_start_is_refused(started: Program) -> None:
    """A machine is started once."""
    assert "after starting" in started.ask("PUT", "/actions", {"action_type": "InstanceStart"}).fault


def test_ctrl_alt_del_is_refused(started: Program) -> None:
    """There is no keyboard controller, and the answer says so."""
    assert "keyboard" in started.ask("PUT", "/actions", {"action_type": "SendCtrlAltDel"}).fault


def test_snapshot_of_a_running_machine_is_refused(started: Program, tmp_path: Path) -> None:
    """A machine is paused before it is saved."""
    body = {"snapshot_path": str(tmp_path / "s"), "mem_file_path": str(tmp_path / "m")}
    assert "running" in started.ask("PUT", "/snapshot/create", body).fault


def test_unknown_drive_cannot_be_exchanged(started: Program) -> None:
    """PATCH names the drives that there are."""
    body = {"drive_id": "other", "path_on_host": "/etc/hostname"}
    assert "rootfs" in started.ask("PATCH", "/drives/other", body).fault


def test_start_without_a_kernel(fresh: Program) -> None:
    """A start without a boot source fails, and the process lives on."""
    assert "kernel" in fresh.ask("PUT", "/actions", {"action_type": "InstanceStart"}).fault
    assert fresh.ask("GET", "/").json["state"] == "Not started"


def test_instance_information(idle: Program) -> None:
    """GET / has Firecracker's four keys."""
    assert idle.ask("GET", "/").json == {
        "id": idle.socket_path.stem,
        "state": "Not started",
        "vmm_version": "1.16.1",
        "app_name": "Firecracker",
    }
    assert idle.ask("GET", "/version").json == {"firecracker_version": "1.16.1"}


def test_machine_defaults(fresh: Program) -> None:
    """A machine that nobody configured has one vCPU and 128 MiB."""
    assert fresh.ask("GET", "/machine-config").json == {
        **{"vcpu_count": 1, "mem_size_mib": 128, "smt": False},
        **{"track_dirty_pages": False, "huge_pages": "None"},
    }


def test_patch_changes_only_what_it_names(fresh: Program) -> None:
    """PATCH /machine-config leaves the rest, and an empty one is refused."""
    fresh.do("PUT", "/machine-config", {"vcpu_count": 2, "mem_size_mib": 256})
    fresh.do("PATCH", "/machine-config", {"mem_size_mib": 512})
    found = fresh.ask("GET", "/machine-config").json
    assert (found["vcpu_count"], found["mem_size_mib"]) == (2, 512)
    assert "Empty PATCH" in fresh.ask("PATCH", "/machine-config", {}).fault


@pytest.mark.parametrize("count", [0, 33, -1])
def test_vcpus_out_of_range(idle: Program, count: int) -> None:
    """1 to 32 vCPUs."""
    assert idle.ask("PUT", "/machine-config", {"vcpu_count": count, "mem_size_mib": 128}).status == 400


def test_path_and_body_must_agree(idle: Program) -> None:
    """The id in the path is the id in the body."""
    body = {"drive_id": "b", "is_root_device": False, "path_on_host": "/etc/hostname"}
    assert "does not match" in idle.ask("PUT", "/drives/a", body).fault


def test_second_root_drive_is_refused(fresh: Program) -> None:
    """One root drive."""
    for name in ("a", "b"):
        body = {
            "drive_id": name,
            "is_root_device": True,
            "path_on_host": "/etc/hostname",
            "is_read_only": True,
        }
        answer = fresh.ask("PUT", f"/drives/{name}", body)
    assert "root block device already exists" in answer.fault


@pytest.mark.parametrize("path", ["/nowhere", "/etc"])
def test_drive_file_must_be_usable(idle: Program, path: str) -> None:
    """A missing file and a folder are refused when they are given."""
    body = {"drive_id": "d", "is_root_device": False, "path_on_host": path, "is_read_only": True}
    assert path in idle.ask("PUT", "/drives/d", body).fault


def test_metadata_store(fresh: Program) -> None:
    """PUT stores, PATCH merges, GET shows; PATCH of nothing is refused, and too much is 413."""
    assert fresh.ask("GET", "/mmds").json == {}
    assert "not initialized" in fresh.ask("PATCH", "/mmds", {"a": 1}).fault
    fresh.do("PUT", "/mmds", {"a": {"b": 1, "c": 2}})
    fresh.do("PATCH", "/mmds", {"a": {"b": None, "d": 3}})
    assert fresh.ask("GET", "/mmds").json == {"a": {"c": 2, "d": 3}}


def test_metadata_limit(start_vmm: Start) -> None:
    """A document over the limit is answered with 413."""
    answer = start_vmm("--mmds-size-limit", "100").ask("PUT", "/mmds", {"a": "x" * 200})
    assert (answer.status, "fault_message" in answer.json) == (413, True)


def test_deprecated_fields_are_marked(fresh: Program) -> None:
    """A response to a deprecated field carries the header."""
    answer = fresh.ask(
        "PUT", "/machine-config", {"vcpu_count": 1, "mem_size_mib": 128, "cpu_template": "None"}
    )
    assert "Deprecation: true" in answer.head


def test_exported_configuration(fresh: Program) -> None:
    """GET /vm/config has every key of a configuration file."""
    fresh.do("PUT", "/machine-config", {"vcpu_count": 2, "mem_size_mib": 256})
    found = fresh.ask("GET", "/vm/config").json
    assert found["machine-config"]["mem_size_mib"] == 256
    assert {"drives", "boot-source", "network-interfaces", "mmds-config", "entropy", "vsock"} <= found.keys()
