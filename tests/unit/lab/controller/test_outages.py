"""A database that fails: no VM is lost over it, and what it did not take is written once it is back."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from ipaddress import IPv4Address
from uuid import UUID, uuid4

import psycopg
import pytest

from harness.database.scratch import ScratchPostgres
from lab.controller.recovery import watch
from lab.controller.vm import Vm
from tests.unit.lab.controller.conftest import USER, Host, eventually
from tests.unit.lab.controller.programs import Programs


@contextmanager
def refusing(database: ScratchPostgres, **tables: str) -> Iterator[None]:
    """The database takes no row into these tables of which their condition is true, and no change to one."""
    function = "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN RAISE 'no'; END$$;"
    triggers = "".join(
        f"CREATE TRIGGER refuse BEFORE INSERT OR UPDATE ON {table} FOR EACH ROW WHEN ({condition})"
        " EXECUTE FUNCTION refuse();"
        for table, condition in tables.items()
    )
    change(database, function + triggers)
    try:
        yield
    finally:
        change(database, "DROP FUNCTION refuse CASCADE")


def change(database: ScratchPostgres, statement: str, *values: object) -> None:
    """Run SQL as the database's owner."""
    with database.connect() as connection:
        connection.execute(statement.encode(), values or None)


def vm_status(database: ScratchPostgres, vm_id: str) -> str:
    """What a VM's row says of it."""
    with database.connect() as connection:
        ((status,),) = connection.execute("SELECT status FROM vms WHERE vm_id = %s", [vm_id]).fetchall()
    return str(status)


def left_of(machine: Vm) -> list[str]:
    """What the host still has of a VM."""
    found = {"process": machine.alive, "folder": machine.folder.exists(), "socket": machine.socket.exists()}
    return [name for name, there in found.items() if there]


async def cancel(host: Host, session_id: UUID) -> int:
    """Cancel a session over the API; the answer's status."""
    return (await host.api.post(f"/api/auth/session/{session_id}/cancel")).status


