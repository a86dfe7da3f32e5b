"""What the host says of itself: gathered in one round trip by ``probes/host.py``, read part by part."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, TypeVar

from harness.answers import read_as
from harness.clocks import Offset
from harness.custodian.names import RUN_NAME
from harness.errors import TransportError, UnreadableError
from harness.host.error_lines import with_errors
from harness.host.parts import Api, Bridge, Errors, HostIdentity, Kvm, Room, Unit, Vmm
from harness.site.profile import Site
from harness.values import Moment

T = TypeVar("T")

HOST_PROBE = Path(__file__).parent / "probes" / "host.py"
INVENTORY = ("processes", "state", "sockets", "jails", "paths", "taps")
"""Parts that show what VMs left on the host."""
ALL = (
    *INVENTORY,
    *("identity", "bridge", "firewall", "unit", "journal", "log_file", "api", "room", "vmm", "kvm"),
)
API_TIMEOUT_S = 5.0
_GRACE_S = 10.0  # for the answer's way, beyond what its parts may take


class Asked(Protocol):
    """What is needed of a host that is asked; :class:`harness.host.hypervisor.Hypervisor` has it."""

    @property
    def site(self) -> Site:
        """The deployment that the host belongs to."""

    def python(self, source: str, argument: object = None, *, timeout_s: float) -> Any:
        """Run a program there as root, with a JSON argument and a JSON answer."""


@dataclass(frozen=True)
class HostFacts:
    """The probe's answer. A part that could not be asked raises when it is read: its checks are BROKEN."""

    parts: Mapping[str, Mapping[str, Any]]
    clock: Offset
    """Host minus suite."""
    now: float
    """The host's time when it answered."""

    def part(self, name: str, kind: type[T]) -> T:
        """One part's value.

        :raises TransportError: the part was not answered, or not as expected.
        """
        answer = self.parts.get(name, {"error": "the probe gave no answer"})
        if "error" in answer:
            raise TransportError(
                f"the host could not be asked for its {name}: {answer['error']}",
                hint="try the same on the host as root, and look at the profile's paths and names",
            )
        try:
            return read_as(kind, answer.get("ok"), whose=f"the host's {name}")
        except UnreadableError as error:
            hint = "the evidence holds the whole answer (host-facts.json)"
            raise UnreadableError(error.message, hint=hint) from error

    @property
    def identity(self) -> HostIdentity:
        """Who we are on the host."""
        return self.part("identity", HostIdentity)

    @property
    def bridge(self) -> Bridge | None:
        """The bridge; None where there is no such device."""
        return self.part("bridge", Bridge | None)  # type: ignore[arg-type]

    @property
    def unit(self) -> Unit:
        """The controller's unit."""
        return self.part("unit", Unit)

    @property
    def journal(self) -> Errors:
        """The controller's errors in the journal."""
        return self.part("journal", Errors)

    @property
    def log_file(self) -> Errors | None:
        """The controller's errors in its log file, where the profile names one."""
        return self.part("log_file", Errors | None)  # type: ignore[arg-type]

    @property
    def api(self) -> Api:
        """The controller's answer."""
        return self.part("api", Api)

    @property
    def room(self) -> Room:
        """What is free."""
        return self.part("room", Room)

    @property
    def vmm(self) -> Vmm:
        """What the VMM says of itself."""
        return self.part("vmm", Vmm)

    @property
    def kvm(self) -> Kvm:
        """How far KVM can be used."""
        return self.part("kvm", Kvm)


def ask_host(
    host: Asked, *, parts: Iterable[str] = ALL, paths: Iterable[str] = (), timeout_s: float = 90
) -> HostFacts:
    """Ask the host, in one round trip.

    :param paths: files to look at beside the profile's folders.
    :raises HarnessError: there was no answer at all.
    """
    limit_s = max(1.0, timeout_s - _GRACE_S)
    argument = {**_settings(host.site), "parts": list(parts), "paths": sorted(paths), "limit_s": limit_s}
    began = time.time()
    said = host.python(HOST_PROBE.read_text(encoding="utf-8"), argument, timeout_s=timeout_s)
    ended = time.time()
    answer = read_as(_Answer, said, whose="what the host says of itself")
    clock = Offset.between((began, ended), (answer.began, answer.ended))
    return HostFacts(with_errors(answer.parts, host.site), clock, answer.ended)


@dataclass(frozen=True)
class _Answer:
    parts: Mapping[str, Mapping[str, Any]]
    began: Moment
    ended: Moment


def _settings(site: Site) -> dict[str, Any]:
    controller = site.controller
    return {
        "process_name": site.vmm.process_name,
        "binary": site.vmm.binary,
        "kvm": site.vmm.kvm,
        "vmstate": site.snapshot.vmstate,
        "vms_dir": site.state.vms_dir,
        "sockets_dir": site.state.sockets_dir,
        "jails_dir": site.state.jails_dir,
        "bridge": site.network.bridge,
        "ours": RUN_NAME.pattern,
        "unit": controller.unit,
        "journal_lines": controller.journal_lines,
        "log_file": controller.log_file,
        "health_url": controller.url.rstrip("/") + controller.health_path,
        "api_timeout_s": API_TIMEOUT_S,
    }
