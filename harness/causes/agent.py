"""Causes inside the guest: who has the agent's port, and what systemd and the agent itself say."""

from __future__ import annotations

import re
from collections.abc import Callable

from harness.causes.cause import Cause, Found, Step
from harness.causes.facts import Answer, Facts, Inside, Listener, UnitSeen
from harness.infra.start_failure import first_error
from harness.mend import Command
from harness.text import beginning, one_line

_HEALTH = "guest.health_answers_in_time"
_SHOWN = 300
_MODULE = re.compile(r"Cannot find (?:module|package) '([^']+)'")
_STEP = re.compile(r"Failed at step (\w+) spawning (.+?): (.+)")
_ENVIRONMENT_FILE = re.compile(r"Failed to load environment files: (.+)")
_ENVIRONMENT_LINE = re.compile(r"Ignoring invalid environment assignment '(.*?)'(?:: (\S+))?")
_MEMORY = "oom-kill"
_STEPS = {
    "EXEC": ("exec_failed", "the program that the agent's unit starts cannot be run"),
    "CHDIR": ("directory_missing", "the working directory of the agent's unit cannot be entered"),
    "USER": ("user_missing", "the user of the agent's unit is not known in the guest"),
}

Judge = Callable[[Facts, Inside, UnitSeen], Found | None]


def _told(judge: Judge) -> Callable[[Facts], Found | None]:
    """Met where the guest told of the agent's unit, and the agent is not seen to be well."""

    def met(facts: Facts) -> Found | None:
        unit = facts.agent
        if facts.inside is None or unit is None or _status(facts) == 200:
            return None
        return judge(facts, facts.inside, unit)

    return met


def _down(judge: Judge) -> Callable[[Facts], Found | None]:
    """The same, where nobody listens at the agent's port."""
    return _told(lambda facts, inside, unit: None if inside.listeners else judge(facts, inside, unit))


def _answer(facts: Facts) -> Answer | None:
    return facts.hops.agent if facts.hops else None


def _status(facts: Facts) -> int | None:
    answer = _answer(facts)
    return answer.status if answer else None


def _strangers(inside: Inside) -> list[Listener]:
    return [one for one in inside.listeners if one.pid and one.pid not in inside.processes]


def _another_program(facts: Facts, inside: Inside, _: UnitSeen) -> Found | None:
    strangers = _strangers(inside)
    if not strangers or len(strangers) < len(inside.listeners):
        return None
    one = strangers[0]
    answer = _answer(facts)
    said = f"; it answers {answer.status}" if answer and answer.status else ""
    return Found(
        f"port {facts.port} is that of {one.program} (process {one.pid}), which is no process of"
        f" {facts.unit}{said}"
    )


def _on_loopback(facts: Facts, inside: Inside, _: UnitSeen) -> Found | None:
    if not inside.listeners or not all(one.on_loopback for one in inside.listeners):
        return None
    where = inside.listeners[0].address
    return Found(f"it listens on {where}, and must on 0.0.0.0:{facts.port}")


def _dropped(facts: Facts, inside: Inside, _: UnitSeen) -> Found | None:
    """The guest answers at another port, and somebody listens at this one for all."""
    answer = _answer(facts)
    ssh = facts.hops.ssh if facts.hops else None
    if answer is None or answer.fate != "timeout" or ssh is None or not ssh.connected or not inside.listeners:
        return None
    return Found(f"a connection to port {facts.port} is neither taken nor refused; port {ssh.port} answers")


def _hangs(facts: Facts, inside: Inside, _: UnitSeen) -> Found | None:
    answer = _answer(facts)
    if answer is None or not answer.connected or answer.status is not None or not inside.listeners:
        return None
    return Found(f"port {facts.port} takes the connection, and nothing comes over it")


def _answers_badly(facts: Facts, inside: Inside, _: UnitSeen) -> Found | None:
    answer = _answer(facts)
    if answer is None or answer.status in (None, 200) or not inside.listeners:
        return None
    return Found(f"it answers {answer.status}: {one_line(beginning(answer.said, _SHOWN))}")


def _read_only(_facts: Facts, inside: Inside, _: UnitSeen) -> Found | None:
    options = inside.root.partition(" ")[2]
    return Found(f"/ is mounted {inside.root}") if re.match(r"ro(?:,|$)", options) else None