async def test_a_connection_that_was_lost_costs_no_statement(host: Host, database: ScratchPostgres) -> None:
    """As when the database was restarted since the last ones: there are as many as were needed at once."""
    await asyncio.gather(*(host.service.rows._all("SELECT pg_sleep(0.3)") for _ in range(8)))
    change(database, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()")
    assert await host.service.rows.users()


async def test_a_vm_is_removed_though_its_row_cannot_be_written(
    host: Host, database: ScratchPostgres
) -> None:
    """No cancel says that all is well before it is, and the watch ends what no cancel could."""
    session_id, machine = await host.session()
    with refusing(database, vms="true"):
        assert await cancel(host, session_id) == 500
        assert left_of(machine) == []
        assert await cancel(host, session_id) == 500
        assert (await host.row(session_id))["status"] == "ready"
    await watch(host.service.launcher)
    assert vm_status(database, machine.vm_id) == "destroyed"
    assert (await host.row(session_id))["status"] == "cancelled"
    assert await cancel(host, session_id) == 409


async def test_a_second_cancel_does_what_the_first_could_not(host: Host, database: ScratchPostgres) -> None:
    """Nobody need wait for the watch."""
    session_id, machine = await host.session()
    with refusing(database, vms="NEW.status = 'destroyed'"):
        assert await cancel(host, session_id) == 500
    assert await cancel(host, session_id) == 200
    assert vm_status(database, machine.vm_id) == "destroyed"


async def test_that_a_vm_is_being_destroyed_need_not_be_written(
    host: Host, database: ScratchPostgres
) -> None:
    """It is destroyed a moment later, and that is."""
    session_id, machine = await host.session()
    with refusing(database, vms="NEW.status = 'stopping'"):
        assert await cancel(host, session_id) == 200
    assert (left_of(machine), vm_status(database, machine.vm_id)) == ([], "destroyed")


async def test_the_vm_of_a_login_that_is_over_is_cleared_away_later(
    host: Host, database: ScratchPostgres
) -> None:
    """Its session is over, so nobody but the watch will ever ask for that."""
    session_id, machine = await host.session(status="completed")
    with refusing(database, vms="true"), pytest.raises(psycopg.Error):
        await host.service.launcher.destroy(machine)
    await watch(host.service.launcher)
    assert vm_status(database, machine.vm_id) == "destroyed"
    assert (await host.row(session_id))["status"] == "completed"


async def test_one_vm_that_cannot_be_removed_keeps_no_other(host: Host, database: ScratchPostgres) -> None:
    """Nor does it keep the watch from its heartbeats."""
    stuck_session, stuck = await host.session()
    other_session, other = await host.session()
    stuck.folder.rmdir()
    stuck.folder.touch()  # what is no folder cannot be removed like one
    for session_id in (stuck_session, other_session):
        with refusing(database, vms="true"):
            assert await cancel(host, session_id) == 500
    await watch(host.service.launcher)
    assert vm_status(database, other.vm_id) == "destroyed"
    assert vm_status(database, stuck.vm_id) == "stopping"
    stuck.folder.unlink()
    await watch(host.service.launcher)
    assert vm_status(database, stuck.vm_id) == "destroyed"
    assert (await host.row(stuck_session))["status"] == "cancelled"


async def overdue_session(host: Host) -> UUID:
    """A session whose time is up."""
    session_id = uuid4()
    await host.service.rows.insert_session(session_id, USER, "codex", -1)
    return session_id


async def test_a_session_out_of_time_ends_without_a_vm_too(host: Host, database: ScratchPostgres) -> None:
    """Before it had one, and when that is gone; one that is live and not ours is its keeper's to end."""
    early, late, foreign = [await overdue_session(host) for _ in range(3)]
    for session_id, status in ((late, "destroyed"), (foreign, "hibernated")):
        vm_id = f"vm-{uuid4()}"
        address = IPv4Address("127.0.0.1")
        await host.service.rows.insert_vm(vm_id, USER, address=address, tap="fc-x", socket="/x")
        await host.service.rows.session_has_vm(session_id, vm_id, address)
        change(database, "UPDATE vms SET status = %s WHERE vm_id = %s", status, vm_id)
    await watch(host.service.launcher)
    ended = [(await host.row(session_id))["status"] for session_id in (early, late, foreign)]
    assert ended == ["timeout", "timeout", "vm_created"]


async def test_a_vm_that_died_during_an_outage_is_found_dead_after_it(
    host: Host, database: ScratchPostgres
) -> None:
    """Its session fails for that reason."""
    session_id, machine = await host.session()
    with refusing(database, vms="NEW.status = 'destroyed'"):
        host.kill(machine)
        await watch(host.service.launcher)
        assert left_of(machine) == []
    await watch(host.service.launcher)
    row = await host.row(session_id)
    assert (row["status"], row["error_message"]) == ("failed", "VM process ended")
    assert vm_status(database, machine.vm_id) == "destroyed"


LAUNCH_FAILS = {"as its session is told of its VM": "started", "as its VM runs": "vm_created"}


@pytest.mark.parametrize("last", LAUNCH_FAILS.values(), ids=LAUNCH_FAILS.keys())
async def test_a_launch_that_fails_in_an_outage_is_over_after_it(
    host: Host, database: ScratchPostgres, programs: Programs, last: str
) -> None:
    """Neither its session nor its VM's row waits for ever, whatever they were the last that was written."""
    programs.willing_vmm()
    rows, launcher = host.service.rows, host.service.launcher
    known = f"NEW.status NOT IN ('started', '{last}')"
    with refusing(database, vms="NEW.status <> 'creating'", auth_sessions=known):
        answer = await host.api.post("/api/auth/start", json={"userId": str(USER), "provider": "codex"})
        assert answer.status == 500
        (session,) = await rows.newest_sessions(1)
        assert session["status"] == last
        assert not list(launcher.settings.vms.glob("*"))
        assert not list(launcher.settings.sockets.glob("*.sock"))
    await watch(launcher)
    assert (await host.row(session["session_id"]))["status"] == "failed"
    here = str(launcher.settings.sockets)
    assert not [vm for vm in await rows.live_vms() if vm["socket_path"].startswith(here)]


async def test_a_launch_that_is_cancelled_in_an_outage_is_over_after_it(
    host: Host, database: ScratchPostgres, programs: Programs
) -> None:
    """As cancelled, which is what its user wanted."""
    programs.deaf_vmm()
    launcher = host.service.launcher
    launch = asyncio.create_task(launcher.start_session(USER, "codex"))
    console = await eventually(lambda: next(launcher.settings.vms.glob("*/console.log"), None))
    await eventually(console.read_text)
    (session,) = await host.service.rows.sessions_on([console.parent.name])
    with refusing(database, vms="true", auth_sessions="true"):
        assert await cancel(host, session["session_id"]) == 500
        with pytest.raises(psycopg.Error):
            await launch
        assert not console.parent.exists()
    await watch(launcher)
    assert (await host.row(session["session_id"]))["status"] == "cancelled"
    assert vm_status(database, console.parent.name) == "destroyed"
