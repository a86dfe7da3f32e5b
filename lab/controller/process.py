"""A VM's firecracker process: started in a scope of its own, so that it outlives this service, and known by
its id and its command line, so that no other process is ever taken for it."""

from __future__ import annotations

import asyncio
import os
import signal
from contextlib import suppress
from pathlib import Path

from lab.controller.jail import Jail

TERM_TIMEOUT_S = 3
KILL_TIMEOUT_S = 10


class VmProcessError(Exception):
    """The process did not start, or did not end."""


async def start(vm_id: str, socket: Path, folder: Path, jail: Jail | None = None) -> int:
    """Start firecracker and return its process id once its API socket takes connections.

    Whatever ends the wait for that ends the process, too: nobody else knows of it yet.
    """
    words = ("systemd-run", "--scope", "--quiet", "--collect", f"--unit=browser-{vm_id}")
    logs = ("--log-path", str(folder / "firecracker.log"), "--level", "Info")
    (folder / "firecracker.log").touch()
    if jail is None:
        firecracker = ["firecracker", "--api-sock", str(socket), "--id", vm_id, *logs]
    else:
        jail.give(folder)
        firecracker = jail.started_by(folder, logs)
    with (folder / "console.log").open("wb") as out, (folder / "firecracker-error.log").open("wb") as err:
        child = await asyncio.create_subprocess_exec(
            *words, *firecracker, stdin=asyncio.subprocess.DEVNULL, stdout=out, stderr=err
        )
    try:
        await _listens(child, socket, folder)
    except BaseException:
        await _abandon(child, socket)
        raise
    return child.pid


async def _listens(child: asyncio.subprocess.Process, socket: Path, folder: Path) -> None:
    for _ in range(1000):
        if await _accepts(socket):
            return
        if child.returncode is not None:
            said = (folder / "firecracker-error.log").read_text(errors="replace").strip()[-500:]
            raise VmProcessError(f"firecracker ended with status {child.returncode}: {said or 'no words'}")
        await asyncio.sleep(0.01)
    raise VmProcessError(f"firecracker takes no connection on {socket} within 10 s")


def last_words(folder: Path) -> str:
    """What the firecracker of a VM said last, in its log and beside it."""
    said = []
    for name in ("firecracker.log", "firecracker-error.log"):
        with suppress(OSError):
            said.append((folder / name).read_text(errors="replace").strip()[-300:])
    return " | ".join(filter(None, said)) or "no words"


async def _abandon(child: asyncio.subprocess.Process, socket: Path) -> None:
    """Kill and reap a process that has no VM in it yet, and remove its socket."""
    with suppress(ProcessLookupError):
        child.kill()
    try:
        await child.wait()
    finally:
        socket.unlink(missing_ok=True)


async def _accepts(socket: Path) -> bool:
    """The file is there a moment before anybody listens."""
    try:
        _, writer = await asyncio.open_unix_connection(socket)
    except OSError:
        return False
    writer.close()
    return True


def is_running(pid: int | None, vm_id: str) -> bool:
    """Whether that process is there, alive, and the VM's."""
    if not pid:
        return False
    try:
        words = _words(Path("/proc", str(pid)))
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return vm_id in words and state not in "ZX"


def find_all() -> dict[str, int]:
    """Every firecracker process on this host that was started for a VM: VM id to process id."""
    found: dict[str, int] = {}
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(FileNotFoundError, ProcessLookupError):
            words = _words(folder)
            if (folder / "comm").read_text().strip() == "firecracker" and "--id" in words[:-1]:
                found[words[words.index("--id") + 1]] = int(folder.name)
    return found


def _words(folder: Path) -> list[str]:
    """A process's command line; one that set its own title has blanks where the kernel has NULs."""
    return (folder / "cmdline").read_text(errors="replace").replace("\0", " ").split()


async def stop(pid: int | None, vm_id: str) -> None:
    """End it: SIGTERM, then SIGKILL. Nothing happens to a process that is not the VM's.

    :raises VmProcessError: it is still there.
    """
    for sign, patience_s in ((signal.SIGTERM, TERM_TIMEOUT_S), (signal.SIGKILL, KILL_TIMEOUT_S)):
        if pid is None or not is_running(pid, vm_id):
            return
        with suppress(ProcessLookupError):
            handle = os.pidfd_open(pid)
            try:
                if is_running(pid, vm_id):  # asked again: now the handle is on it
                    signal.pidfd_send_signal(handle, sign)
                    await _ended(handle, patience_s)
            finally:
                os.close(handle)
    if is_running(pid, vm_id):
        raise VmProcessError(f"process {pid} of {vm_id} outlived SIGKILL by {KILL_TIMEOUT_S} s")


async def _ended(handle: int, patience_s: float) -> None:
    """Wait until the process behind a pidfd is gone, or patience is."""
    loop = asyncio.get_running_loop()
    gone = asyncio.Event()
    loop.add_reader(handle, gone.set)
    try:
        with suppress(TimeoutError):
            await asyncio.wait_for(gone.wait(), patience_s)
    finally:
        loop.remove_reader(handle)
