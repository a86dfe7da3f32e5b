"""The agent's unit in one guest at one moment: its process, its restarts, and what its journal said since."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import httpx

from harness.answers import read_json
from harness.errors import TransportError, UnreadableError
from harness.infra.start_failure import Said, first_error
from harness.mend import shell_line
from harness.text import beginning, decoded, ending
from harness.values import decimal, natural
from harness.vm.machine import Vm

_ENDED = "ActiveExitTimestampMonotonic"
_PROPERTIES = f"MainPID,NRestarts,ActiveState,SubState,Result,StartLimitIntervalUSec,StartLimitBurst,{_ENDED}"
_FIELDS = "MESSAGE,MESSAGE_ID,UNIT,COMMAND,EXIT_CODE,EXIT_STATUS,N_RESTARTS"
_STARTING, _STARTED = "7d4958e842da4a758f6c1cdc7b36dcc5", "39f53479d3a045ac8e11786248231fbf"
_STOPPING, _CLEAN_END = "de5b426a63be47a7b6ac3eaac82e2f6f", "7ad2d189f7e94e70a38c781354912448"
_STATE_S = 180


@dataclass(frozen=True)
class JournalEntry:
    """One line of the unit's journal."""

    at_s: float
    """Seconds since boot."""
    message: str
    fields: Mapping[str, str]

    @property
    def by_systemd(self) -> bool:
        """Whether systemd says it of the unit, not the unit itself."""
        return "UNIT" in self.fields

    @property
    def is_exit(self) -> bool:
        """Whether it tells how the main process ended."""
        return self.by_systemd and self.fields.get("COMMAND") == "ExecStart" and "EXIT_CODE" in self.fields

    @property
    def is_clean_end(self) -> bool:
        """Whether it tells of a unit that is over, and well: of a main process that ended with 0 systemd says
        no more."""
        return self.by_systemd and self.fields.get("MESSAGE_ID") == _CLEAN_END


@dataclass(frozen=True)
class AgentState:
    """What systemd says of the unit, and its journal since a given moment."""

    uptime_s: float
    properties: Mapping[str, str]
    journal: tuple[JournalEntry, ...] = ()

    @property
    def pid(self) -> int:
        """Main process; 0 for none."""
        return int(self.properties.get("MainPID") or 0)

    @property
    def restarts(self) -> int:
        """How often systemd restarted it by itself."""
        return int(self.properties.get("NRestarts") or 0)

    @property
    def exits(self) -> list[JournalEntry]:
        """Every end of a main process that nobody had asked for."""
        ends, asked = [], False
        for entry in self.journal:
            kind = entry.fields.get("MESSAGE_ID") if entry.by_systemd else None
            asked = kind == _STOPPING or (asked and kind not in (_STARTING, _STARTED))
            if not asked and (entry.is_exit or entry.is_clean_end):
                ends.append(entry)
        return ends

    @property
    def starts_s(self) -> list[float]:
        """When it was started, each time. Of a unit that is there at once systemd tells only that it is."""
        told = [(entry.fields.get("MESSAGE_ID"), entry.at_s) for entry in self.journal if entry.by_systemd]
        begun = [at_s for kind, at_s in told if kind == _STARTING]
        return begun or [at_s for kind, at_s in told if kind == _STARTED]

    @property
    def span_s(self) -> float:
        """From the first start to the last one."""
        return max(self.starts_s, default=0.0) - min(self.starts_s, default=0.0)

    @property
    def restart_delay_s(self) -> float | None:
        """From the unit's last end to the restart that systemd then scheduled; None: it scheduled none.

        The journal has that no sooner, and as late as a busy guest makes it; the end is by systemd's clock.
        """
        ended_s = int(self.properties.get(_ENDED) or 0) / 1e6
        restarts = (entry.at_s for entry in self.journal if entry.by_systemd and "N_RESTARTS" in entry.fields)
        last_s = max(restarts, default=0.0)
        return last_s - ended_s if 0 < ended_s < last_s else None

    @property
    def ending(self) -> tuple[str, str] | None:
        """How the first main process ended: ``exited`` with "1", ``killed`` by "9", or ``cleanly``, "0"."""
        return ending_of(self.exits[0]) if self.exits else None

    @property
    def ending_text(self) -> str:
        """How the first main process ended, for a message."""
        return ending_text(self.ending)

    @property
    def said(self) -> list[str]:
        """The agent's own lines."""
        return [entry.message for entry in self.journal if not entry.by_systemd]

    @property
    def first_error(self) -> str:
        """The first error of its latest start; empty where that has none."""
        return first_error([Said(entry.message, entry.by_systemd) for entry in self.journal])

    def tail(self, count: int = 12) -> str:
        """The journal's last lines, for a message, below the first error of the latest start."""
        error = [f"    the first error of its latest start: {self.first_error}"] if self.first_error else []
        shown = [f"    {entry.at_s:9.3f} {entry.message}" for entry in self.journal[-count:]]
        return "\n".join([*error, *shown]) or "    (nothing)"


