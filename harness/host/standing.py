"""Which machine the host is, and what its counters say at this moment: one short round trip."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from harness.answers import read_as
from harness.busy import FILES, Stand, stand
from harness.host.facts import Asked
from harness.values import Natural

PROBE = Path(__file__).parent / "probes" / "standing.py"
_MACHINE_ID = "/etc/machine-id"
_APPLICATION = b"browser-vm-acceptance"
_TIMEOUT_S = 30.0


@dataclass(frozen=True)
class Standing:
    """The machine at a moment."""

    hostname: str
    kernel: str
    systemd: str
    """Empty where it does not tell."""
    machine_id_sha256: str
    """A machine-id is to be kept to itself: this is one that it is told by to us alone; empty where none."""
    processors: int
    stand: Stand


@dataclass(frozen=True)
class _Answer:
    files: Mapping[str, str | None]
    systemd: str | None
    hostname: str
    kernel: str
    processors: Natural


def ask_standing(host: Asked) -> Standing:
    """Ask the host.

    :raises HarnessError: it did not answer.
    """
    said = host.python(PROBE.read_text(encoding="utf-8"), [*FILES, _MACHINE_ID], timeout_s=_TIMEOUT_S)
    answer = read_as(_Answer, said, whose="which machine the host is")
    return Standing(
        answer.hostname,
        answer.kernel,
        answer.systemd or "",
        machine_digest(answer.files.get(_MACHINE_ID) or ""),
        answer.processors,
        stand(answer.files),
    )


def machine_here() -> str:
    """The same of the machine that the suite runs on."""
    try:
        return machine_digest(Path(_MACHINE_ID).read_text("utf-8", "surrogateescape"))
    except OSError:
        return ""


def machine_digest(machine_id: str) -> str:
    """An id of the machine for this project, as machine-id(5) asks for; empty where it has none."""
    machine_id = machine_id.strip()
    if not machine_id or machine_id == "uninitialized":
        return ""
    # surrogateescape: it is whatever lies in that file.
    key = machine_id.encode("utf-8", "surrogateescape")
    return hmac.new(key, _APPLICATION, hashlib.sha256).hexdigest()
