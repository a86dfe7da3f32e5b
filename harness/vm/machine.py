"""A clone of the golden snapshot, in a network namespace of its own: a VM nobody else knows of."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

import httpx

from harness.errors import VmError, VmmError, WaitTimeoutError
from harness.host.hypervisor import Hypervisor
from harness.infra.host import Host
from harness.run import Result
from harness.transport.http import async_client_over, client_over
from harness.vm.clone import Clone, making
from harness.vm.down import why_down
from harness.vm.inside import Guest
from harness.vm.silent_listener import SilentListener
from harness.wait import capped, wait_until

_HEALTH_POLL_S = 0.015
_LOOK_AT_PROCESS_S = 0.5
_TAKEN = "the guest took the connection"


class Vm:
    """One running clone, made by :func:`restore` or :func:`cold_boot`. A context manager that kills it.

    Everything about it may be used from several threads at once.
    """

    def __init__(self, clone: Clone, *, health_s: float) -> None:
        self.hypervisor = clone.hypervisor
        self.name = clone.name
        """``acc-<run>-<n>``: its VMM's --id, its network namespace, its SSH alias."""
        self.restored_at = clone.started_at
        """``time.monotonic()`` at the moment it was told to run (resume, or InstanceStart)."""
        self.timings = clone.timings
        """Seconds spent in each step of its making, in order; ``total`` is all of it."""
        self.api = clone.api
        site = clone.hypervisor.site
        self.health_s = health_s
        """Seconds from :attr:`restored_at` to a healthy agent that the profile allows."""
        self._clone = clone
        self._lock = threading.RLock()
        self._ended: dict[str, str] | None = None
        self._looked_at = 0.0
        self._guest = Guest(clone.hypervisor, clone.name, clone.paths[site.guest.ssh_port])
        self._agent = clone.paths[site.agent.port]
        self.http = self.new_http()
        """To the agent."""

    def __enter__(self) -> Vm:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.kill()

    def new_http(self) -> httpx.Client:
        """A client to the agent with connections of its own, to be closed by the caller."""
        return client_over(self._agent, "http://agent", timeout_s=self.hypervisor.site.guest.request_s)

    def async_http(self, *, timeout_s: float, held: bool = False) -> httpx.AsyncClient:
        """A new async client to the agent, with a connection for each request, to be closed by the caller.

        :param held: the connections of requests that begin together are all open at once, and stay so.
        """
        return async_client_over(self._agent, "http://agent", timeout_s=timeout_s, held=held)

    def wait_healthy(self, timeout_s: float | None = None) -> None:
        """Poll the agent's health endpoint tightly until it answers 200, whatever else it says.

        Also sets ``timings["healthy"]``: seconds from :attr:`restored_at`.

        :param timeout_s: default :attr:`health_s`.
        :raises WaitTimeoutError: with the last answer.
        :raises VmmError: the VMM ended meanwhile.
        """
        path, limit_s = self.hypervisor.site.agent.health_path, timeout_s or self.health_s
        deadline = time.monotonic() + limit_s
        try:
            wait_until(
                lambda: self._ask_health(path, deadline),
                what=f"{self.name}: GET {path} answers 200",
                timeout_s=limit_s,
                interval_s=_HEALTH_POLL_S,
                until=lambda seen: seen.status_code == httpx.codes.OK,
                retry_on=(httpx.TransportError,),
            )
        except WaitTimeoutError as error:
            why = self.reached(self.hypervisor.site.agent.port)
            hint = "look at the guest's console and the unit's journal in the evidence"
            raise WaitTimeoutError(
                f"{error.message}; towards the guest: {why}{self._why_down(why)}", last=error.last, hint=hint
            ) from error
        self.timings.setdefault("healthy", time.monotonic() - self.restored_at)

    def _why_down(self, reached: str) -> str:
        """Why the agent is not there, where the guest itself is."""
        is_there = reached == _TAKEN or "refused" in reached
        return f"; {why_down(self.script, self.hypervisor.site)}" if is_there else ""

    def _ask_health(self, path: str, deadline: float) -> httpx.Response:
        try:
            return self.http.get(path, timeout=capped(self.hypervisor.site.guest.request_s, deadline))
        except httpx.TransportError:
            if time.monotonic() - self._looked_at > _LOOK_AT_PROCESS_S:
                self._looked_at = time.monotonic()
                if not self.alive():
                    kind = VmmError if self._ended is None else VmError  # else it was we who killed it
                    raise kind(f"{self.name} is gone: {self.last_words()}") from None
            raise

    def reached(self, port: int) -> str:
        """How the host's end of our last connection to a port of the guest fared.

        :raises TransportError: our own way to the host is lost.
        """
        if not self.alive():
            return f"the VM is gone: {self.last_words()}"
        return str(self.ask("relay_error", port=port) or _TAKEN)

    def forward(self, port: int) -> Path:
        """A local unix socket that leads to a TCP port at the guest's address. The same one every time."""
        with self._lock:
            if port not in self._clone.paths:
                guest = str(self.hypervisor.site.snapshot.guest_address.ip)
                remote = self.ask("relay", guest=guest, port=port)
                self._clone.paths[port] = self.hypervisor.connection.forward(f"unix:{remote}")
            return self._clone.paths[port]

    def guest(self, *, remembers: bool = False) -> Host:
        """The guest in testinfra's words, over one shell in its one SSH connection, made at first use.

        :param remembers: whether an answer stands for good: for a VM that nobody changes.
        """
        return self._guest.host(remembers=remembers)

    @property
    def ssh_config(self) -> Path:
        """``ssh -F`` it and the VM's name is a login in the guest, over its one connection."""
        return self._guest.connection.config_file

    def script(self, text: str, *, timeout_s: float) -> Result:
        """Run a shell script in the guest as root, in one round trip.

        A non-zero status does not raise; not ended within ``timeout_s`` does (CommandError).
        """
        return self._guest.script(text, timeout_s=timeout_s)

    def program(self, argv: Sequence[str], data: bytes, *, timeout_s: float) -> Result:
        """Run a program in the guest as root, with ``data`` for its stdin. No status raises."""
        return self._guest.program(argv, data, timeout_s=timeout_s)

    def local_forward(self, port: int) -> Path:
        """A local unix socket that leads to 127.0.0.1:port INSIDE the guest, over its SSH."""
        return self._guest.connection.forward(f"tcp:127.0.0.1:{port}")

    def console(self) -> str:
        """What the guest's serial console has shown; still there after :meth:`kill`.

        Of a very long one the newest part, after a line that says so.
        """
        return self._text("console.log")

    def log(self) -> str:
        """The VMM's own log; still there after :meth:`kill`."""
        return self._text("vmm.log")

    def hang_up(self) -> None:
        """End our connections into the guest, which would else end up in a snapshot of it."""
        self._guest.close()
        with contextlib.suppress(httpx.HTTPError):  # where nobody answers, none is open
            self.http.get(self.hypervisor.site.agent.health_path, headers={"Connection": "close"})

    def link(self, up: bool) -> None:
        """Take the clone's TAP up or down: its network cable."""
        self.ask("link", up=up)

    def silent_listener(self, port: int) -> SilentListener:
        """Accept on the gateway's address in the clone's namespace, and never answer."""
        return SilentListener(self.ask, str(self.hypervisor.site.snapshot.gateway), port)

    def process(self) -> dict[str, Any]:
        """The VMM process: pid, alive, exit_status (negative for a signal).

        Also rss_kib and private_kib, its children included.
        """
        return dict(self.ask("process"))

    def alive(self) -> bool:
        """Whether the VMM process is running."""
        return self._ended is None and bool(self.ask("alive"))

    @property
    def is_held(self) -> bool:
        """Whether we have not let go of it."""
        return self._ended is None

    def last_words(self) -> str:
        """How the VMM ended, where it has, with the end of its log and console."""
        return "it was killed by us" if self._ended is not None else self._clone.last_words()

    def keep(self, why: str, *, seconds: float) -> None:
        """Have it stay on the host for so long when the run is over: :meth:`kill` then only lets go of it.

        :param why: the check for which it does.
        :raises HarnessError: it does not, with the reason.
        """
        self._clone.keep(why, seconds=seconds)

    def kill(self) -> None:
        """Kill the VMM and remove all that belongs to the clone. Twice is no error.

        :raises VmError: something could not be removed; the rest was.
        """
        with self._lock, contextlib.ExitStack() as steps:
            if self._ended is not None:
                return
            self._ended = {}
            steps.callback(self._destroy)
            steps.callback(self._guest.close)
            steps.callback(self.http.close)

    def ask(self, op: str, **fields: Any) -> Any:
        """A request to the custodian about this clone."""
        return self._clone.ask(op, **fields)

    def _destroy(self) -> None:
        self._ended = self._clone.release() if self._clone.kept else self._clone.destroy()

    def _text(self, file: str) -> str:
        ended = self._ended
        return str(self.ask("read", file=file)) if ended is None else ended.get(file, "")


def restore(hypervisor: Hypervisor, *, mmds: Mapping[str, Any] | None = None) -> Vm:
    """A clone of the golden snapshot, resumed; not waited for (see :meth:`Vm.wait_healthy`).

    :param mmds: data for the guest's metadata service, given before it resumes; else as the profile says.
    :raises VmmError: the VMM refused, did not start, or ended; with its exit status and last lines.
    :raises VmError: whatever else it was.
    """
    with making(hypervisor) as clone:
        clone.restore(mmds=mmds)
        return Vm(clone, health_s=hypervisor.site.guest.restore_health_s)


def cold_boot(hypervisor: Hypervisor, *, boot_args: str | None = None) -> Vm:
    """A VM booted from a copy of the golden disk, started; not waited for.

    :raises VmError: the profile names no kernel, or as :func:`restore`.
    """
    with making(hypervisor) as clone:
        clone.boot(boot_args=boot_args)
        return Vm(clone, health_s=hypervisor.site.guest.boot_health_s)
