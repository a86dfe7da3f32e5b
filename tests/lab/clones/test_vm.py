"""Real clones of the lab's golden snapshot, through the same fixtures that the checks use."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from fixtures.vm import MakeVm
from harness.errors import CommandError, WaitTimeoutError
from harness.vm.machine import Vm
from harness.wait import wait_until

pytestmark = pytest.mark.lab

_HEALTH_S = 120  # whether it is quick is asked elsewhere; here the machine may have other things to do
_GUEST_S = 60


@pytest.fixture(scope="module")
def healthy(make_vm: MakeVm) -> Iterator[Vm]:
    """A clone that these tests share."""
    with make_vm() as made:
        made.wait_healthy(_HEALTH_S)
        yield made


def test_the_guest_answers_with_one_round_trip(healthy: Vm) -> None:
    result = healthy.script("id -u; echo trouble >&2; exit 5", timeout_s=_GUEST_S)
    assert (result.status, result.stdout, result.stderr) == (5, "0\n", "trouble\n")


def test_a_script_in_the_guest_is_ended_by_the_guest(healthy: Vm) -> None:
    with pytest.raises(CommandError, match=r"took over 1 s"):
        healthy.script("echo before; sleep 77", timeout_s=1)
    left = healthy.script("pgrep -x -a sleep | grep -c ' 77$'", timeout_s=_GUEST_S)
    assert left.stdout.strip() == "0"


def test_testinfra_asks_the_guest(healthy: Vm) -> None:
    assert healthy.guest().run("hostname").rc == 0


def test_the_desktop_is_reached(healthy: Vm) -> None:
    path = healthy.forward(healthy.hypervisor.site.guest.novnc_port)
    with httpx.Client(transport=httpx.HTTPTransport(uds=str(path)), trust_env=False) as client:
        assert client.get("http://desktop/", timeout=_GUEST_S).status_code == httpx.codes.OK
    assert healthy.forward(healthy.hypervisor.site.guest.novnc_port) == path


def test_a_port_of_the_guests_own_loopback_is_reached(healthy: Vm) -> None:
    path = healthy.local_forward(healthy.hypervisor.site.agent.port)
    with httpx.Client(transport=httpx.HTTPTransport(uds=str(path)), trust_env=False) as client:
        assert client.get("http://agent/health", timeout=_GUEST_S).json()["status"] == "ok"


async def test_many_requests_at_once(healthy: Vm) -> None:
    async with healthy.async_http(timeout_s=_GUEST_S) as client:
        answers = await asyncio.gather(*(client.get("/health") for _ in range(50)))
    assert {answer.status_code for answer in answers} == {200}


def test_a_silent_listener_is_reached_by_the_guest(healthy: Vm) -> None:
    with healthy.silent_listener(0) as listener:
        dial = f"exec 3<>/dev/tcp/{listener.address}/{listener.port} && timeout 1 cat <&3"
        assert healthy.script(f"bash -c '{dial}'", timeout_s=_GUEST_S).stdout == ""
        heard = listener.heard()
        assert (heard.count, [one.closed_by for one in heard.connections]) == (1, ["the agent"])


def test_the_cable_can_be_pulled_and_plugged_in(make_vm: MakeVm) -> None:
    with make_vm() as lonely:
        lonely.wait_healthy(_HEALTH_S)
        lonely.link(False)
        with pytest.raises(WaitTimeoutError, match=r"towards the guest: 192\.168\.100\.2:8080"):
            lonely.wait_healthy(1)
        lonely.link(True)
        lonely.wait_healthy(_HEALTH_S)


def test_the_console_is_kept_when_it_is_gone(make_vm: MakeVm) -> None:
    doomed = make_vm()
    assert doomed.alive()
    doomed.wait_healthy(_HEALTH_S)
    doomed.script("echo last words > /dev/console", timeout_s=_GUEST_S)
    wait_until(lambda: "last words" in doomed.console(), what="the console shows it", timeout_s=_GUEST_S)
    doomed.kill()
    assert not doomed.alive()
    assert "last words" in doomed.console()
    assert "PATCH" in doomed.log()


def test_clones_made_at_once_are_machines_of_their_own(make_vm: MakeVm) -> None:
    with ThreadPoolExecutor(3) as pool:
        made = list(pool.map(lambda _: make_vm(), range(3)))
        list(pool.map(lambda vm: vm.wait_healthy(_HEALTH_S), made))
        texts = list(pool.map(lambda vm: vm.script("cat /proc/sys/kernel/random/uuid", timeout_s=90), made))
        list(pool.map(Vm.kill, made))
    assert len({text.stdout for text in texts}) == 3


def test_a_cold_boot_becomes_healthy(make_vm: MakeVm) -> None:
    with make_vm(boot="cold") as booted:
        booted.wait_healthy(240)
        assert "clone-guard: restored" not in booted.console()
