"""A clone of the golden snapshot, in a network namespace of its own: a VM nobody else knows of."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

import httpx

from harness.firecracker import Firecracker
from harness.host import Host
from harness.run import Result


class SilentListener:
    """Accepts connections on the clone's gateway address and never answers; a context manager."""

    address: str
    port: int

    def accepted(self) -> int:
        """How many connections it has taken so far."""
        raise NotImplementedError

    def close(self) -> None:
        """Stop listening and drop what it holds."""

    def __enter__(self) -> SilentListener:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class Vm:
    """One running clone, made by :func:`restore` or :func:`cold_boot`. A context manager that kills it."""

    name: str
    """``acc-<run>-<n>``: its VMM's --id, its network namespace, its SSH alias."""
    host: Host
    api: Firecracker
    http: httpx.Client
    """To the agent; base_url ``http://agent``."""
    restored_at: float
    """``time.monotonic()`` at the moment it was told to run (resume, or InstanceStart)."""
    timings: dict[str, float]
    """Seconds spent in each step of its making, in order; ``total`` is all of it."""

    def __enter__(self) -> Vm:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.kill()

    def async_http(self, **options: Any) -> httpx.AsyncClient:
        """A new async client to the agent, to be closed by the caller."""
        raise NotImplementedError

    def wait_healthy(self, timeout_s: float | None = None) -> dict[str, Any]:
        """Poll the agent's health endpoint tightly until it answers 200; its JSON.

        Also sets ``timings["healthy"]``: seconds from :attr:`restored_at`.

        :param timeout_s: default from the profile: restore_health_s or boot_health_s.
        :raises WaitTimeoutError: with the last answer.
        """
        raise NotImplementedError

    def forward(self, port: int) -> Path:
        """A local unix socket that leads to a TCP port at the guest's address. The same one every time."""
        raise NotImplementedError

    @property
    def testinfra(self) -> Any:
        """A testinfra Host for the guest over its one SSH connection, made at first use."""
        raise NotImplementedError

    def script(self, text: str, *, timeout_s: float) -> Result:
        """Run a shell script in the guest as the profile's user, in one round trip.

        A non-zero status does not raise; not ended within ``timeout_s`` does (CommandError).
        """
        raise NotImplementedError

    def local_forward(self, port: int) -> Path:
        """A local unix socket that leads to 127.0.0.1:port INSIDE the guest, over its SSH."""
        raise NotImplementedError

    def console(self) -> str:
        """All that the guest's serial console has shown; still there after :meth:`kill`."""
        raise NotImplementedError

    def log(self) -> str:
        """The VMM's own log; still there after :meth:`kill`."""
        raise NotImplementedError

    def link(self, up: bool) -> None:
        """Take the clone's TAP up or down: its network cable."""

    def silent_listener(self, port: int) -> SilentListener:
        """Accept on the gateway's address in the clone's namespace, and never answer."""
        raise NotImplementedError

    def process(self) -> dict[str, Any]:
        """The VMM process: pid, alive, exit_status (negative for a signal),
        rss_kib, private_kib (its children included)."""
        raise NotImplementedError

    def alive(self) -> bool:
        """Whether the VMM process is running."""
        raise NotImplementedError

    def kill(self) -> None:
        """Kill the VMM and remove all that belongs to the clone. Twice is no error."""


def restore(host: Host, *, mmds: Mapping[str, Any] | None = None) -> Vm:
    """A clone of the golden snapshot, resumed; not waited for (see :meth:`Vm.wait_healthy`).

    :param mmds: data for the guest's metadata service, given before it resumes.
    :raises VmError: with the VMM's exit status and last lines where it died.
    """
    raise NotImplementedError


def cold_boot(host: Host, *, boot_args: str | None = None) -> Vm:
    """A VM booted from a copy of the golden disk, started; not waited for.

    :raises VmError: the profile names no kernel, or as :func:`restore`.
    """
    raise NotImplementedError
