"""What counts as a watchdog that fired: a service with one that was restarted, and a journal that says so."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from harness.errors import TransportError, UntoldError
from harness.guest.claims import no_watchdog_fired, wait_online_is_enabled_and_succeeded
from harness.guest.waiters import waiters_question
from harness.infra.host import Host
from harness.infra.units import JOURNAL_OF_BOOT, SHOW_UNIT, WATCHED
from harness.site.profile import Site
from tests.unit.peers.shell_machine import this_machine, told

SITE = Site(name="x")
NETWORKD = "systemd-networkd.service"
TARGET = "network-online.target"
FIRED = "Nov 30 08:32:39.1 vm systemd[1]: systemd-networkd.service: Watchdog timeout (limit 3min)!"
CRASHED = "Nov 30 08:32:39.1 vm systemd[1]: systemd-networkd.service: Main process exited, code=dumped"
SPEAKS = [
    "Nov 30 08:32:39.1 vm systemd-networkd[214]: Watchdog timeout of the modem is 3 min",
    f"Nov 30 08:32:39.1 vm systemd-networkd[214]: log of a peer: {FIRED}",
    f"Nov 30 08:32:39.1 vm systemd-networkd[214]: systemd[1]: {NETWORKD}: Watchdog timeout (limit 3min)!",
    "Nov 30 08:32:39.1 vm systemd[1]: other.service: Watchdog timeout (limit 3min)!",
]
"""What is no word of systemd's on this service."""


@pytest.fixture
def machine() -> Iterator[Host]:
    """This machine, whose answers stand for good."""
    with this_machine() as here:
        yield here


def shown(restarts: int, watchdog: str) -> str:
    """What systemd says of its services: of one that is well, and of networkd."""
    return (
        "Id=a.service\nNRestarts=0\nWatchdogUSec=3min\n\n"
        f"Id={NETWORKD}\nNRestarts={restarts}\nWatchdogUSec={watchdog}\n"
    )


def guest(machine: Host, services: str, journal: str = "") -> Host:
    """One of which systemd and the journal say that."""
    told(machine, WATCHED, services)
    told(machine, JOURNAL_OF_BOOT % (NETWORKD, "200"), journal)
    return machine


@pytest.mark.parametrize(
    ("services", "journal"),
    [
        (shown(0, "3min"), FIRED),  # of an earlier boot, or put right by hand since
        (shown(1, "0"), ""),
        (shown(1, "infinity"), ""),
        (shown(1, ""), ""),
        (shown(2, "3min"), CRASHED),
        (shown(2, "3min"), "\n".join([*SPEAKS, CRASHED])),
    ],
    ids=[
        "not restarted",
        "switched off",
        "without end",
        "without one",
        "for something else",
        "it speaks of them",
    ],
)
def test_these_are_well(machine: Host, services: str, journal: str) -> None:
    assert no_watchdog_fired(guest(machine, services, journal), SITE) is None


def test_one_that_fired_is_told_with_what_mends_it(machine: Host) -> None:
    problem = no_watchdog_fired(guest(machine, shown(1, "3min"), f"{CRASHED}\n{FIRED}\n{CRASHED}\n"), SITE)
    assert f"{NETWORKD}: {FIRED}" in str(problem)
    assert f"/etc/systemd/system/{NETWORKD}.d/" in str(problem)


@pytest.mark.parametrize("journal", ["", f"{CRASHED}\n" * 200], ids=["none", "as many as are asked for"])
def test_a_restart_that_lies_further_back_than_the_lines_that_are_left_is_not_told(
    machine: Host, journal: str
) -> None:
    with pytest.raises(UntoldError, match="of its journal do not say why"):
        no_watchdog_fired(guest(machine, shown(1, "3min"), journal), SITE)


@pytest.mark.parametrize("nonsense", ["", "Id=a.service", shown(1, "3min").replace("=1", "=many")])
def test_what_is_no_answer_is_none(machine: Host, nonsense: str) -> None:
    with pytest.raises(TransportError):
        no_watchdog_fired(guest(machine, nonsense), SITE)


@pytest.mark.parametrize(
    ("journal", "behind"), [(FIRED, "guest.no_watchdog_fired"), (CRASHED, None)], ids=["fired", "crashed"]
)
def test_what_waits_by_a_service_that_a_watchdog_ended_is_behind_that(
    machine: Host, journal: str, behind: str | None
) -> None:
    """systemd stops wait-online with networkd, and does not start it again."""
    waits = (
        "Id=systemd-networkd-wait-online.service\nLoadState=loaded\nUnitFileState=enabled\n"
        f"ActiveState=inactive\nResult=success\nExecMainStatus=0\nBefore={TARGET}\n"
    )
    target = f"Id={TARGET}\nLoadState=loaded\n"
    told(machine, SHOW_UNIT % TARGET, target)
    told(machine, waiters_question(SITE), waits)
    here = guest(machine, shown(1, "3min"), journal)
    if behind is None:
        assert "ActiveState=inactive" in str(wait_online_is_enabled_and_succeeded(here, SITE))
        return
    with pytest.raises(UntoldError) as caught:
        wait_online_is_enabled_and_succeeded(here, SITE)
    assert caught.value.behind == (behind,)
