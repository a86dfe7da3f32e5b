"""What counts as waiting for the network: what is ordered before the target, wanted, and has succeeded."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from harness.errors import TransportError, UntoldError
from harness.guest.claims import network_online_was_reached, wait_online_is_enabled_and_succeeded
from harness.guest.waiters import waiters_question
from harness.infra.host import Host
from harness.infra.units import SHOW_UNIT, WATCHED
from harness.site.profile import Site
from tests.unit.peers.shell_machine import this_machine, told

SITE = Site(name="x")
TARGET = "network-online.target"
GONE = "\n".join(f"Id={name}\nLoadState=not-found\n" for name in SITE.guest.wait_online_units)


@pytest.fixture
def machine() -> Iterator[Host]:
    """This machine, whose answers stand for good."""
    with this_machine() as here:
        yield here


def unit(name: str, **change: str) -> str:
    """A unit that is as it should be, but for this."""
    well = {
        "Id": f"{name}.service",
        "LoadState": "loaded",
        "UnitFileState": "enabled",
        "ActiveState": "active",
        "Result": "success",
        "ExecMainStatus": "0",
        "ActiveEnterTimestampMonotonic": "7000000",
        "Before": f"shutdown.target {TARGET}",
        **change,
    }
    return "\n".join(f"{key}={value}" for key, value in well.items())


def problems(machine: Host, units: str, *, wants: str = "") -> list[str | None]:
    """What the claims about the target say where systemd shows these."""
    shown = f"Id={TARGET}\nLoadState=loaded\nActiveEnterTimestampMonotonic=8000000\nWants={wants}"
    told(machine, SHOW_UNIT % TARGET, shown)
    told(machine, waiters_question(SITE), f"{GONE}\n{units}\n")
    told(machine, WATCHED, "Id=a.service\nNRestarts=0\nWatchdogUSec=3min\n")
    return [
        claim(machine, SITE) for claim in (wait_online_is_enabled_and_succeeded, network_online_was_reached)
    ]


NETWORKD = "systemd-networkd-wait-online"
RIGHT = {
    "enabled": (unit(NETWORKD), ""),
    "enabled until the next boot, which does it again": (unit(NETWORKD, UnitFileState="enabled-runtime"), ""),
    "made by a generator": (unit(NETWORKD, UnitFileState="generated"), ""),
    "wanted by a generator's link": (unit(NETWORKD, UnitFileState="disabled"), f"{NETWORKD}.service"),
    "of one interface": (unit(f"{NETWORKD}@eth0"), ""),
    "NetworkManager's": (unit("NetworkManager-wait-online"), ""),
    "ifupdown's": (unit("networking"), ""),
    "ifupdown's of one interface": (unit("ifup@eth0", UnitFileState="static"), "ifup@eth0.service"),
    "cloud-init's": (unit("cloud-init"), ""),
    "one beside another that failed": (
        f"{unit(NETWORKD, ActiveState='failed', Result='exit-code')}\n\n{unit('networking')}",
        "",
    ),
}


@pytest.mark.parametrize("case", RIGHT.values(), ids=RIGHT.keys())
def test_whatever_waits_counts(machine: Host, case: tuple[str, str]) -> None:
    units, wants = case
    assert problems(machine, units, wants=wants) == [None, None]


WRONG = {
    "disabled": unit(NETWORKD, UnitFileState="disabled"),
    "masked": unit(NETWORKD, UnitFileState="masked", LoadState="masked"),
    "failed": unit(NETWORKD, ActiveState="failed", Result="exit-code", ExecMainStatus="1"),
    "over, and not remembered": unit(NETWORKD, ActiveState="inactive"),
    "not ordered": unit("networking", Before="shutdown.target network.target"),
    "nothing": "",
}


@pytest.mark.parametrize("units", WRONG.values(), ids=WRONG.keys())
def test_what_did_not_wait_does_not(machine: Host, units: str) -> None:
    waits, _ = problems(machine, units)
    assert waits is not None
    assert "expected one of these enabled" in waits


def test_what_comes_after_the_target_was_not_waited_for(machine: Host) -> None:
    waits, reached = problems(machine, unit(NETWORKD, ActiveEnterTimestampMonotonic="9000000"))
    assert waits is None
    assert "before any wait-online service had succeeded (9.000 s)" in str(reached)


def test_one_that_was_started_again_does_not_tell(machine: Host) -> None:
    """As a launch does that gives a VM its address by ifupdown: that is neither a fault nor a proof."""
    again = {"InactiveEnterTimestampMonotonic": "11000000", "ActiveEnterTimestampMonotonic": "12000000"}
    with pytest.raises(UntoldError, match=r"started again after .* at 8.000 s: networking.service at 12.000"):
        problems(machine, unit("networking", **again))


@pytest.mark.parametrize(
    ("entered", "ended"), [("9000000", "0"), ("9000000", "9500000"), ("0", "5000000"), ("0", "0")]
)
def test_one_that_was_late_once_is_no_riddle(machine: Host, entered: str, ended: str) -> None:
    """It came after the target, whatever became of it then; or it never succeeded."""
    late = {"InactiveEnterTimestampMonotonic": ended, "ActiveEnterTimestampMonotonic": entered}
    _, reached = problems(machine, unit("networking", **late))
    assert "before any wait-online service had succeeded" in str(reached)


def test_one_that_was_started_again_beside_another_is_not_asked(machine: Host) -> None:
    again = {"InactiveEnterTimestampMonotonic": "11000000", "ActiveEnterTimestampMonotonic": "12000000"}
    assert problems(machine, f"{unit('networking', **again)}\n\n{unit(NETWORKD)}") == [None, None]


@pytest.mark.parametrize("units", ["garbage", "Id=a", "\x01gar=bage \n=x"])
def test_an_answer_that_is_none_is_our_trouble(machine: Host, units: str) -> None:
    with pytest.raises(TransportError, match="no answer that can be read"):
        problems(machine, units)