def _load_state(state: str) -> Judge:
    def judge(facts: Facts, _: Inside, unit: UnitSeen) -> Found | None:
        if unit.get("LoadState") != state:
            return None
        unmask = (Command(("systemctl", "unmask", facts.unit)),) if state == "masked" else ()
        return Found(f"systemd says of {facts.unit}: LoadState={state}", unmask)

    return judge


def _spawn(step: str) -> Judge:
    def judge(_facts: Facts, inside: Inside, _: UnitSeen) -> Found | None:
        for one in inside.journal:
            told = _STEP.search(one.text)
            if told and told[1] == step:
                return Found(f"systemd says: failed at step {step} spawning {told[2]}: {one_line(told[3])}")
        return None

    return judge


def _systemd_says(pattern: re.Pattern[str], words: str) -> Judge:
    def judge(_facts: Facts, inside: Inside, _: UnitSeen) -> Found | None:
        told = next((match for one in inside.journal if (match := pattern.search(one.text))), None)
        return Found(words.format(*(one_line(part or "?") for part in told.groups()))) if told else None

    return judge


def _memory_limit(_facts: Facts, inside: Inside, unit: UnitSeen) -> Found | None:
    killed = unit.get("Result") == _MEMORY or any(_MEMORY in one.text for one in inside.journal)
    if not killed:
        return None
    limit = unit.get("MemoryMax") or "?"
    return Found(f"systemd says result {_MEMORY}; MemoryMax is {limit}")


def _missing(inside: Inside) -> str:
    told = _MODULE.search(first_error(inside.journal)) or _MODULE.search(inside.checked)
    return told[1] if told else ""


def _entry_missing(facts: Facts, inside: Inside, _: UnitSeen) -> Found | None:
    return Found(f"there is no {facts.entry}") if _missing(inside) == facts.entry else None


def _module_missing(_facts: Facts, inside: Inside, _: UnitSeen) -> Found | None:
    name = _missing(inside)
    return Found(f"it needs {name!r}: {one_line(first_error(inside.journal))}") if name else None


def _syntax(_facts: Facts, inside: Inside, _: UnitSeen) -> Found | None:
    told = inside.checked if "SyntaxError" in inside.checked else first_error(inside.journal)
    return Found(one_line(beginning(told, _SHOWN))) if "SyntaxError" in told else None


def _given_up(_facts: Facts, inside: Inside, unit: UnitSeen) -> Found | None:
    if unit.get("Result") != "start-limit-hit":
        return None
    return Found(f"{unit.state}; the first error of its latest start: {_error(inside)}")


def _error(inside: Inside) -> str:
    return one_line(first_error(inside.journal)) or "none in its journal"


def _starting(_facts: Facts, _inside: Inside, unit: UnitSeen) -> Found | None:
    if unit.get("SubState") not in ("start-pre", "condition"):
        return None
    return Found(f"systemd says {unit.state}: what its ExecStartPre= runs has not ended")


def _crashes(_facts: Facts, inside: Inside, unit: UnitSeen) -> Found | None:
    error = first_error(inside.journal)
    if unit.get("ActiveState") == "active" or not (error or unit.get("ActiveState") == "failed"):
        return None
    restarts = unit.get("NRestarts")
    return Found(f"{unit.state}, {restarts or 0} restarts: {_error(inside)}")


def _stopped(enabled: bool) -> Judge:
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


def _never_listens(facts: Facts, _: Inside, unit: UnitSeen) -> Found | None:
    if (unit.get("ActiveState"), unit.get("SubState")) != ("active", "running"):
        return None
    return Found(f"systemd says {unit.state}, and nobody listens at port {facts.port}")


def _row(
    name: str, means: str, judge: Judge, how: str, *, step: Step = 3, evidence: str = "the agent's unit"
) -> Cause:
    has_listener = name in _WITH_LISTENER
    met = _told(judge) if has_listener else _down(judge)
    return Cause(f"agent.{name}", means, f"{evidence}, by SSH", step, how, _HEALTH, met)


