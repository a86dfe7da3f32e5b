"""Somebody beside a launch that takes long: what of the looks at its VM counts."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any, cast

import pytest

from harness.causes import launched
from harness.causes.facts import Facts, Hops, Inside, Process
from harness.causes.launched import LaunchWatch, target_of
from harness.causes.table import diagnose
from harness.errors import SessionError, TransportError, UnreadableError
from harness.host.hypervisor import Hypervisor
from harness.site.profile import Site

SITE = Site.model_validate({"name": "x", "session": {"launch_s": 0.06}})
VM = "vm-6b03852d-0631-4f91-ae8a-fd352348e9c2"
ROW = {"vm_id": VM, "ip_address": "192.168.100.7/32", "tap_device": None}
HOST = cast(Hypervisor, SimpleNamespace(site=SITE))


class Row(dict[str, Any]):
    """A row of ``vms`` that is found from now on."""


NO_ROW = Row()
AGAIN = Row({**ROW, "vm_id": VM.replace("6b", "7c")})


def watched(monkeypatch: pytest.MonkeyPatch, *looks: Process | Facts | Exception | Row) -> LaunchWatch:
    """A launch that fails once so many looks were made at its VM; the pid that each was told is on record."""
    left, row, enough = list(looks), Row(ROW), threading.Event()

    def find() -> Row | None:
        nonlocal row
        while left and isinstance(left[0], Row):
            row = cast(Row, left.pop(0))
        if not left:
            enough.set()
        return row if left and row else None

    def look(_host: Hypervisor, _row: Mapping[str, Any], *, pid: int) -> Facts:
        told = left.pop(0)
        if isinstance(told, Exception):
            raise told
        assert not isinstance(told, Row)
        return told if isinstance(told, Facts) else Facts(f"pid {pid}", hops=Hops(told))

    monkeypatch.setattr(launched, "look_at_row", look)
    monkeypatch.setattr(launched, "AGAIN_S", 0.01)
    watch = LaunchWatch(HOST, find)
    with pytest.raises(SessionError):
        _fail(watch, enough)
    return watch


def _fail(watch: LaunchWatch, when: threading.Event) -> None:
    with watch:
        assert when.wait(60)
        raise SessionError("no session")


def test_the_last_look_at_a_vm_that_lived_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    """One that has ended since is looked at by its pid: it was mostly ended because it was given up."""
    facts = watched(monkeypatch, Process(41, "S"), Process(41, "S", 7), Process(41, "")).facts
    assert facts is not None
    assert facts.hops is not None
    assert (facts.whose, facts.hops.process) == ("pid 41", Process(41, "S", 7))
    assert facts.unknown["vmm"].startswith("it had ended by a later look")
    assert "vmm.ended" not in diagnose(facts).excluded


def test_a_vm_that_the_hosts_kernel_has_killed_was_not_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    facts = watched(monkeypatch, Process(41, "S"), Process(41, "", oom="Killed process 41")).facts
    found = diagnose(facts).cause if facts else None
    assert found is not None
    assert found.name == "vmm.killed"


def test_a_guest_that_tells_lives_whatever_its_vmm_is(monkeypatch: pytest.MonkeyPatch) -> None:
    facts = watched(monkeypatch, Facts("by SSH", hops=Hops(Process()), inside=Inside({}))).facts
    assert facts is not None
    assert facts.whose == "by SSH"


def test_a_vm_that_was_not_there_yet_has_not_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    """What was seen of it is told all the same, and why it is not more."""
    not_found = Facts("it", hops=Hops(Process(0, "")), unknown={"vmm": "not found"})
    facts = watched(monkeypatch, not_found).facts
    assert facts is not None
    found = diagnose(facts)
    assert (found.cause, "vmm.ended" in found.excluded, found.unknown) == (None, False, ("vmm: not found",))


def test_a_vm_that_lived_goes_before_a_later_look_that_does_not_find_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    facts = watched(monkeypatch, Process(0, ""), Process(41, "S"), Process(0, "")).facts
    assert facts is not None
    assert facts.hops is not None
    assert facts.hops.process.pid == 41


def test_a_vm_that_had_ended_by_the_first_look_was_perhaps_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    watch = watched(monkeypatch, Process(41, "Z"))
    assert watch.facts is None
    assert watch.untold.startswith("pid 0 had ended by the first look")


def test_a_launch_that_is_tried_again_has_another_vm(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is looked for by its own id, and not by the process of the one before."""
    facts = watched(monkeypatch, Process(41, "S"), AGAIN, Process(42, "S")).facts
    assert facts is not None
    assert facts.whose == "pid 0"


def test_a_launch_whose_vm_has_no_row_is_told_so(monkeypatch: pytest.MonkeyPatch) -> None:
    watch = watched(monkeypatch, NO_ROW)
    assert watch.facts is None
    assert watch.untold.startswith("no session of its user")


def test_a_look_that_fails_is_told_and_keeps_nothing_from_being_looked_at(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    watch = watched(monkeypatch, TransportError("no host"), Process(41, "S"))
    assert watch.facts is not None
    assert watch.untold == "the look at it failed: TransportError: no host"


def test_where_the_vm_of_a_row_is_found() -> None:
    target = target_of(ROW, SITE)
    assert (target.address, target.tap, target.bridge, target.word) == (
        "192.168.100.7",
        "fc-vm-6b038",
        "fcbr0",
        VM,
    )


@pytest.mark.parametrize("odd", [{"vm_id": None}, {"vm_id": "vm-1; reboot"}, {"ip_address": None}])
def test_a_row_that_names_no_vm_is_not_looked_for(odd: dict[str, object]) -> None:
    with pytest.raises(UnreadableError):
        target_of({**ROW, **odd}, SITE)
