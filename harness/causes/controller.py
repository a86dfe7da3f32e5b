"""What ails the controller, from what the host says of it."""

from __future__ import annotations

from harness.causes.cause import Diagnosis
from harness.causes.facts import ControllerSeen, Facts
from harness.causes.table import diagnose
from harness.errors import TransportError
from harness.host.facts import HostFacts
from harness.infra.start_failure import first_error_in
from harness.site.profile import Site
from harness.text import one_line


def controller_seen(facts: HostFacts, site: Site) -> ControllerSeen:
    """The controller, as systemd, its journal and its API show it.

    :raises TransportError: the host did not tell of its unit.
    """
    unit = facts.unit
    looping = unit.is_looping(facts.identity.monotonic, stable_s=site.controller.stable_s)
    words = "" if unit.ActiveState == "active" and not looping else _words(facts)
    state = f"{unit.ActiveState}, restarted {unit.NRestarts} times"
    return ControllerSeen(
        site.controller.unit, state, unit.ActiveState == "active", looping, words, _silence(facts)
    )


def controller_diagnosed(facts: HostFacts, site: Site) -> Diagnosis:
    """What keeps the controller from being there, as far as the host tells."""
    try:
        seen = controller_seen(facts, site)
    except TransportError as error:
        return diagnose(Facts("the controller", unknown={"controller": error.message}))
    return diagnose(Facts("the controller", controller=seen))


def _silence(facts: HostFacts) -> str:
    """Why there is no answer of its API; empty where there is any, or where it could not be asked."""
    try:
        return facts.api.error if facts.api.status is None else ""
    except TransportError:
        return ""


def _words(facts: HostFacts) -> str:
    """Of what it said before it last ended, the line that tells of an error, or else the last one."""
    try:
        exits = facts.journal.exits
    except TransportError:
        return ""
    for one in reversed(exits):
        said = [text for _, text in one.words if text.strip()]
        if said:
            return one_line(first_error_in(said) or said[-1])
    return ""
