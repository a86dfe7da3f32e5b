"""While a session's VM runs: its rows, what it has on the host, and a second session beside it."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

import pytest

from fixtures.session import Launched
from harness.errors import UnreadableError
from harness.session.heartbeats import Heartbeat
from harness.session.launch import Session
from harness.session.life import Lived
from harness.site.profile import Site
from harness.values import moment
from harness.vm.identity import Identity, shared
from harness.world.things import THINGS, missing, socket_told, tap_told

pytestmark = [
    pytest.mark.acceptance,
    pytest.mark.item("session-launches"),
    pytest.mark.look(
        "curl {controller.url}/api/auth/session/<session id>", "pgrep -a {vmm.process_name}", "ip -br link"
    ),
]


@pytest.mark.mend(step="troubleshooting", how="compare the row with what the controller writes at a launch")
def test_vm_row_is_complete(lived: Lived, session: Session, site: Site) -> None:
    """The row of a session's VM says whose it is, what it has, and that it runs."""
    row = lived.rows.vm
    assert row is not None, f"no row of {session.vm_id} in {site.database.vms_table}"
    settings = site.database
    expected = {
        "user_id": session.user_id,
        "vm_type": settings.browser_vm_type,
        "status": "running",
        "ip_address": session.address,
        "vcpu_count": site.snapshot.vcpus,
        "memory_mb": site.snapshot.memory_mib,
        "stopped_at": None,
        "destroyed_at": None,
    }
    given = ("tap_device", "firecracker_pid", "socket_path", "created_at", "started_at")
    faults = _faults(row, expected, given)
    assert not faults, f"{settings.vms_table} {session.vm_id}:\n" + "\n".join(faults)


@pytest.mark.mend(step="troubleshooting", how="compare the row with what the controller writes at a launch")
def test_session_row_is_complete(lived: Lived, session: Session, site: Site) -> None:
    """The row of a session says whose it is and which VM it has, and that it goes on."""
    row = lived.rows.session
    assert row is not None, f"no row of {session.id} in {site.database.sessions_table}"
    later = {"vm_id": session.vm_id, "vm_ip": session.address}
    expected = {
        "user_id": session.user_id,
        "provider": session.provider,
        "browser_vm_id": session.vm_id,
        "completed_at": None,
        "error_message": None,
        **{name: value for name, value in later.items() if name in row},
    }
    faults = _faults(row, expected, ("vnc_url",) if "vnc_url" in row else ())
    if row.get("status") not in site.session.ready_statuses:
        faults.append(f"  status: {row.get('status')!r}, expected {' or '.join(site.session.ready_statuses)}")
    if fault := _timeout_fault(row.get("timeout_at")):
        faults.append(f"  timeout_at: {fault}")
    assert not faults, f"{site.database.sessions_table} {session.id}:\n" + "\n".join(faults)


@pytest.mark.mend(step="troubleshooting", how="read what the controller did: journalctl -u master-controller")
@pytest.mark.parametrize("kind", THINGS)
def test_vm_is_on_the_host(kind: str, lived: Lived) -> None:
    """A session's VM has the process with the row's pid, its socket, its TAP on the bridge, its folder."""
    why = missing(lived.things, lived.vm, kind)
    assert not why, f"{lived.vm.vm_id}: {why}"


@pytest.mark.behind("session.session_starts", explains=True)
@pytest.mark.mend(step=6, how="launch two at once, and follow the controller's journal")
def test_second_session_starts(second_launched: Launched) -> None:
    """A second user's session starts at the same time as the first."""
    assert second_launched.session is not None, second_launched.error


@pytest.mark.mend(step="troubleshooting", how="find out where the controller takes it from twice")
def test_sessions_share_nothing(
    session: Session, second_session: Session, lived: Lived, second_lived: Lived
) -> None:
    """Two sessions at once have nothing in common: id, VM, address, TAP, socket, process."""
    names = ("vm_id", "ip_address", "firecracker_pid")
    both = ((lived.things, lived.vm), (second_lived.things, second_lived.vm))
    pairs: dict[str, tuple[object, object]] = {
        "session": (session.id, second_session.id),
        "browserIP": (session.address, second_session.address),
    }
    for name, told in (("tap_device", tap_told), ("socket_path", socket_told)):
        first, second = (told(things, vm) for things, vm in both)
        pairs[name] = (first, second)
    pairs |= {name: (getattr(lived.vm, name), getattr(second_lived.vm, name)) for name in names}
    shared = {name: first for name, (first, second) in pairs.items() if first == second}
    assert not shared, f"sessions {session.id} and {second_session.id} share {shared}"


@pytest.mark.mend(
    step="troubleshooting", how="give each VM a MAC and randomness of its own when it is launched"
)
def test_users_vms_are_their_own(own_identities: dict[str, Identity], site: Site) -> None:
    """Two users' VMs have no MAC address and no random bytes in common, and share only what they may."""
    named = own_identities.items()
    kinds = {
        "bytes of /dev/urandom": shared((key, drawn) for key, one in named for drawn in one.kernel),
        "MAC address": shared((key, mac) for key, one in named for mac in one.macs),
        "machine-id": shared((key, one.machine_id) for key, one in named if one.machine_id),
        "ssh-host-keys": shared((key, host_key) for key, one in named for host_key in one.host_keys),
    }
    refused = [kind for kind, who in kinds.items() if who and kind not in site.guest.shared_identity]
    assert all(one.macs for one in own_identities.values()), "a session's VM has no network interface"
    assert not refused, f"the VMs of sessions {' and '.join(own_identities)} share {', '.join(refused)}"


@pytest.mark.mend(
    step="troubleshooting", how="look for what writes last_heartbeat, and for its errors in the journal"
)
def test_heartbeats_move(heartbeats: Mapping[str, Heartbeat], site: Site) -> None:
    """While a session goes on, the heartbeats in its rows move, again and again."""
    still = {table: beat for table, beat in heartbeats.items() if not beat.moves}
    assert not still, "\n".join(
        f"{table}: last_heartbeat moved {max(len(beat.moments) - 1, 0)} times, to {beat.last}; expected it to"
        f" move twice, each time within {site.database.heartbeat_s:g} s"
        for table, beat in still.items()
    )


def _timeout_fault(said: object) -> str:
    if said in (None, "", "infinity"):
        return ""
    try:
        return f"{said} is past already" if moment(said, whose="it") <= time.time() else ""
    except UnreadableError as error:
        return error.message


def _faults(row: Mapping[str, Any], expected: Mapping[str, object], given: tuple[str, ...]) -> list[str]:
    """A line for each column that is not as expected, and for each that holds nothing."""
    wrong = {name: value for name, value in expected.items() if row.get(name) != value}
    lines = [f"  {name}: {row.get(name)!r}, expected {value!r}" for name, value in wrong.items()]
    return [*lines, *(f"  {name}: nothing" for name in given if row.get(name) in (None, ""))]
