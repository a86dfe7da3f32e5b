"""How a cause inside the guest is told: by who has the agent's port, by systemd, and by the agent itself."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from harness.causes.cause import Found, Met
from harness.causes.facts import Answer, Facts, Inside, Listener, UnitSeen
from harness.causes.latest import is_refused, latest_start
from harness.infra.start_failure import Said, first_error
from harness.mend import Command
from harness.text import beginning, one_line
from harness.values import natural

_SHOWN = 300
_MODULE = re.compile(r"Cannot find (?:module|package) '([^']+)'")
_STEP = re.compile(r"Failed at step (\w+) spawning (.+?): (.+)")
_STATUS = re.compile(r"process exited, code=exited, status=(\d+)/(\w+)", re.ASCII)
_ENVIRONMENT_FILE = re.compile(r"Failed to load environment files: (.+)")
_ENVIRONMENT_LINE = re.compile(
    r"Ignoring invalid environment assignment '(?:(?:export\s+)?([A-Za-z_]\w*)\s*=)?.*'(?:: (\S+))?", re.ASCII
)
"""What is set is told by its name alone: the value may be a secret."""
_READ_ONLY = re.compile(r"\bEROFS\b|[Rr]ead-only file ?system")
_OF_DATA = re.compile(r"\bJSON\b")
_PLACE = re.compile(r"\(/\S+:\d+\)$")
_MEMORY = "oom-kill"
_STARVED = 20.0
"""Percent of the time: one at its limit may be kept from all work long before it is killed."""
_BYTES = re.compile(r"\d{1,20}", re.ASCII)
_AT_LIMIT = 0.8
"""Of its limit; below that it is the VM that has too little memory."""
_SYSTEMD = 1
"""It listens for a unit that it starts with the first connection."""
_RELAYS = frozenset({"docker-proxy", "rootlessport", "conmon"})
"""They listen for what runs in a container, which may be the agent."""

Judge = Callable[[Facts, Inside, UnitSeen], Found | None]


def told(judge: Judge) -> Met:
    """Met where the guest told of the agent's unit, and the agent is not seen to be well."""

    def met(facts: Facts) -> Found | None:
        unit = facts.agent
        if facts.inside is None or unit is None or _status(facts) == 200:
            return None
        return judge(facts, facts.inside, unit)

    return met


def down(judge: Judge) -> Met:
    """The same, where nobody listens at the agent's port."""
    return told(lambda facts, inside, unit: None if inside.listeners else judge(facts, inside, unit))


def _answer(facts: Facts) -> Answer | None:
    return facts.hops.agent if facts.hops else None


def _status(facts: Facts) -> int | None:
    answer = _answer(facts)
    return answer.status if answer else None


def _strangers(inside: Inside) -> list[Listener]:
    return [one for one in inside.listeners if one.pid and one.pid not in inside.processes]


def another_program(facts: Facts, inside: Inside, unit: UnitSeen) -> Found | None:
    """Where the unit runs and its processes are not known, nobody is known to be a stranger; nor is who may
    listen in its place."""
    runs = unit.get("ActiveState") == "active"
    if runs and not inside.processes:
        return None
    strangers = _strangers(inside)
    if not strangers or len(strangers) < len(inside.listeners):
        return None
    if any(one.pid == _SYSTEMD or (runs and one.program in _RELAYS) for one in strangers):
        return None
    one = strangers[0]
    answer = _answer(facts)
    said = f"; it answers {answer.status}" if answer and answer.status else ""
    return Found(
        f"port {facts.port} is that of {one.program} (process {one.pid}), which is no process of"
        f" {facts.unit}{said}"
    )


def on_loopback(facts: Facts, inside: Inside, _: UnitSeen) -> Found | None:
    if not inside.listeners or not all(one.on_loopback for one in inside.listeners):
        return None
    where = inside.listeners[0].address
    return Found(f"it listens on {where}, and must on 0.0.0.0:{facts.port}")


def dropped(facts: Facts, inside: Inside, _: UnitSeen) -> Found | None:
    """The guest answers at another port, and somebody listens at this one for all."""
    answer = _answer(facts)
    ssh = facts.hops.ssh if facts.hops else None
    if answer is None or answer.fate != "timeout" or ssh is None or not ssh.connected or not inside.listeners:
        return None
    return Found(f"a connection to port {facts.port} is neither taken nor refused; port {ssh.port} answers")


