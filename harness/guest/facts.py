"""What a guest says of itself, gathered in one round trip and asked about by many small checks."""

from __future__ import annotations

import base64
import binascii
import io
import json
import re
import secrets
import shlex
import tarfile
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from harness.errors import TransportError
from harness.guest.environment import masked, remember_secrets_of_unit
from harness.site.profile import Site
from harness.vm.machine import Vm

PROPERTIES = (
    "Id,LoadState,ActiveState,SubState,Result,UnitFileState,FragmentPath,DropInPaths,NeedDaemonReload,MainPID,"
    "NRestarts,ControlGroup,Type,Restart,RestartUSec,StartLimitIntervalUSec,User,WorkingDirectory,Environment,"
    "ExecStartPre,ExecStart,StandardOutput,StandardError,SyslogIdentifier,LimitNOFILE,MemoryMax,MemoryLimit,"
    "After,Wants,Requires,WantedBy,RequiredBy,ExecMainStatus,ExecMainStartTimestampMonotonic,"
    "ActiveEnterTimestampMonotonic"
)
_PROBE = Path(__file__).parent / "probes" / "guest.sh"
_SOCKET_OWNER = re.compile(r"pid=(\d+)")

Properties = Mapping[str, str]


@dataclass(frozen=True)
class Listener:
    """A listening TCP socket."""

    address: str
    port: int
    pids: frozenset[int]
    process: str

    @property
    def on_loopback(self) -> bool:
        """Whether only the guest itself can reach it."""
        return self.address.startswith("127.") or self.address == "::1"

    def __str__(self) -> str:
        return f"{self.address}:{self.port} ({self.process or 'no process named'})"


@dataclass(frozen=True)
class GuestFacts:
    """One look at a guest."""

    unit: Properties
    """``systemctl show`` of the agent's unit; of its environment, only what the profile names has a value."""
    units: Mapping[str, Properties]
    failed_units: tuple[str, ...]
    listeners: tuple[Listener, ...]
    verify_status: int
    verify: str
    boot_id: str
    uptime_s: float
    clock: float
    clock_bounds: tuple[float, float]
    """Our own clock when the guest was asked, and when it had answered."""
    age_s: float
    """How long the VM had lived when it had answered, by our clock."""
    files: Mapping[str, bytes] = field(repr=False)
    """They may hold secrets, so no report shows them."""
    memory_limits: Mapping[str, str]
    """memory.max of the unit's cgroup and of those above it."""
    interfaces: tuple[Mapping[str, Any], ...]
    journal: str
    limits: str

    @property
    def main_pid(self) -> int:
        """The agent's main process; 0 where there is none."""
        return int(self.unit.get("MainPID", "0") or 0)

    def text(self, path: str) -> str | None:
        """A file of the guest as text; None where it is not there."""
        content = self.files.get(path)
        return None if content is None else content.decode(errors="replace")


def ask_guest(vm: Vm, *, timeout_s: float = 60) -> GuestFacts:
    """Gather all facts of a guest.

    :raises TransportError: the guest answered, but not with facts.
    """
    site = vm.host.site
    mark = f"#{secrets.token_hex(8)}#"
    before = time.time()
    result = vm.script(probe_script(site, mark), timeout_s=timeout_s)
    after, age_s = time.time(), time.monotonic() - vm.restored_at
    sections = parse_sections(result.stdout, mark)
    if "end" not in sections:
        raise TransportError(
            # Not what it printed: the unit's environment and files are in that.
            f"{vm.name}: the probe of the guest ended early (status {result.status}), "
            f"after {', '.join(sections) or 'nothing'}: {result.stderr.strip()[-500:]}",
            hint=f"run harness/guest/probes/guest.sh in {vm.name} by hand",
        )
    return parse_facts(sections, site, clock_bounds=(before, after), age_s=age_s)


