"""One clone: its namespace, its disk, its VMM process and their end. Part of the custodian.

Sent to the host: standard library only, Python 3.9 or newer. All of the making runs in the namespace's own
thread, step after step, and the undo of each step is registered as soon as it is done.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import signal
import socket
import subprocess
import threading
import time
from dataclasses import dataclass, field
from ipaddress import IPv4Interface
from pathlib import Path
from typing import Any

from harness.custodian import netns, notes, owner
from harness.custodian.logs import Log
from harness.custodian.names import start_time
from harness.custodian.owner import Owner

_FICLONE = 0x40049409
LOGS = ("console.log", "vmm.log")
_TAIL = 4000
"""Bytes of a log in which its last words are looked for."""
_SEARCH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


_claiming = threading.Lock()


class Refused(Exception):  # noqa: N818 - it reads as what happened
    """The request cannot be met; the text is for the operator."""


class VmmFailed(Refused):
    """The VMM itself ended, or takes no orders: nothing that we did wrong."""


@dataclass(frozen=True)
class Plan:
    """What a clone is to be made of."""

    name: str
    binary: str
    tap: str
    address: str
    source_disk: str
    disk: str
    start_timeout_s: float


@dataclass
class Cell:
    """A clone on this host. ``make`` and ``destroy`` may block: call them off the event loop."""

    plan: Plan
    directory: Path
    login: int
    """The uid that may use its sockets."""
    run: Owner
    logs: dict[str, Log] = field(init=False)
    timings: dict[str, float] = field(default_factory=dict)
    namespace: netns.Namespace | None = None
    undo: contextlib.ExitStack = field(default_factory=contextlib.ExitStack)
    process: subprocess.Popen[bytes] | None = None
    stopping: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        self.logs = {name: Log(self.directory / name) for name in LOGS}

    @property
    def note(self) -> Path:
        """By which a reaper finds the namespace and the VMM, should we be killed."""
        return self.directory.with_suffix(".json")

    def open_namespace(self) -> netns.Namespace:
        """The namespace first: the rest is made inside.

        :raises Refused: there is one of that name, which is not ours.
        """
        if os.path.lexists(netns.NAMES / self.plan.name):
            raise Refused(f"there is a namespace {self.plan.name} already, and it is not of this run")
        self.undo.callback(self._remove_note)
        notes.write(self.note, {"name": self.plan.name, "pid": None, "start": None})
        self.namespace = netns.Namespace(self.plan.name)
        self.undo.callback(self.namespace.delete)
        return self.namespace

    def make(self) -> None:
        """Directory, TAP, VMM, disk copy, until the API socket accepts. Runs in the namespace's thread.

        :raises VmmFailed: with what the VMM said.
        :raises Refused: a file or program of the host that is needed is not there, or failed.
        """
        for step in (self._make_directory, self._add_tap, self._start, self._copy_disk, self._await_api):
            began = time.perf_counter()
            step()
            self.timings[step.__name__.strip("_")] = time.perf_counter() - began
            if self.stopping.is_set():
                raise Refused(f"{self.plan.name}: stopped while it was being made")

    def destroy(self) -> None:
        """Undo everything, whatever state the making is in. A failing undo does not keep the rest from it.

        :raises Exception: the last failure, the others as its context.
        """
        self.stopping.set()
        if self.namespace is not None:
            self.namespace.call(lambda: None)  # the making, if still under way, ends at its next step
        self.undo.close()

    def status(self) -> dict[str, Any]:
        """The VMM process as the kernel sees it, with the memory of all processes in the namespace."""
        if self.process is None:
            return {"pid": None, "alive": False, "exit_status": None, "rss_kib": 0, "private_kib": 0}
        ended = self.process.poll()
        memory = [_memory(pid) for pid in self._inside()]
        return {
            "pid": self.process.pid,
            "alive": ended is None,
            "exit_status": ended,
            "rss_kib": sum(item.get("Rss", 0) for item in memory),
            "private_kib": sum(
                item.get("Private_Dirty", 0) + item.get("Private_Clean", 0) for item in memory
            ),
        }

    def last_words(self) -> str:
        """How the VMM ended, and the end of its log and console."""
        status = None if self.process is None else self.process.poll()
        ended = "it is still running" if status is None else f"it ended with status {status}"
        tails = [f"{name}: {self.logs[name].end(_TAIL)!r}" for name in reversed(LOGS)]
        return "; ".join([ended, *tails])

    def _make_directory(self) -> None:
        self.directory.mkdir(mode=0o700)
        self.undo.callback(shutil.rmtree, self.directory)
        os.chown(self.directory, self.login, -1)

    def _add_tap(self) -> None:
        netns.add_tap(self.plan.tap, IPv4Interface(self.plan.address))  # it goes with the namespace

    def _start(self) -> None:
        binary = shutil.which(self.plan.binary, path=_SEARCH)
        if binary is None:
            raise Refused(f"no VMM: {self.plan.binary} is not on this host (looked in {_SEARCH})")
        log = self.directory / "vmm.log"
        log.touch()  # Firecracker before 1.14 does not make it
        # The kernel kills it when this thread ends, which is when the custodian does, however that happens.
        argv = [
            "setpriv",
            "--pdeathsig",
            "KILL",
            "--",
            binary,
            "--api-sock",
            str(self.directory / "api.sock"),
        ]
        argv += ["--id", self.plan.name, "--log-path", str(log), "--level", "Info"]
        with (self.directory / "console.log").open("ab") as console:
            self.process = subprocess.Popen(
                argv,
                stdin=subprocess.DEVNULL,
                stdout=console,
                stderr=console,
                cwd=self.directory,
                env={"PATH": _SEARCH, "LC_ALL": "C.UTF-8"},
                start_new_session=True,
            )
        self.undo.callback(self._kill)
        pid = self.process.pid
        notes.write(self.note, {"name": self.plan.name, "pid": pid, "start": start_time(pid)})

    def _remove_note(self) -> None:
        """Unless what it stands for is still there."""
        running = self.process is not None and start_time(self.process.pid) is not None
        if not running and not os.path.lexists(netns.NAMES / self.plan.name):
            self.note.unlink(missing_ok=True)

    def _copy_disk(self) -> None:
        disk = Path(self.plan.disk)
        if not disk.parent.parent.is_dir():
            raise Refused(f"state.clones_dir: there is no folder {disk.parent.parent} on the host")
        claim_disks(disk.parent, self.run)
        self.undo.callback(disk.unlink, missing_ok=True)
        with Path(self.plan.source_disk).open("rb") as source, disk.open("xb") as target:
            disk.chmod(0o600)
            try:
                fcntl.ioctl(target, _FICLONE, source.fileno())
            except OSError:  # no reflink on this file system: a copy, without its holes
                self._run(["cp", "--sparse=always", "--", self.plan.source_disk, str(disk)])

    def _run(self, argv: list[str]) -> None:
        """A program of some seconds, given up when the clone is no longer wanted."""
        with subprocess.Popen(argv, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE) as program:
            while program.poll() is None:
                if self.stopping.wait(0.01):
                    program.kill()
            said = program.stderr.read().decode(errors="replace").strip() if program.stderr else ""
        if program.returncode != 0:
            raise Refused(f"{' '.join(argv)}: status {program.returncode}: {said}")

    def _await_api(self) -> None:
        """A connection accepted means ready; the login user may then use the socket."""
        path = str(self.directory / "api.sock")
        deadline = time.monotonic() + self.plan.start_timeout_s
        while not _accepts(path):
            if self.process is None or self.process.poll() is not None:
                raise VmmFailed(f"the VMM of {self.plan.name} did not start: {self.last_words()}")
            if time.monotonic() > deadline:
                said = f"accepts no connection within {self.plan.start_timeout_s:g} s: {self.last_words()}"
                raise VmmFailed(f"the VMM's API at {path} {said}")
            if self.stopping.wait(0.002):
                return
        os.chown(path, self.login, -1)

    def _kill(self) -> None:
        """The VMM's whole process group, then whatever else is left in the namespace."""
        assert self.process is not None  # noqa: S101 - registered after it was started
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait(timeout=10)
        deadline = time.monotonic() + 5
        while left := self._inside():
            for pid in left:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            if time.monotonic() > deadline:
                raise Refused(f"processes {left} in namespace {self.plan.name} cannot be killed")
            time.sleep(0.005)

    def _inside(self) -> list[int]:
        return netns.processes_inside(netns.NAMES / self.plan.name)


def claim_disks(folder: Path, run: Owner) -> None:
    """The folder of a run's disk copies, made with its first.

    :raises FileExistsError: there is one that is not of this run.
    """
    with _claiming:
        if not folder.exists():
            owner.claim(folder, run, mode=0o700)
        elif Owner.of(folder) != run:
            raise FileExistsError(f"{folder} is there already, and not of this run")


def _accepts(path: str) -> bool:
    with socket.socket(socket.AF_UNIX) as probe:
        try:
            probe.connect(path)
        except (FileNotFoundError, ConnectionRefusedError):
            return False
    return True


def _memory(pid: int) -> dict[str, int]:
    """The sums of smaps_rollup, in KiB."""
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()[1:]
    except (FileNotFoundError, ProcessLookupError, PermissionError):
        return {}
    return {name: int(rest.split()[0]) for name, _, rest in (line.partition(":") for line in lines)}