def hangs(facts: Facts, inside: Inside, _: UnitSeen) -> Found | None:
    answer = _answer(facts)
    if answer is None or not answer.connected or answer.status is not None or not inside.listeners:
        return None
    return Found(f"port {facts.port} takes the connection, and nothing comes over it")


def answers_badly(facts: Facts, inside: Inside, _: UnitSeen) -> Found | None:
    answer = _answer(facts)
    if answer is None or answer.status in (None, 200) or not inside.listeners:
        return None
    return Found(f"it answers {answer.status}: {one_line(beginning(answer.said, _SHOWN))}")


def read_only(_facts: Facts, inside: Inside, unit: UnitSeen) -> Found | None:
    """Some are so by design: only where the agent says that it hurts. What a console tells is a disk's."""
    options = inside.root.partition(" ")[2]
    hurts = any(_READ_ONLY.search(one.text) for one in latest_start(inside.journal, unit))
    if not re.match(r"ro(?:,|$)", options) or not hurts:
        return None
    return Found(f"/ is mounted {inside.root}")


def load_state(state: str) -> Judge:
    def judge(facts: Facts, _: Inside, unit: UnitSeen) -> Found | None:
        if unit.get("LoadState") != state:
            return None
        unmask = (Command(("systemctl", "unmask", facts.unit)),) if state == "masked" else ()
        return Found(f"systemd says of {facts.unit}: LoadState={state}", unmask)

    return judge


def spawn(step: str, *, names: str) -> Judge:
    """
    :param names: the property of the unit that says what the step is about; empty where systemd itself does.
    """

    def judge(_facts: Facts, inside: Inside, unit: UnitSeen) -> Found | None:
        start = latest_start(inside.journal, unit)
        status = _ended_at(step, start)
        # Who fails so is soon gone, and its words may not be known as the unit's: an earlier one's will do.
        told = _failed_at(step, inside.journal if status else start)
        if not (status or told):
            return None
        said = f" spawning {told[2]}: {one_line(told[3])}" if told else f", by status {status}"
        value = one_line(unit.get(names))
        about = f"; the unit has {names}={value}" if value else ""
        return Found(f"systemd says: failed at step {step}{said}{about}")

    return judge


def _failed_at(step: str, lines: Sequence[Said]) -> re.Match[str] | None:
    """The last that says so, of systemd's own between fork and exec."""
    found = (_STEP.search(one.text) for one in reversed(lines))
    return next((told for told in found if told and told[1] == step), None)


def _ended_at(step: str, lines: Sequence[Said]) -> str:
    """The exit status that systemd keeps for it, where it says that one ended so."""
    found = (_STATUS.search(one.text) for one in lines if one.by_systemd)
    return next((told[1] for told in found if told and told[2] == step), "")


def environment_file(_facts: Facts, inside: Inside, unit: UnitSeen) -> Found | None:
    told = _said(_ENVIRONMENT_FILE, inside, unit)
    if told is None:
        return None
    missing = "; it cannot read " + ", ".join(map(one_line, inside.unreadable)) if inside.unreadable else ""
    return Found(f"systemd says: failed to load environment files: {one_line(told[1])}{missing}")


def environment_line(_facts: Facts, inside: Inside, unit: UnitSeen) -> Found | None:
    told = _said(_ENVIRONMENT_LINE, inside, unit)
    if told is None:
        return None
    name, file = (one_line(part or "?") for part in told.groups())
    return Found(f"systemd ignores a line of {file}; what it sets: {name}")


def _said(pattern: re.Pattern[str], inside: Inside, unit: UnitSeen) -> re.Match[str] | None:
    """The first that is like it, of what was said since the agent's latest start."""
    said = latest_start(inside.journal, unit)
    return next((match for one in said if (match := pattern.search(one.text))), None)


