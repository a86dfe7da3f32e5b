"""A restart: what has a live row is kept, whoever keeps it, and what has none is cleared."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import IPv4Address
from pathlib import Path
from uuid import uuid4

import pytest
from psycopg import sql

from harness.database.scratch import ScratchPostgres
from lab.controller import jail, process, tap
from lab.controller.recovery import recover
from tests.unit.lab.controller.conftest import USER, Host


@pytest.fixture
def taps(monkeypatch: pytest.MonkeyPatch) -> set[str]:
    """The host's TAP devices; it has no VMM but those that a test starts, whatever else this machine runs."""
    devices: set[str] = set()

    async def delete(device: str) -> None:
        devices.discard(device)

    monkeypatch.setattr(process, "find_all", dict)
    monkeypatch.setattr(tap, "all_devices", lambda: list(devices))
    monkeypatch.setattr(tap, "delete", delete)
    return devices


async def left_behind(host: Host, database: ScratchPostgres, taps: set[str], **columns: str | None) -> Path:
    """The folder of a VM that the last run left with its TAP and socket, and with such a row."""
    vm_id = f"vm-{uuid4()}"
    settings = host.service.launcher.settings
    folder, socket = settings.vms / vm_id, settings.sockets / f"{vm_id}.sock"
    folder.mkdir(parents=True)
    socket.touch()
    taps.add(tap.name(vm_id))
    if columns:  # the row, too
        address = IPv4Address("127.0.0.1")
        await host.service.rows.insert_vm(
            vm_id, USER, address=address, tap=tap.name(vm_id), socket=str(socket)
        )
        with database.connect() as connection:
            for column, value in columns.items():
                change = sql.SQL("UPDATE vms SET {} = %s WHERE vm_id = %s").format(sql.Identifier(column))
                connection.execute(change, [value, vm_id])
    return folder


def left_of(folder: Path, taps: set[str], host: Host) -> set[str]:
    """What the host still has of it."""
    there = {
        "folder": folder.exists(),
        "socket": (host.service.launcher.settings.sockets / f"{folder.name}.sock").exists(),
        "TAP": tap.name(folder.name) in taps,
    }
    return {name for name, found in there.items() if found}


KEPT: dict[str, dict[str, str | None]] = {
    "hibernated": {"status": "hibernated"},
    "of another type": {"status": "running", "vm_type": "cli"},
    "whose row has no TAP": {"status": "hibernated", "tap_device": None},
}


@pytest.mark.parametrize("columns", KEPT.values(), ids=KEPT.keys())
async def test_a_live_vm_that_is_not_taken_over_is_left_alone(
    host: Host,
    database: ScratchPostgres,
    taps: set[str],
    columns: dict[str, str | None],
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Its keeper will need all of it; nor does the journal say anything else."""
    folder = await left_behind(host, database, taps, **columns)
    await recover(host.service.launcher)
    assert left_of(folder, taps, host) == {"folder", "socket", "TAP"}
    assert folder.name not in capsys.readouterr().out


async def test_so_is_the_session_on_it(host: Host, database: ScratchPostgres, taps: set[str]) -> None:
    folder = await left_behind(host, database, taps, status="hibernated")
    session_id = uuid4()
    with database.connect() as connection:
        connection.execute(
            "INSERT INTO auth_sessions (session_id, user_id, provider, status, browser_vm_id, started_at)"
            " VALUES (%s, %s, 'codex', 'ready', %s, now())",
            [session_id, USER, folder.name],
        )
    await recover(host.service.launcher)
    session = await host.service.rows.session(session_id)
    assert session is not None
    assert session["status"] == "ready"


async def test_a_tap_is_left_to_the_live_row_that_names_it(
    host: Host, database: ScratchPostgres, taps: set[str]
) -> None:
    """Whatever it is called."""
    taps.update({"fc-theirs", "fc-nobodys"})
    await left_behind(host, database, taps, status="hibernated", tap_device="fc-theirs")
    await recover(host.service.launcher)
    assert "fc-theirs" in taps
    assert "fc-nobodys" not in taps


@pytest.mark.parametrize("columns", [{}, {"status": "destroyed"}], ids=["no row", "no live row"])
async def test_what_no_live_row_promises_is_cleared(
    host: Host,
    database: ScratchPostgres,
    taps: set[str],
    columns: dict[str, str],
    capsys: pytest.CaptureFixture[str],
) -> None:
    """And the journal says so, in words that are true of both."""
    folder = await left_behind(host, database, taps, **columns)
    await recover(host.service.launcher)
    assert left_of(folder, taps, host) == set()
    (said,) = [line for line in capsys.readouterr().out.splitlines() if folder.name in line]
    assert "Remains of a VM without a live row: cleared" in said


@pytest.mark.parametrize("is_live", [False, True])
@pytest.mark.usefixtures("taps")
async def test_a_jail_or_a_namespace_without_a_live_row_is_cleared(
    host: Host, database: ScratchPostgres, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, is_live: bool
) -> None:
    """Each alone tells of its VM; what is called otherwise, in the same places, is somebody else's."""
    deleted: list[str] = []

    async def run(*words: str) -> None:
        deleted.append(words[-1])

    settings = replace(host.service.launcher.settings, jailer=tmp_path / "jailer", jails=tmp_path / "jails")
    monkeypatch.setattr(host.service.launcher, "settings", settings)
    monkeypatch.setattr(jail, "NAMESPACES", tmp_path / "netns")
    monkeypatch.setattr(jail, "run", run)
    jailed, apart = (f"vm-{uuid4()}" for _ in range(2))
    folders = [tmp_path / "jails/firecracker" / name for name in (jailed, "images")]
    for folder in folders:
        (folder / "root").mkdir(parents=True)
    (tmp_path / "netns").mkdir()
    for name in (apart, "acc-0badc0-1"):
        (tmp_path / "netns" / name).touch()
    if is_live:
        for vm_id in (jailed, apart):
            address = IPv4Address("127.0.0.1")
            await host.service.rows.insert_vm(vm_id, USER, address=address, tap=jail.TAP, socket="")
            with database.connect() as connection:
                connection.execute("UPDATE vms SET status = 'hibernated' WHERE vm_id = %s", [vm_id])
    await recover(host.service.launcher)
    assert [folder.exists() for folder in folders] == [is_live, True]
    assert deleted == ([] if is_live else [apart])