_WITH_LISTENER = (
    "port_is_anothers",
    "listens_on_loopback",
    "port_is_dropped",
    "hangs",
    "answers_badly",
    "file_system_read_only",
)
_IMAGE = "in the image, then rebuild the snapshot (step 5)"
_JOURNAL = "the agent's journal"
_PORT = "who listens at the agent's port"
ROWS = (
    _row(
        "port_is_anothers",
        "another program has the agent's port",
        _another_program,
        f"end or disable it {_IMAGE}",
        evidence=_PORT,
    ),
    _row(
        "listens_on_loopback",
        "the agent listens on loopback only",
        _on_loopback,
        f"have server.js listen on 0.0.0.0, {_IMAGE}",
        evidence=_PORT,
    ),
    _row(
        "port_is_dropped",
        "the agent's port is silently dropped in the guest",
        _dropped,
        f"look at the guest's own firewall, and at a full queue of the listener, {_IMAGE}",
        step="troubleshooting",
        evidence=_PORT,
    ),
    _row(
        "hangs",
        "the agent takes connections and does not answer",
        _hangs,
        f"see what it waits for: a stopped process, a busy loop, a call without a timeout; mend it {_IMAGE}",
        evidence=_PORT,
    ),
    _row(
        "answers_badly",
        "the agent says itself that it is not well",
        _answers_badly,
        f"read its journal: journalctl -u it -n 50; mend server.js {_IMAGE}",
        evidence="the agent's answer",
    ),
    _row(
        "file_system_read_only",
        "the guest's root file system is read-only",
        _read_only,
        f"look at the disk: the console and dmesg say why it was remounted; mend it {_IMAGE}",
        step=5,
        evidence="how / is mounted",
    ),
    _row(
        "unit_missing",
        "the guest has no unit for the agent",
        _load_state("not-found"),
        f"write the unit file as the runbook has it, {_IMAGE}",
        step=4,
    ),
    _row("unit_masked", "the agent's unit is masked", _load_state("masked"), f"unmask it {_IMAGE}", step=4),
    _row(
        "unit_refused",
        "systemd refuses the agent's unit file",
        _load_state("bad-setting"),
        f"systemd-analyze verify it, mend what that names {_IMAGE}",
        step=4,
    ),
    *(
        _row(name, means, _spawn(step), f"mend the unit or the image: {means}; {_IMAGE}", step=4)
        for step, (name, means) in _STEPS.items()
    ),
    _row(
        "environment_file_missing",
        "an environment file that the agent's unit names cannot be read",
        _systemd_says(_ENVIRONMENT_FILE, "systemd says: failed to load environment files: {}"),
        f"put the file there, or take it out of the unit, {_IMAGE}",
        step=4,
        evidence=_JOURNAL,
    ),
    _row(
        "memory_limit",
        "the agent is killed at the memory limit of its unit",
        _memory_limit,
        f"raise MemoryLimit= to the runbook's 512M, or mend what takes the memory, {_IMAGE}",
        step=4,
    ),
    _row(
        "entry_missing",
        "the agent's entry is not there",
        _entry_missing,
        f"copy it {_IMAGE}",
        evidence=_JOURNAL,
    ),
    _row(
        "module_missing",
        "a module that the agent needs is not there",
        _module_missing,
        f"install it (npm ci in the agent's folder) {_IMAGE}",
        evidence=_JOURNAL,
    ),
    _row(
        "syntax_error",
        "the agent's source is no JavaScript",
        _syntax,
        f"mend server.js {_IMAGE}",
        evidence="node --check",
    ),
    _row(
        "environment_line_refused",
        "systemd refuses a line of an environment file, so the agent misses a setting",
        _systemd_says(_ENVIRONMENT_LINE, "systemd ignores the line {0!r} of {1}"),
        f"write it as NAME=value, without export, {_IMAGE}",
        step=4,
        evidence=_JOURNAL,
    ),
    _row(
        "given_up",
        "systemd has given the agent up after too many starts",
        _given_up,
        f"set StartLimitIntervalSec=0, and mend why it ends, {_IMAGE}",
        step=4,
    ),
    _row(
        "never_started_yet",
        "what comes before the agent's start does not end",
        _starting,
        f"set ExecStartPre= as the runbook has it, {_IMAGE}",
        step=4,
    ),
    _row(
        "crashes",
        "the agent ends by an error of its own",
        _crashes,
        f"mend what the error names in server.js {_IMAGE}",
        evidence=_JOURNAL,
    ),
    _row(
        "not_enabled",
        "nobody starts the agent: its unit is not enabled",
        _stopped(False),
        f"systemctl enable it {_IMAGE}",
        step=4,
    ),
    _row("stopped", "the agent was stopped", _stopped(True), f"start it {_IMAGE}", step=4),
    _row(
        "does_not_listen",
        "the agent runs, and does not listen",
        _never_listens,
        f"see what it waits for before it listens; mend server.js {_IMAGE}",
        evidence=_PORT,
    ),
)
