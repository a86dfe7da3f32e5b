"""What the last run of the service left: its VMs are taken over, and what has no VM behind it is cleared."""

from __future__ import annotations

import re
from ipaddress import IPv4Address

from lab.controller import jail, journal, process, tap, vm
from lab.controller.launch import VM_ENDED, Launcher
from lab.controller.rows import Row

_VM_ID = re.compile(r"vm-[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")


async def recover(launcher: Launcher) -> None:
    """Take over, fail and clear, before the first request is answered."""
    for row in await launcher.rows.live_vms():
        if row["vm_type"] == "browser" and row["status"] != "hibernated" and row["ip_address"]:
            await _one(launcher, row)
    for session in await launcher.rows.unfinished_sessions():
        if session["vm_is_live"] and session["browser_vm_id"] not in launcher.vms:
            continue  # none of ours either
        if session["status"] in ("started", "vm_created") or session["browser_vm_id"] not in launcher.vms:
            await launcher.end_session(session["session_id"], "failed", "controller restarted")
    await _clear_remains(launcher)


async def _one(launcher: Launcher, row: Row) -> None:
    machine = vm.at(launcher.settings, row["vm_id"], IPv4Address(row["ip_address"]), row["firecracker_pid"])
    if row["status"] == "running" and machine.alive:
        launcher.vms[machine.vm_id] = machine
        journal.info("[RECOVERY] VM taken over", vmId=machine.vm_id, pid=machine.pid)
        return
    # A launch that was cut short has no pid in its row yet.
    machine.pid = machine.pid or process.find_all().get(machine.vm_id)
    await launcher.destroy(machine)
    journal.warn("[RECOVERY] VM without a process or half made: destroyed", vmId=machine.vm_id)


async def _clear_remains(launcher: Launcher) -> None:
    """Whatever of ours was made before its row was, by a service that was killed right then.

    What a live row promises is left alone, be its VM one that is not taken over: it may be needed again.
    """
    settings, running = launcher.settings, process.find_all()
    live = {row["vm_id"]: row["tap_device"] for row in await launcher.rows.live_vms()}
    names = [path.name for path in (*settings.vms.glob("vm-*"), *settings.sockets.glob("vm-*.sock"))]
    names += [] if settings.jailer is None else jail.left(settings)
    ids = {match.group() for name in (*names, *running) if (match := _VM_ID.match(name))}
    for vm_id in ids - live.keys():
        await vm.remove(vm.at(settings, vm_id, settings.snapshot_address, running.get(vm_id)))
        journal.warn("[RECOVERY] Remains of a VM without a live row: cleared", vmId=vm_id)
    for device in set(tap.all_devices()) - {*map(tap.name, live), *live.values()}:
        await tap.delete(device)
        journal.warn("[RECOVERY] TAP without a live row: deleted", tap=device)


async def watch(launcher: Launcher) -> None:
    """One look: heartbeats for VMs that run, an end for those that do not and for sessions out of time.

    Ends that failed before are tried again.
    """
    going = [machine for machine in launcher.vms.values() if not machine.gone.is_set()]
    dead = {machine.vm_id: machine for machine in going if not machine.alive}
    await launcher.rows.heartbeat({machine.vm_id for machine in going} - dead.keys())
    sessions = await launcher.rows.unfinished_sessions()
    for machine in dead.values():
        journal.error("[WATCH] VM process ended", vmId=machine.vm_id, pid=machine.pid)
        machine.gone.set()
    for session in sessions:
        if session["browser_vm_id"] in dead:
            launcher.due.setdefault(session["session_id"], ("failed", VM_ENDED))
        elif _out_of_time(launcher, session):
            launcher.due.setdefault(session["session_id"], ("timeout", "session timed out"))
    await launcher.finish()


def _out_of_time(launcher: Launcher, session: Row) -> bool:
    """A session on a live VM that is not ours is none of ours either."""
    return session["overdue"] and (session["browser_vm_id"] in launcher.vms or not session["vm_is_live"])
