"""The thin client, against a peer that answers as Firecracker does."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from harness.errors import ApiError, TransportError
from harness.text import encoded
from harness.vm.firecracker import Firecracker
from tests.unit.peers.fake_peer import answer, fake_peer

# Each method of the client, and the request that it must become.
CALLS: dict[str, tuple[Callable[[Firecracker], Any], str, dict[str, Any] | None]] = {
    "describe_instance": (lambda api: api.describe_instance(), "GET /", None),
    "vm_config": (lambda api: api.vm_config(), "GET /vm/config", None),
    "put_machine_config": (
        lambda api: api.put_machine_config(vcpu_count=2, mem_size_mib=1024),
        "PUT /machine-config",
        {"vcpu_count": 2, "mem_size_mib": 1024},
    ),
    "put_boot_source": (
        lambda api: api.put_boot_source(kernel_image_path="/k", boot_args="quiet"),
        "PUT /boot-source",
        {"kernel_image_path": "/k", "boot_args": "quiet"},
    ),
    "put_drive": (
        lambda api: api.put_drive("rootfs", path_on_host="/d", is_root_device=True, is_read_only=True),
        "PUT /drives/rootfs",
        {"drive_id": "rootfs", "path_on_host": "/d", "is_root_device": True, "is_read_only": True},
    ),
    "patch_drive": (
        lambda api: api.patch_drive("rootfs", path_on_host="/d"),
        "PATCH /drives/rootfs",
        {"drive_id": "rootfs", "path_on_host": "/d"},
    ),
    "put_network_interface": (
        lambda api: api.put_network_interface("eth0", host_dev_name="tap0", guest_mac="02:00:00:00:00:01"),
        "PUT /network-interfaces/eth0",
        {"iface_id": "eth0", "host_dev_name": "tap0", "guest_mac": "02:00:00:00:00:01"},
    ),
    "put_entropy": (lambda api: api.put_entropy(), "PUT /entropy", {}),
    "put_mmds_config": (
        lambda api: api.put_mmds_config(network_interfaces=["eth0"], version="V2"),
        "PUT /mmds/config",
        {"network_interfaces": ["eth0"], "version": "V2"},
    ),
    "put_mmds": (lambda api: api.put_mmds({"clone": {"a": 1}}), "PUT /mmds", {"clone": {"a": 1}}),
    "put_action": (
        lambda api: api.put_action("InstanceStart"),
        "PUT /actions",
        {"action_type": "InstanceStart"},
    ),
    "patch_vm": (lambda api: api.patch_vm("Paused"), "PATCH /vm", {"state": "Paused"}),
    "create_snapshot": (
        lambda api: api.create_snapshot(snapshot_path="/s", mem_file_path="/m"),
        "PUT /snapshot/create",
        {"snapshot_path": "/s", "mem_file_path": "/m", "snapshot_type": "Full"},
    ),
    "load_snapshot": (
        lambda api: api.load_snapshot(
            snapshot_path="/s",
            mem_file_path="/m",
            network_overrides=[{"iface_id": "eth0", "host_dev_name": "t"}],
        ),
        "PUT /snapshot/load",
        {
            "snapshot_path": "/s",
            "mem_backend": {"backend_type": "File", "backend_path": "/m"},
            "resume_vm": False,
            "network_overrides": [{"iface_id": "eth0", "host_dev_name": "t"}],
        },
    ),
}


@pytest.mark.parametrize(("call", "line", "body"), CALLS.values(), ids=CALLS.keys())
def test_each_method_is_one_request(
    tmp_path: Path, call: Callable[[Firecracker], Any], line: str, body: dict[str, Any] | None
) -> None:
    said = answer(200, "{}") if body is None else answer(204)
    with fake_peer(tmp_path / "api", said) as peer:
        api = Firecracker(tmp_path / "api")
        call(api)
        api.close()
    method_and_path, _, sent = peer.requests[0].partition(" {")
    assert method_and_path == line
    assert (json.loads("{" + sent) if sent else None) == body


def test_a_fault_message_is_in_the_error(tmp_path: Path) -> None:
    body = '{"fault_message": "The requested operation is not supported"}'
    with fake_peer(tmp_path / "api", answer(400, body)):
        api = Firecracker(tmp_path / "api")
        with pytest.raises(ApiError, match=r"^Firecracker: The requested operation") as caught:
            api.patch_vm("Paused")
        api.close()
    assert caught.value.status == 400
    assert caught.value.message.endswith('asked: PATCH /vm {"state": "Paused"}')


def test_an_error_body_that_is_not_json_is_in_the_error(tmp_path: Path) -> None:
    body = '{ "error": "Invalid method.\nAll previous unanswered requests will be dropped." }'
    with fake_peer(tmp_path / "api", answer(400, body)):
        api = Firecracker(tmp_path / "api")
        with pytest.raises(ApiError, match=r"Invalid method\.\nAll previous"):
            api.vm_config()
        api.close()


def test_a_lost_process_is_told_with_its_last_words(tmp_path: Path) -> None:
    with fake_peer(tmp_path / "api"):
        api = Firecracker(tmp_path / "api", epitaph=lambda: "it ended with status 1; vmm.log: 'bad snapshot'")
        with pytest.raises(ApiError, match=r"no answer from Firecracker .*\n.*status 1; vmm\.log: 'bad"):
            api.load_snapshot(snapshot_path="/s", mem_file_path="/m")
        api.close()


def test_a_lost_way_to_the_host_is_not_the_vmms(tmp_path: Path) -> None:
    """Whoever would tell how the VMM ended is gone, too."""

    def gone() -> str:
        raise TransportError("the custodian is gone")

    with fake_peer(tmp_path / "api"):
        api = Firecracker(tmp_path / "api", epitaph=gone)
        with pytest.raises(TransportError, match="the custodian is gone"):
            api.load_snapshot(snapshot_path="/s", mem_file_path="/m")
        api.close()


def test_what_was_said_is_on_record(tmp_path: Path) -> None:
    with fake_peer(tmp_path / "api", answer(204)):
        api = Firecracker(tmp_path / "api")
        api.patch_vm("Resumed")
        api.close()
    assert api.traffic[0].startswith('PATCH /vm {"state": "Resumed"} -> 204')


NO_ANSWERS = {
    "nothing": " ",
    "half": '{"firecracker_version": ',
    "a list": "[]",
    "a number": "7",
    "no version": "{}",
    "a version that is none": '{"firecracker_version": {}}',
    "deep": "[" * 100_000,
    "a long number": "1" * 5000,
    "no text": "\udcff",
}


@pytest.mark.parametrize("status", [200, 400])
@pytest.mark.parametrize("body", NO_ANSWERS.values(), ids=NO_ANSWERS)
def test_an_answer_that_says_nothing_is_an_api_error(tmp_path: Path, body: str, status: int) -> None:
    raw = answer(status, "x" * len(body)).replace(b"x" * len(body), encoded(body))
    with fake_peer(tmp_path / "api", raw):
        api = Firecracker(tmp_path / "api")
        with pytest.raises(ApiError) as caught:
            api.version()
        api.close()
    assert len(caught.value.message) < 5000
    assert len(api.traffic[0]) < 5000
