"""Golden files that the VMM refuses to bring to life."""

from __future__ import annotations

from lab.faults.fault import Fault, Inject
from lab.faults.golden import golden_copy

RESUMES = ("guest/test_restored.py::test_clone_resumes_from_the_snapshot",)


def _refused(name: str, cause: str, breaks: str, inject: Inject) -> Fault:
    reds = frozenset({"guest.clone_resumes_from_the_snapshot"})
    return Fault(f"guest.{name}", breaks, inject, RESUMES, reds, cause=f"snapshot.{cause}")


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
    ),
)