def memory_limit(_facts: Facts, inside: Inside, unit: UnitSeen) -> Found | None:
    said = latest_start(inside.journal, unit)
    killed = unit.get("Result") == _MEMORY or any(_MEMORY in one.text for one in said)
    name, limit = _memory_limit(unit)
    if killed:
        return Found(f"systemd says result {_MEMORY}; {name} is {limit}")
    if inside.memory_wait < _STARVED or not _is_at(limit, unit.get("MemoryCurrent")):
        return None
    waited = f"its processes waited for memory {inside.memory_wait:.0f} % of the last ten seconds"
    return Found(f"{waited}; {name} is {limit}")


def _memory_limit(unit: UnitSeen) -> tuple[str, str]:
    """What limits it, and to how much: the older directive until systemd 258, where the newer is not set."""
    newer, older = unit.get("MemoryMax") or "?", unit.get("MemoryLimit")
    by_older = newer == "infinity" and older not in ("", "infinity")
    return ("MemoryLimit", older) if by_older else ("MemoryMax", newer)


def _is_at(limit: str, current: str) -> bool:
    """Whether so many bytes are about the limit; either may be a word."""
    told = [natural(one, whose="a unit's memory") for one in (current, limit) if _BYTES.fullmatch(one)]
    return len(told) == 2 and told[0] >= _AT_LIMIT * told[1]


def _missing(inside: Inside) -> str:
    told = _MODULE.search(first_error(inside.journal)) or _MODULE.search(inside.checked)
    return told[1] if told else ""


def entry_missing(facts: Facts, inside: Inside, _: UnitSeen) -> Found | None:
    return Found(f"there is no {facts.entry}") if _missing(inside) == facts.entry else None


def module_missing(_facts: Facts, inside: Inside, _: UnitSeen) -> Found | None:
    name = _missing(inside)
    return Found(f"it needs {name!r}: {one_line(first_error(inside.journal))}") if name else None


def syntax(_facts: Facts, inside: Inside, _: UnitSeen) -> Found | None:
    """As node's check has it, or as the agent said with a place in a source: data has syntax, too."""
    error = first_error(inside.journal)
    told = inside.checked if "SyntaxError" in inside.checked else error if _PLACE.search(error) else ""
    if "SyntaxError" not in told or _OF_DATA.search(told):
        return None
    return Found(one_line(beginning(told, _SHOWN)))


def given_up(_facts: Facts, inside: Inside, unit: UnitSeen) -> Found | None:
    # One that crashed until systemd had enough keeps the result of its last crash.
    refused = unit.get("ActiveState") == "failed" and is_refused(inside.journal)
    if unit.get("Result") != "start-limit-hit" and not refused:
        return None
    return Found(f"{unit.state}; the first error of its latest start: {_error(inside)}")


def _error(inside: Inside) -> str:
    return one_line(first_error(inside.journal)) or "none in its journal"


def starting(_facts: Facts, _inside: Inside, unit: UnitSeen) -> Found | None:
    if unit.get("SubState") not in ("start-pre", "condition"):
        return None
    return Found(f"systemd says {unit.state}: what its ExecStartPre= runs has not ended")


def crashes(_facts: Facts, inside: Inside, unit: UnitSeen) -> Found | None:
    error = first_error(inside.journal)
    if unit.get("ActiveState") == "active" or not (error or unit.get("ActiveState") == "failed"):
        return None
    restarts = unit.get("NRestarts")
    return Found(f"{unit.state}, {restarts or 0} restarts: {_error(inside)}")


def stopped(enabled: bool) -> Judge:
    def judge(facts: Facts, _: Inside, unit: UnitSeen) -> Found | None:
        if unit.get("ActiveState") not in ("inactive", "deactivating"):
            return None
        if (unit.get("UnitFileState") == "enabled") is not enabled:
            return None
        words = (
            ("systemctl", "start", facts.unit) if enabled else ("systemctl", "enable", "--now", facts.unit)
        )
        said = f"systemd says {unit.state}, and {unit.get('UnitFileState') or 'not enabled'}"
        return Found(said, (Command(words),))

    return judge


def never_listens(facts: Facts, _: Inside, unit: UnitSeen) -> Found | None:
    if (unit.get("ActiveState"), unit.get("SubState")) != ("active", "running"):
        return None
    return Found(f"systemd says {unit.state}, and nobody listens at port {facts.port}")
