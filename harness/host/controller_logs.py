"""The controller's logs since it started: where they are, what they say, and whether they could say it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from harness.clocks import utc_text
from harness.errors import TransportError
from harness.host.facts import HostFacts
from harness.host.parts import ErrorLine, Errors, Exit
from harness.site.own import Own, Whose
from harness.site.profile import Site
from harness.text import beginning, one_line, uncoloured

_SHOWN_WORDS = 3
_SHOWN_CHARACTERS = 300


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

    @property
    def gaps(self) -> list[str]:
        """What no log tells: empty where one of them tells of all the time since the controller started."""
        found = [
            f"{where} tells nothing for sure of before {utc_text(errors.gap.known_from)}: {errors.gap.why}"
            for where, errors in self.read.items()
            if errors.gap
        ]
        return found if len(found) == len(self.read) else []


@dataclass(frozen=True)
class Sorted:
    """The errors of one log: those held against the site, and those that the suite has caused."""

    theirs: Sequence[ErrorLine]
    """The last of them."""
    count: int
    """How many they are."""
    ours: Sequence[ErrorLine]
    untold: Sequence[ErrorLine] = ()
    """Of which it cannot be told."""


def told_apart(errors: Errors, own: Callable[[], Own]) -> Sorted:
    """Errors that are about what the suite has done, and the others.

    :param own: what is known of ids; asked only where an error names any.
    """
    known = own() if any(line.names for line in errors.last) else Own()
    found: dict[Whose, list[ErrorLine]] = {"ours": [], "theirs": [], "untold": []}
    for line in errors.last:
        found[known.judge(line.names, line.time)].append(line)
    ours, untold = found["ours"], found["untold"]
    return Sorted(found["theirs"], errors.count - len(ours) - len(untold), ours, untold)


def last_words(exits: Sequence[Exit]) -> str:
    """What a service said before each of its ends, for a message."""
    lines = []
    for one in exits:
        lines.append(f"  {utc_text(one.time)} {_shown(one.how)}; before:")
        lines += [f"    {_shown(text)}" for _, text in one.words[-_SHOWN_WORDS:]] or ["    nothing"]
    return "\n".join(lines)


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
    if not (errors.undated and errors.count):
        return errors
    why = (
        f" (their times name no zone, and taken as the host's, {errors.zone}, the last is far from when the"
        " file was written)"
        if errors.zone
        else ""
    )
    raise TransportError(
        f"{where}: {errors.count} of its last {errors.read} lines are errors, and whether they are from "
        f"since the controller started cannot be told{why}; the last: {_shown(errors.last[-1].text)}",
        hint="a line tells its time as 2026-01-31T12:34:56Z, at its head or as `timestamp`, `time`, `ts` "
        "or `date` in its JSON; where this log does not, and the journal says the same, leave "
        "controller.log_file out of the profile",
    )


def _shown(text: str) -> str:
    return one_line(beginning(uncoloured(text), _SHOWN_CHARACTERS))
