"""All causes, in the order in which they are looked for: what lies nearer to the host comes first."""

from __future__ import annotations

from harness.causes import agent, boot, launch, network
from harness.causes.cause import Cause, Diagnosis, Found
from harness.causes.facts import Facts

CAUSES: tuple[Cause, ...] = (
    *launch.CONTROLLER,
    *launch.SNAPSHOT,
    *boot.ROWS,
    *launch.VMM,
    *network.ROWS,
    *agent.ROWS,
    launch.GAVE_UP,
)
"""The first that is met is the cause: what is behind it follows from it."""


def diagnose(facts: Facts, *, contrast: str = "") -> Diagnosis:
    """The one cause of what was seen, or what it is not."""
    unknown = tuple(f"{part}: {why}" for part, why in facts.unknown.items())
    looked = []
    for cause in CAUSES:
        if found := cause.met(facts):
            return Diagnosis(facts.whose, cause, found, unknown=unknown, contrast=contrast)
        looked.append(cause.name)
    told = tuple(name for name in looked if _could_tell(name, facts))
    return Diagnosis(facts.whose, None, Found(""), told, unknown, contrast)


def _could_tell(name: str, facts: Facts) -> bool:
    """Whether what a cause needs was there to be seen: what was not asked is not excluded."""
    room, _, cause = name.partition(".")
    is_vmm_known = facts.hops is not None and facts.hops.process.is_known
    if name == launch.GAVE_UP.name:
        return bool(facts.hops and facts.refusal)
    return {
        "controller": facts.controller is not None,
        "snapshot": bool(facts.refusal),
        "boot": facts.console is not None,
        "vmm": (is_vmm_known and "vmm" not in facts.unknown)
        or (cause == "does_not_start" and bool(facts.refusal)),
        "network": is_vmm_known,
        "agent": facts.inside is not None,
    }[room]
