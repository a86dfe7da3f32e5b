"""Making a clone: whose trouble it is, where none comes of it."""

from __future__ import annotations

import contextlib
from concurrent.futures import Future
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from harness.errors import HarnessError, SshError, VmError, VmmError
from harness.host.hypervisor import Hypervisor
from harness.site.profile import Site, SnapshotSection
from harness.vm.clone import Clone, load_options, making
from harness.vm.machine import Vm
from tests.unit.peers.fake_peer import answer, fake_peer

SITE = Site.model_validate(
    {"name": "nowhere", "snapshot": {"copy_s": 0.05}, "vmm": {"start_timeout_s": 0.05}}
)
MADE = {"disk": "/clones/1.ext4", "timings": {}}


class SmallHost:
    """Stands where a host would: what its custodian answers to the making of a clone is laid down."""

    def __init__(self, directory: Path, made: object) -> None:
        self.site = SITE
        self.clones_dir = "/clones"
        self.connection: Any = SimpleNamespace(
            directory=directory, forward_all=lambda *_: None, cancel=lambda *_: None
        )
        self.custodian: Any = SimpleNamespace(facts={"directory": "/run/x"}, begin=self._begin, ask=self._ask)
        self.destroyed: list[str] = []
        self._made = made

    def next_name(self) -> str:
        return "acc-000000-1"

    def _begin(self, _op: str, **_: object) -> Future[Any]:
        answered: Future[Any] = Future()
        if isinstance(self._made, Exception):
            answered.set_exception(self._made)
        elif self._made is not None:
            answered.set_result(self._made)
        return answered

    def _ask(self, op: str, *, name: str, **_: object) -> Any:
        if op == "destroy":
            self.destroyed.append(name)
            return {"failures": [], "texts": {}}
        return "it ended with status 1"


def trouble(directory: Path, made: object) -> VmError:
    """What a restore raises where the custodian answers so; what was begun is destroyed."""
    host = SmallHost(directory, made)
    with pytest.raises(VmError) as caught, making(cast(Hypervisor, host)) as clone:
        clone.restore()
    assert host.destroyed == ["acc-000000-1"]
    assert caught.value.message.startswith("acc-000000-1 could not be made: ")
    return caught.value


@pytest.mark.parametrize(
    "ours",
    [
        SshError("the connection is lost", hint="look at sshd"),
        HarnessError("cp: No space left on device", hint="make room"),
    ],
)
def test_trouble_of_ours_is_not_the_vmms(tmp_path: Path, ours: HarnessError) -> None:
    """And what it says to do next is kept."""
    error = trouble(tmp_path, ours)
    assert not isinstance(error, VmmError)
    assert ours.message in error.message
    assert error.hint == ours.hint


def test_a_copy_that_takes_too_long_is_told_as_such(tmp_path: Path) -> None:
    """What was copied and where to, how long it had, and what to change."""
    error = trouble(tmp_path, None)
    assert not isinstance(error, VmmError)
    assert f"the copy of {SITE.snapshot.disk} to /clones took more than 0.05 s" in error.message
    assert "snapshot.copy_s" in error.hint


def test_a_vmm_that_does_not_start_is_to_blame(tmp_path: Path) -> None:
    assert isinstance(trouble(tmp_path, VmmError("the VMM did not start")), VmmError)


def test_a_snapshot_that_the_vmm_refuses_is_to_blame(tmp_path: Path) -> None:
    with fake_peer(tmp_path / "1-api", answer(400, '{"fault_message": "bad magic"}')):
        error = trouble(tmp_path, MADE)
    assert isinstance(error, VmmError)
    assert "bad magic" in error.message


@pytest.mark.parametrize(
    ("field", "version"),
    [
        ("network_overrides", "1.12"),
        ("mem_backend", "1.1"),
        ("clock_realtime", "1.16"),
        ("vsock_override", "1.16"),
    ],
    ids=lambda word: word,
)
def test_a_vmm_that_is_too_old_for_clones_is_no_fault_of_the_snapshot(
    tmp_path: Path, field: str, version: str
) -> None:
    """Before 1.12 no interface could be led to another device."""
    said = f'{{"fault_message": "unknown field `{field}`, expected one of `snapshot_path`"}}'
    with fake_peer(tmp_path / "1-api", answer(400, said)):
        error = trouble(tmp_path, MADE)
    assert not isinstance(error, VmmError)
    assert error.hint == f"install Firecracker {version} or newer"


