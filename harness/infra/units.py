"""systemd's units, as ``systemctl show`` has them: every line of every property, and no state folded."""

from __future__ import annotations

import functools
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from testinfra.modules.base import Module
from testinfra.modules.service import SystemdService

from harness.errors import TransportError, UnreadableError
from harness.infra.shown import shown
from harness.text import beginning, ending
from harness.values import natural

SHOW_UNIT = "systemctl show %s"
FAILED = (
    "systemctl list-units --state=failed,auto-restart,auto-restart-queued "
    "--plain --no-legend --full --no-pager"
)
WATCHED = "systemctl show --property=Id,WatchdogUSec,NRestarts '*.service'"
VERIFY = "systemd-analyze --man=no verify %s 2>&1"
JOURNAL_OF_BOOT = "journalctl -b -u %s -n %s -o short-precise --no-pager --quiet"
JOURNAL = "journalctl -u %s -n %s -o short-precise --no-pager --quiet"

_LIMITS = """\
group=%s
root=/sys/fs/cgroup
while [ -n "$group" ] && [ "$group" != / ]; do
    for file in "$root$group/memory.max" "$root/memory$group/memory.limit_in_bytes"; do
        if [ -r "$file" ]; then
            read -r limit <"$file" && printf '%%s %%s\\n' "$group" "$limit" || exit 1
            break
        fi
    done
    group=${group%%/*}
done"""
"""By the unified hierarchy, or where that does not count memory by the one that does."""
_ENVIRONMENT = r"test -r /proc/%s/environ && grep -zE %s /proc/%s/environ | tr '\0' '\n'"
_UNLIMITED = 1 << 62
"""cgroup v1 has a number for no limit: the largest that fits, in pages."""

_NO_TEXT = re.compile("[\udc80-\udcff]")
"""What a byte that is no text is decoded as."""

_RESTARTING = re.compile(r"auto-restart(-queued)?$")
"""The state of a unit whose main process has ended, and will be started again."""

_NO_WATCHDOG = frozenset({"", "0", "infinity"})

_ACTIVE = frozenset({"active", "reloading", "refreshing"})
"""What `systemctl is-active` takes for active."""

Properties = Mapping[str, str]


@dataclass(frozen=True)
class Verified:
    """What ``systemd-analyze verify`` said of a unit, and how it ended."""

    status: int
    text: str


class Unit(Module):  # type: ignore[misc] # testinfra is not typed
    """A unit.

    >>> guest.unit("browser-vm-auth.service").get("MemoryLimit", "(not told)")
    '(not told)'
    >>> guest.unit.failed()
    []
    """

    def __init__(self, name: str) -> None:
        self.name = name
        super().__init__()

    @functools.cached_property
    def properties(self) -> Properties:
        """All of them; one that is shown more than once has a line for each.

        :raises TransportError: systemd gave no answer, or one of another unit.
        """
        return read_show(self.check_output(SHOW_UNIT, self.name), self._host.name, self.name)

    def get(self, key: str, default: str = "") -> str:
        """A property; systemd shows none that is empty."""
        return self.properties.get(key, default)

    def lines(self, key: str) -> list[str]:
        """A property that may be set more than once, as ``ExecStartPre`` is."""
        return self.get(key).splitlines()

    def seconds(self, key: str) -> float:
        """A moment on the monotonic clock; 0 for never.

        :raises UnreadableError: it is none.
        """
        return self.number(key) / 1e6

    def number(self, key: str) -> int:
        """A property that is a number; 0 where it is not set.

        :raises UnreadableError: it is none.
        """
        return natural(self.get(key) or "0", whose=f"in {self._host.name}: {key} of {self.name}")

    def journal(self, count: int) -> str:
        """Its last lines."""
        return str(self.check_output(JOURNAL, self.name, str(count)))

    def journal_of_boot(self, count: int) -> str:
        """Its last lines since the machine has booted."""
        return str(self.check_output(JOURNAL_OF_BOOT, self.name, str(count)))

    def last_words(self, count: int) -> str:
        """Its last lines for the message of a claim that is broken, whether they can be told or not."""
        try:
            return self.journal(count)
        except TransportError as error:
            return f"(its journal cannot be told: {error.message})"

    def verify(self) -> Verified:
        """What ``systemd-analyze verify`` finds in its file, and in those of the units that it needs.

        :raises TransportError: it ended badly without a word.
        """
        done = self.run(VERIFY, self.name)
        if (done.rc and not done.stdout.strip()) or _NO_TEXT.search(done.stdout):
            raise TransportError(
                f"in {self._host.name}: systemd-analyze verify {self.name} ended with status {done.rc} "
                f"and said nothing that can be read: {ending(done.stdout, 200)!r}",
                hint="run it there by hand",
            )
        return Verified(done.rc, done.stdout.strip("\n"))

    @functools.cached_property
    def memory_limits(self) -> Properties:
        """The limit of its cgroup and of those above, which bind it, too; none where it does not run.

        :raises TransportError: they cannot be read.
        """
        text = self.check_output(_LIMITS, self.get("ControlGroup"))
        rows = [line.rsplit(" ", 1) for line in text.splitlines()]
        if any(len(row) != 2 or not re.fullmatch(r"[0-9]{1,20}|max", row[1]) for row in rows):
            raise unreadable(self._host.name, "memory.max", text)
        return {
            group: "max" if limit != "max" and int(limit) >= _UNLIMITED else limit for group, limit in rows
        }

    def environment(self, names: Collection[str]) -> Properties:
        """What its main process was started with of these variables, and of no others: they may be secrets.

        :raises TransportError: it has none that could be asked.
        """
        pid = self.number("MainPID")
        if not pid:
            raise TransportError(
                f"in {self._host.name}: {self.name} has no main process, whose environment could be told",
                hint="look at the unit's journal",
            )
        pattern = f"^({'|'.join(map(re.escape, names))})="
        told = self.check_output(_ENVIRONMENT, str(pid), pattern, str(pid))
        pairs = (line.partition("=") for line in told.splitlines())
        return {name: value for name, equals, value in pairs if equals and name in names}

    @classmethod
    def failed(cls) -> list[str]:
        """The units that have failed; also those that systemd will restart after that, which --failed omits.

        :raises TransportError: systemd did not tell.
        """
        text = cls.check_output(FAILED)
        rows = [line.split(None, 4) for line in text.splitlines() if line.strip()]
        if any(len(row) < 4 or not (row[2] == "failed" or _RESTARTING.match(row[3])) for row in rows):
            raise unreadable(cls._host.name, FAILED, text)
        return [row[0] for row in rows]

    @classmethod
    def watched_and_restarted(cls) -> list[str]:
        """The services with a watchdog that systemd has restarted by itself, whatever for.

        :raises TransportError: systemd did not tell.
        """
        text = cls.check_output(WATCHED)
        found = []
        for block in re.split(r"\n\n+", text.strip("\n")):
            said = {key: value for key, _, value in (line.partition("=") for line in block.split("\n"))}
            if not said.keys() >= {"Id", "NRestarts", "WatchdogUSec"}:
                raise unreadable(cls._host.name, WATCHED, block)
            restarts = natural(said["NRestarts"], whose=f"in {cls._host.name}: NRestarts of {said['Id']}")
            if restarts and said["WatchdogUSec"] not in _NO_WATCHDOG:
                found.append(said["Id"])
        return found

    def __repr__(self) -> str:
        return f"<unit {self.name}>"