def ending_of(end: JournalEntry) -> tuple[str, str]:
    """How a main process ended: ``exited`` with "1", ``killed`` by "9", or ``cleanly``, "0"."""
    return end.fields.get("EXIT_CODE", "cleanly"), end.fields.get("EXIT_STATUS", "0")


def ending_text(ending: tuple[str, str] | None) -> str:
    """The same for a message."""
    return "{}, status {}".format(*ending) if ending else "no end of the main process"


def ask_agent_state(vm: Vm, *, then: str = "", since_s: float | None = None) -> AgentState:
    """Ask for the unit's state; with ``since_s`` (seconds since boot) for its journal too.

    ``then`` is shell that runs afterwards, with ``$pid`` the main process and ``$unit`` the unit.

    :raises TransportError: the guest gave no state, or ``then`` failed.
    """
    site = vm.hypervisor.site
    lines = [
        "read -r uptime _ </proc/uptime",
        f"unit={shlex.quote(site.agent.unit)}",
        f'shown=$(systemctl show --no-pager -p {_PROPERTIES} "$unit") || exit 1',
        'pid=${shown#*MainPID=}; pid=${pid%%[!0-9]*}; printf "UPTIME=%s\\n%s\\n" "$uptime" "$shown"',
    ]
    if since_s is not None:
        how = f"-n 400 --all -o json --output-fields={_FIELDS} --no-pager --quiet"  # --all: long lines, too
        lines.append(f'journalctl -u "$unit" {how} || exit 1')
    result = vm.script("\n".join([*lines, then]), timeout_s=_STATE_S)
    hint = f"{shell_line(('systemctl', 'status', site.agent.unit))} in the guest"
    if result.status != 0:
        raise TransportError(
            f"{vm.name}: the guest did not tell its agent's state (status {result.status}): "
            f"{ending((result.stderr or result.stdout).strip(), 500)}",
            hint=hint,
        )
    try:
        return parse_state(result.stdout, since_s=since_s)
    except UnreadableError as error:
        message = f"{vm.name}: the guest did not tell its agent's state: {error.message}"
        raise UnreadableError(message, hint=hint) from error


def parse_state(output: str, *, since_s: float | None = None) -> AgentState:
    """``KEY=value`` lines, then the journal as JSON lines; entries up to ``since_s`` are dropped.

    :raises UnreadableError: they are not what systemd prints.
    """
    rows = output.split("\n")  # a message may hold U+2028 as it is
    pairs = (row.partition("=") for row in rows if not row.startswith("{"))
    properties = {key: value for key, equals, value in pairs if equals}
    if not {"UPTIME", "MainPID", "NRestarts"} <= properties.keys():
        raise UnreadableError(f"no state of a unit: {beginning(output, 200)!r}")
    for key in ("MainPID", "NRestarts", _ENDED):
        natural(properties.get(key) or "0", whose=key)
    entries = (entry for entry in _entries(rows) if since_s is None or entry.at_s > since_s)
    uptime_s = decimal(properties.pop("UPTIME"), whose="UPTIME")
    return AgentState(uptime_s, properties, tuple(entries))


def _entries(rows: list[str]) -> Iterator[JournalEntry]:
    for row in rows:
        if row.startswith("{"):
            fields: dict[str, Any] = read_json(row, whose="the journal")
            message = _message(fields.pop("MESSAGE", None))
            at_s = natural(fields.pop("__MONOTONIC_TIMESTAMP", "0"), whose="a time in the journal") / 1e6
            told = {key: str(value) for key, value in fields.items() if not key.startswith("__")}
            yield JournalEntry(at_s, message, told)


def _message(said: Any) -> str:
    """A message: bytes where it is no text, a list of several where there are several."""
    if not isinstance(said, list):
        return str(said or "")
    if all(type(one) is int and 0 <= one < 256 for one in said):
        return decoded(bytes(said))
    return "\n".join(map(str, said))


def answers(vm: Vm, *, timeout_s: float) -> bool:
    """Whether the agent's health endpoint answers 200; False where nobody listens or the answer is another.

    :raises httpx.TimeoutException: neither an answer nor a refusal in time.
    """
    try:
        return vm.http.get(vm.hypervisor.site.agent.health_path, timeout=timeout_s).status_code == 200
    except httpx.TimeoutException:
        raise
    except httpx.TransportError:
        return False
