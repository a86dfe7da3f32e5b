"""The controller's logs since it started: where they are, what they say, and whether they could say it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from harness.errors import TransportError
from harness.host.facts import HostFacts
from harness.host.parts import Errors
from harness.site.profile import Site
from harness.text import beginning


@dataclass(frozen=True)
class ControllerLogs:
    """The logs that could be read, by where they are, and what stood in the way of the others."""

    read: Mapping[str, Errors]
    trouble: Sequence[TransportError]

    def require(self) -> None:
        """All logs are there, and one of them has lines: no error in them means that there was none.

        :raises TransportError: a log could not be read, or all of them are empty.
        """
        if self.trouble:
            raise self.trouble[0]
        if not any(errors.read for errors in self.read.values()):
            raise TransportError(
                f"nothing was logged since the controller started: {', '.join(self.read)}",
                hint="is its journal kept (Storage= in journald.conf), is controller.log_file the right one?",
            )


def controller_logs(facts: HostFacts, site: Site) -> ControllerLogs:
    """The journal, and the log file where the profile names one."""
    logs: dict[str, Callable[[], Errors | None]] = {
        f"journal of {site.controller.unit}": lambda: facts.journal,
        str(site.controller.log_file): lambda: facts.log_file,
    }
    read: dict[str, Errors] = {}
    trouble: list[TransportError] = []
    for where, ask in logs.items():
        try:
            errors = ask()
            if errors is not None:
                read[where] = _dated(where, errors)
        except TransportError as error:
            trouble.append(error)
    return ControllerLogs(read, trouble)


def _dated(where: str, errors: Errors) -> Errors:
    """Where lines tell no time, an error among them may be older than the controller's start."""
    if errors.undated and errors.count:
        raise TransportError(
            f"{where}: {errors.count} of its last {errors.read} lines are errors, and whether they are from "
            f"since the controller started cannot be told; the last: {beginning(errors.last[-1].text, 200)}",
            hint="a line tells its time as 2026-01-31T12:34:56Z, at its head or as `timestamp`, `time`, `ts` "
            "or `date` in its JSON; where this log does not, and the journal says the same, leave "
            "controller.log_file out of the profile",
        )
    return errors