class Service(SystemdService):  # type: ignore[misc] # as above
    """testinfra's own, for systemd alone; its properties are the unit's.

    >>> host.service("master-controller").systemd_properties["ActiveState"]
    'active'
    """

    @classmethod
    def get_module_class(cls, _host: Any) -> type[Service]:
        """No other init system is asked for."""
        return cls

    @property
    def exists(self) -> bool:
        """Whether systemd knows of a unit of that name. testinfra asks by a pipe, which hides a failure."""
        return self.systemd_properties["LoadState"] != "not-found"

    @property
    def is_running(self) -> bool:
        """Whether it is active. testinfra asks SysV where systemd gives no answer."""
        return self.systemd_properties.get("ActiveState") in _ACTIVE

    @functools.cached_property
    def systemd_properties(self) -> Properties:
        """All of them, by name."""
        properties: Properties = self._host.unit(self.name).properties
        return properties


def read_show(text: str, where: str, name: str) -> Properties:
    """``systemctl show`` of one unit, as a table.

    :raises TransportError: it is none of that unit.
    """
    found = shown(text)
    if rest := [one.value for one in found if not one.name]:
        raise unreadable(where, f"systemctl show {name}", "\n".join(rest) or "an empty line")
    values: dict[str, list[str]] = {}
    for one in found:
        values.setdefault(one.name, []).append(one.value)
    properties = {key: "\n".join(lines) for key, lines in values.items()}
    known = {properties.get("Id"), *properties.get("Names", "").split()}  # it may be asked for by an alias
    if "LoadState" not in properties or not {name, f"{name}.service"} & known:
        raise unreadable(where, f"systemctl show {name}", text)
    return properties


def shown_apart(text: str, names: Sequence[str]) -> dict[str, str]:
    """``systemctl show`` of several units, by the name that each was asked for; all of it for each where it
    cannot be told apart, which :func:`read_show` then refuses."""
    text = text.strip("\n")
    firsts = [one.at for one in shown(text) if one.name and text.endswith("\n\n", 0, one.at)]
    blocks = [text[start:end].rstrip("\n") for start, end in pairwise([0, *firsts, len(text)])]
    return dict(zip(names, blocks, strict=True)) if len(blocks) == len(names) else dict.fromkeys(names, text)


def unreadable(where: str, what: str, text: str) -> UnreadableError:
    """Our error for an answer that is none."""
    return UnreadableError(
        f"in {where}: {what} gave no answer that can be read: {beginning(text, 200)!r}",
        hint="run it there by hand",
    )
