"""Clones whose VMM awaits orders: what is made, and what is told when it cannot be."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from harness.errors import ApiError, VmError, VmmError
from harness.host.hypervisor import Hypervisor
from harness.run import run
from harness.site.profile import Site
from harness.vm.clone import Clone, making
from tests.lab.driver.traces import traces

pytestmark = pytest.mark.lab


def test_a_clone_has_a_namespace_with_the_gateway_on_its_tap(hypervisor: Hypervisor) -> None:
    with making(hypervisor) as clone:
        shown = run(["ip", "-n", clone.name, "-br", "address"], timeout_s=60).stdout.split("\n")
        clone.destroy()
    assert any(line.startswith("vmtap0") and "192.168.100.1/24" in line for line in shown)
    assert not any("fe80" in line for line in shown)


def test_a_clone_has_a_disk_of_its_own_beside_the_snapshots(hypervisor: Hypervisor, disk: Path) -> None:
    with making(hypervisor) as clone:
        copy = Path(clone.disk)
        assert copy.read_bytes() == disk.read_bytes()
        assert copy.parent.parent == disk.parent.parent
        clone.destroy()
    assert not copy.exists()


def test_its_api_answers_from_here(hypervisor: Hypervisor) -> None:
    with making(hypervisor) as clone:
        assert clone.api.describe_instance()["id"] == clone.name
        clone.destroy()


def test_the_original_is_driven_as_the_labs_vmm_is(
    profile: dict[str, Any], vmm: Path, original: Path
) -> None:
    """What the client asks before a start is known to it; a vmstate of no use is told by its own words."""
    vmm.write_text(f"#!/bin/sh\nexec '{original}' \"$@\"\n")
    with Hypervisor(Site.model_validate(profile)) as hypervisor, making(hypervisor) as clone:
        assert clone.api.describe_instance()["app_name"] == "Firecracker"
        clone.api.put_mmds({"clone": {"a": 1}})
        override = [{"iface_id": "eth0", "host_dev_name": "vmtap0"}]
        with pytest.raises(ApiError, match=r"^Firecracker: the vmstate file is damaged: CRC64") as caught:
            clone.api.load_snapshot(
                snapshot_path=clone.disk, mem_file_path=clone.disk, network_overrides=override
            )
        clone.destroy()
    assert "rebuild" in caught.value.hint


def test_many_are_made_at_once(hypervisor: Hypervisor, disk: Path) -> None:
    with ThreadPoolExecutor(8) as pool, ExitStack() as stack:
        clones: list[Clone] = list(pool.map(lambda _: stack.enter_context(making(hypervisor)), range(8)))
        states = list(pool.map(lambda clone: clone.api.describe_instance()["id"], clones))
        list(pool.map(Clone.destroy, clones))
    assert sorted(states) == sorted(clone.name for clone in clones)
    left = traces(hypervisor.run_id, disk.parent.parent)
    assert [trace for trace in left if f"acc-{hypervisor.run_id}-" in trace] == []


def test_a_clone_that_is_given_up_leaves_nothing(hypervisor: Hypervisor, disk: Path) -> None:
    def give_up() -> None:
        with making(hypervisor):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        give_up()
    assert [
        trace
        for trace in traces(hypervisor.run_id, disk.parent.parent)
        if f"acc-{hypervisor.run_id}-" in trace
    ] == []


def test_a_failing_undo_is_told_and_leaves_no_other_one_out(hypervisor: Hypervisor) -> None:
    with making(hypervisor) as clone:
        busy = Path(f"/run/acc-{hypervisor.run_id}/{clone.name.rpartition('-')[2]}/busy")
        busy.mkdir()
        run(["mount", "-t", "tmpfs", "none", busy], timeout_s=60)
        try:
            with pytest.raises(VmError, match=r"not all could be removed: .*busy"):
                clone.destroy()
        finally:
            run(["umount", busy], timeout_s=60)
    assert not Path(clone.disk).exists()
    assert not Path(f"/run/netns/{clone.name}").exists()


def _fails_with(profile: dict[str, Any], kind: type[VmError] = VmmError, **vmm: object) -> str:
    """What making a clone with another VMM raises: by default, that the VMM is to blame."""
    site = Site.model_validate({**profile, "vmm": vmm})
    with Hypervisor(site) as hypervisor:
        with pytest.raises(VmError) as caught, making(hypervisor):
            pass
        assert not Path(f"/run/netns/acc-{hypervisor.run_id}-1").exists()
    assert type(caught.value) is kind
    return str(caught.value)


def test_a_vmm_that_is_not_there_is_named(profile: dict[str, Any]) -> None:
    said = _fails_with(profile, VmError, binary="not-a-firecracker")
    assert "no VMM: not-a-firecracker is not on this host" in said


def test_a_vmm_that_dies_at_once_is_told_with_status_and_last_words(
    profile: dict[str, Any], vmm: Path
) -> None:
    vmm.write_text("#!/bin/sh\necho 'cannot open /dev/kvm'\nexit 3\n")
    said = _fails_with(profile, binary=str(vmm))
    assert "it ended with status 3" in said
    assert "cannot open /dev/kvm" in said


def test_a_vmm_that_never_listens_is_told_with_the_time_waited(profile: dict[str, Any], vmm: Path) -> None:
    vmm.write_text("#!/bin/sh\nexec sleep 60\n")
    said = _fails_with(profile, binary=str(vmm), start_timeout_s=0.5)
    assert "accepts no connection within 0.5 s" in said