def test_a_vmm_that_dies_of_the_snapshot_is_to_blame(tmp_path: Path) -> None:
    with fake_peer(tmp_path / "1-api"):
        error = trouble(tmp_path, MADE)
    assert isinstance(error, VmmError)
    assert "it ended with status 1" in error.message


def test_a_second_writable_drive_is_nothing_the_vmm_refused(tmp_path: Path) -> None:
    """It is we who do not run clones that would write to one file."""
    drives = '{"drives": [{"drive_id": "rootfs"}, {"drive_id": "data"}]}'
    with fake_peer(tmp_path / "1-api", answer(204), answer(200, drives)):
        error = trouble(tmp_path, MADE)
    assert not isinstance(error, VmmError)
    assert "set snapshot.drive_id" in error.hint


@pytest.mark.parametrize(
    "drives", ["{}", '{"drives": 7}', '{"drives": [7]}', '{"drives": [{}]}', '{"drives": [{"x": 1}]}']
)
def test_a_vmm_that_does_not_tell_its_drives_is_to_blame(tmp_path: Path, drives: str) -> None:
    with fake_peer(tmp_path / "1-api", answer(204), answer(200, drives)):
        error = trouble(tmp_path, MADE)
    assert isinstance(error, VmmError)
    assert "Firecracker's answer cannot be understood: drives" in error.message


class Configured:
    """A VMM's API that remembers how it was configured."""

    def __init__(self) -> None:
        self.interfaces: list[dict[str, Any]] = []

    def put_network_interface(self, iface_id: str, **fields: Any) -> None:
        """One of a VM's interfaces."""
        self.interfaces.append({"iface_id": iface_id, **fields})

    def __getattr__(self, _name: str) -> Any:
        return lambda *_, **__: None


def interface_of(directory: Path, name: str, **snapshot: str) -> dict[str, Any]:
    """What a clone of that name is booted with."""
    host = SmallHost(directory, MADE)
    host.site = Site.model_validate({"name": "nowhere", "snapshot": snapshot})
    clone = Clone(cast(Hypervisor, host), name, {"api": directory / "api"}, disk="/d", began=0)
    clone.api = api = cast(Any, Configured())
    clone.boot()
    (interface,) = api.interfaces
    return dict(interface)


def test_every_clone_is_booted_with_a_mac_of_its_own(tmp_path: Path) -> None:
    """One that nobody else gives away, and no group's; a guest would else make it of what clones share."""
    macs = [interface_of(tmp_path, f"acc-000000-{number}")["guest_mac"] for number in range(20)]
    assert len(set(macs)) == 20
    assert {int(mac[:2], 16) & 3 for mac in macs} == {2}


def test_a_mac_that_the_profile_names_is_given(tmp_path: Path) -> None:
    mac = "06:00:c0:a8:64:02"
    assert interface_of(tmp_path, "acc-000000-1", guest_mac=mac)["guest_mac"] == mac


@pytest.mark.parametrize(
    ("given", "options"),
    [
        ({}, {}),
        ({"clock_realtime": True}, {"clock_realtime": True}),
        ({"vsock": True}, {"vsock_override": {"uds_path": "vsock.sock"}}),
    ],
)
def test_a_snapshot_is_loaded_as_the_controller_loads_it(given: dict[str, Any], options: Any) -> None:
    """What a VMM that is older does not know is not even named."""
    assert load_options(SnapshotSection.model_validate(given)) == options


@pytest.mark.parametrize("refused", ["", "the host has 3 MiB of memory free"])
def test_one_that_is_kept_is_let_go_of_and_not_destroyed(tmp_path: Path, refused: str) -> None:
    """Its console until then is there; one that cannot be kept is destroyed as any other."""
    host = SmallHost(tmp_path, MADE)
    said = host.custodian.ask

    def ask(op: str, **fields: Any) -> Any:
        if op == "keep" and refused:
            raise HarnessError(refused)
        return said(op, **fields)

    host.custodian.ask = ask
    with making(cast(Hypervisor, host)) as clone:
        vm = Vm(clone, health_s=1)
    with pytest.raises(HarnessError, match=refused) if refused else contextlib.nullcontext():
        vm.keep("guest.x", seconds=1)
    vm.kill()
    assert (host.destroyed, vm.is_held) == (["acc-000000-1"] if refused else [], False)
    assert vm.console() == ("" if refused else "it ended with status 1")
