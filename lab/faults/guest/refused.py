"""Golden files that the VMM refuses to bring to life."""

from __future__ import annotations

from collections.abc import Mapping

from lab.faults.fault import Fault, Inject, behind
from lab.faults.golden import golden_copy

RESUMES, LOADED = "clone_resumes_from_the_snapshot", "snapshot_is_loaded"
ASKS = tuple(f"guest/test_restored.py::test_{check}" for check in (RESUMES, LOADED))
BOTH = frozenset({f"guest.{RESUMES}", f"guest.{LOADED}"})
NOT_ITS_FAULT = behind(f"guest.{RESUMES}", [f"guest.{LOADED}"])
"""The snapshot is as it should be, and another reason was given."""


def _refused(
    name: str, cause: str, breaks: str, inject: Inject, not_red: Mapping[str, str] | None = None
) -> Fault:
    spared = not_red or {}
    return Fault(
        f"guest.{name}", breaks, inject, ASKS, BOTH - spared.keys(), behind=spared, cause=f"snapshot.{cause}"
    )


FAULTS = (
    _refused(
        "vmstate_gone",
        "vmstate_missing",
        "The snapshot's device state is not where the profile says.",
        lambda patient: golden_copy(patient, "vmstate", 'rm "$file"'),
    ),
    _refused(
        "memory_gone",
        "memory_missing",
        "The snapshot's memory file is not where the profile says.",
        lambda patient: golden_copy(patient, "memory", 'rm "$file"'),
    ),
    _refused(
        "memory_cut",
        "memory_short",
        "The snapshot's memory file was cut off, as a full disk leaves it.",
        lambda patient: golden_copy(patient, "memory", 'truncate -s 64M "$file"'),
    ),
    _refused(
        "interface_of_another_name",
        "interface_unknown",
        "The snapshot's network interface has another name than the profile gives.",
        lambda patient: patient.profile(snapshot={"iface_id": "eth7"}),
        NOT_ITS_FAULT,
    ),
)
