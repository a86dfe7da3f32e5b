"""Which service is a host's controller, and where it is asked."""

from __future__ import annotations

from dataclasses import replace

import pytest

from harness.survey.answer import Open
from harness.survey.seen import HostSeen, Mention, Service, Told
from tests.unit.survey.deployments import (
    JAILED,
    RUNBOOK,
    SHORT,
    process,
)
from tests.unit.survey.drafted import drafted, found, with_told


def test_two_services_of_which_each_may_be_the_controller_are_both_named() -> None:
    twins = tuple(
        Service(name, mentions=(Mention("api-sock", f"/opt/{name}:1"),))
        for name in ("a.service", "b.service")
    )
    unit = drafted(HostSeen(told=Told(services=twins)))["controller"]["unit"]
    assert isinstance(unit, Open)
    assert "a.service" in unit.look
    assert "b.service" in unit.look


@pytest.mark.parametrize(("main", "name"), [(500, "vm.service"), (499, f"firecracker@{SHORT}.service")])
def test_the_unit_of_one_vm_is_no_controller(main: int, name: str) -> None:
    """Its main process is the VMM, or a jailer that waits for it; the controller is beside it."""
    (vmm,) = JAILED.vmms
    own = replace(vmm, opened=replace(vmm.opened, unit=name))
    maker = Service("maker.service", pid=300, mentions=(Mention("api-sock", "/opt/m.js:1"),))
    host = with_told(replace(JAILED, vmms=(own,)), services=(Service(name, pid=main), maker))
    assert found(host)["controller.unit"] == "maker.service"


def test_a_vmm_that_tells_no_socket_is_its_controllers_all_the_same() -> None:
    (vmm, *_) = RUNBOOK.vmms
    silent = replace(RUNBOOK, vmms=(replace(vmm, process=process(4711)),))
    assert found(silent)["controller.unit"] == "master-controller.service"


def test_a_service_beside_that_answers_health_is_no_controller() -> None:
    beside = Service("metrics.service", listens=("127.0.0.1:4000",), healthy={"127.0.0.1:4000": "/health"})
    assert isinstance(drafted(HostSeen(told=Told(services=(beside,))))["controller"]["unit"], Open)


def test_a_controller_with_two_ports_that_answer_is_asked_about() -> None:
    (service, *_) = RUNBOOK.told.services
    both = replace(service, healthy={"127.0.0.1:4000": "/health", "127.0.0.1:9229": "/health"})
    api = drafted(with_told(RUNBOOK, services=(both,)))["controller"]
    assert isinstance(api["url"], Open)
    assert api["unit"] == drafted(RUNBOOK)["controller"]["unit"]


def test_a_controller_on_another_address_is_told_by_it() -> None:
    (service, *_) = RUNBOOK.told.services
    there = replace(service, listens=("192.168.100.1:4000",), healthy={"192.168.100.1:4000": "/health"})
    assert found(with_told(RUNBOOK, services=(there,)))["controller.url"] == "http://192.168.100.1:4000"