def probe_script(site: Site, mark: str) -> str:
    """The script for this site."""
    settings = {
        "MARK": mark,
        "UNIT": site.agent.unit,
        "WAIT_UNITS": " ".join(site.guest.wait_online_units),
        "AGENT_DIR": site.agent.directory,
        "ENTRY": site.agent.entry,
        "PROPERTIES": PROPERTIES,
    }
    head = "".join(f"{name}={shlex.quote(value)}\n" for name, value in settings.items())
    return head + _PROBE.read_text(encoding="utf-8")


def parse_sections(output: str, mark: str) -> dict[str, str]:
    """Cut the output at lines ``<mark> <name>``."""
    parts = re.split(rf"^{re.escape(mark)} (\w+)$", output, flags=re.MULTILINE)
    return {name: text.strip("\n") for name, text in zip(parts[1::2], parts[2::2], strict=True)}


def parse_facts(
    sections: Mapping[str, str], site: Site, *, clock_bounds: tuple[float, float], age_s: float
) -> GuestFacts:
    """Facts from the sections of the probe's output."""
    units = {unit["Id"]: unit for unit in parse_show(sections["show"]) if "Id" in unit}
    for one in units.values():
        if "Environment" in one:
            one["Environment"] = masked(one["Environment"], site)
    unit, files = units.get(site.agent.unit, {}), parse_files(sections["files"])
    for path in (unit.get("FragmentPath", ""), *unit.get("DropInPaths", "").split()):
        remember_secrets_of_unit(files.get(path, b"").decode(errors="replace"), site)
    return GuestFacts(
        unit=unit,
        units=units,
        failed_units=tuple(line.split()[0] for line in sections["failed"].splitlines() if line.strip()),
        listeners=parse_listeners(sections["ports"]),
        verify_status=int(sections["verify_status"]),
        verify=sections["verify"],
        boot_id=sections["boot_id"].strip(),
        uptime_s=float(sections["uptime"]),
        clock=float(sections["clock"]),
        clock_bounds=clock_bounds,
        age_s=age_s,
        files=files,
        memory_limits=dict(line.rsplit(" ", 1) for line in sections["memory"].splitlines() if " " in line),
        interfaces=tuple(json.loads(sections["interfaces"] or "[]")),
        journal=sections["journal"],
        limits=sections["limits"],
    )


def parse_show(text: str) -> list[dict[str, str]]:
    """``systemctl show`` of several units; a property that is shown more than once keeps every line."""
    found: list[dict[str, str]] = []
    for block in re.split(r"\n\s*\n", text.strip("\n")):
        properties: dict[str, str] = {}
        for line in block.splitlines():
            key, equals, value = line.partition("=")
            if equals:
                properties[key] = f"{properties[key]}\n{value}" if key in properties else value
        found.append(properties)
    return found


def parse_listeners(text: str) -> tuple[Listener, ...]:
    """``ss -ltnpH``."""
    found = []
    for line in text.splitlines():
        words = line.split(None, 5)
        if len(words) >= 5 and words[0] == "LISTEN":
            address, _, port = words[3].rpartition(":")
            owners = words[5] if len(words) > 5 else ""
            name = re.search(r'"([^"]+)"', owners)
            pids = frozenset(int(pid) for pid in _SOCKET_OWNER.findall(owners))
            address = address.partition("%")[0].strip("[]")
            found.append(Listener(address, int(port), pids, name.group(1) if name else ""))
    return tuple(found)


def parse_files(text: str) -> dict[str, bytes]:
    """Files from a base64 tar archive: absolute path -> content."""
    try:
        raw = base64.b64decode(text, validate=True)
        with tarfile.open(fileobj=io.BytesIO(raw)) as archive:
            members = [(member, archive.extractfile(member)) for member in archive if member.isfile()]
            return {f"/{member.name.lstrip('/')}": stream.read() for member, stream in members if stream}
    except (binascii.Error, tarfile.TarError) as error:
        raise TransportError(
            f"the files the guest sent cannot be unpacked: {error}", hint="are tar and base64 in the guest?"
        ) from error
