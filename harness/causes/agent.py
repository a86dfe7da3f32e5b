"""Causes inside the guest: who has the agent's port, and what systemd and the agent itself say."""

from __future__ import annotations

from harness.causes import agent_judges as its
from harness.causes.cause import Cause, Step

_HEALTH = "guest.health_answers_in_time"
_STEPS = {
    "EXEC": (
        "exec_failed",
        "the program that the agent's unit starts cannot be run",
        "",
        "install the program, or mend the path in the unit,",
    ),
    "CHDIR": (
        "directory_missing",
        "the working directory of the agent's unit cannot be entered",
        "WorkingDirectory",
        "make the folder, or mend WorkingDirectory= in the unit,",
    ),
    "USER": (
        "user_missing",
        "the user of the agent's unit is not known in the guest",
        "User",
        "make the user, or mend User= in the unit,",
    ),
}


def _row(
    name: str, means: str, judge: its.Judge, how: str, *, step: Step = 3, evidence: str = "the agent's unit"
) -> Cause:
    has_listener = name in _WITH_LISTENER
    met = its.told(judge) if has_listener else its.down(judge)
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
        its.another_program,
        f"end or disable it {_IMAGE}",
        evidence=_PORT,
    ),
    _row(
        "listens_on_loopback",
        "the agent listens on loopback only",
        its.on_loopback,
        f"have server.js listen on 0.0.0.0, {_IMAGE}",
        evidence=_PORT,
    ),
    _row(
        "port_is_dropped",
        "the agent's port is silently dropped in the guest",
        its.dropped,
        f"look at the guest's own firewall, and at a full queue of the listener, {_IMAGE}",
        step="troubleshooting",
        evidence=_PORT,
    ),
    _row(
        "hangs",
        "the agent takes connections and does not answer",
        its.hangs,
        f"see what it waits for: a stopped process, a busy loop, a call without a timeout; mend it {_IMAGE}",
        evidence=_PORT,
    ),
    _row(
        "answers_badly",
        "the agent says itself that it is not well",
        its.answers_badly,
        f"read the last lines of its unit's journal; mend server.js {_IMAGE}",
        evidence="the agent's answer",
    ),
    _row(
        "file_system_read_only",
        "the guest's root file system is read-only",
        its.read_only,
        f"look at the disk: the console and dmesg say why it was remounted; mend it {_IMAGE}",
        step=5,
        evidence="how / is mounted, and the agent's journal",
    ),
    _row(
        "unit_missing",
        "the guest has no unit for the agent",
        its.load_state("not-found"),
        f"write the unit file as the runbook has it, {_IMAGE}",
        step=4,
    ),
    _row(
        "unit_masked", "the agent's unit is masked", its.load_state("masked"), f"unmask it {_IMAGE}", step=4
    ),
    _row(
        "unit_refused",
        "systemd refuses the agent's unit file",
        its.load_state("bad-setting"),
        f"systemd-analyze verify it, mend what that names {_IMAGE}",
        step=4,
    ),
    *(
        _row(name, means, its.spawn(step, names=names), f"{how} {_IMAGE}", step=4)
        for step, (name, means, names, how) in _STEPS.items()
    ),
    _row(
        "environment_file_missing",
        "an environment file that the agent's unit names cannot be read",
        its.environment_file,
        f"put the file there, or take it out of the unit, {_IMAGE}",
        step=4,
        evidence=_JOURNAL,
    ),
    _row(
        "memory_limit",
        "the agent is killed, or kept from all work, at the memory limit of its unit",
        its.memory_limit,
        f"raise MemoryMax=, or the runbook's MemoryLimit=, to 512M, or mend what takes the memory, {_IMAGE}",
        step=4,
    ),
    _row(
        "entry_missing",
        "the agent's entry is not there",
        its.entry_missing,
        f"copy it {_IMAGE}",
        evidence=_JOURNAL,
    ),
    _row(
        "module_missing",
        "a module that the agent needs is not there",
        its.module_missing,
        f"install it (npm ci in the agent's folder) {_IMAGE}",
        evidence=_JOURNAL,
    ),
    _row(
        "syntax_error",
        "the agent's source is no JavaScript",
        its.syntax,
        f"mend server.js {_IMAGE}",
        evidence="node --check",
    ),
    _row(
        "environment_line_refused",
        "systemd refuses a line of an environment file, so the agent misses a setting",
        its.environment_line,
        f"write it as NAME=value, without export, {_IMAGE}",
        step=4,
        evidence=_JOURNAL,
    ),
    _row(
        "given_up",
        "systemd has given the agent up after too many starts",
        its.given_up,
        f"set StartLimitIntervalSec=0, and mend why it ends, {_IMAGE}",
        step=4,
    ),
    _row(
        "never_started_yet",
        "what comes before the agent's start does not end",
        its.starting,
        f"set ExecStartPre= as the runbook has it, {_IMAGE}",
        step=4,
    ),
    _row(
        "crashes",
        "the agent ends by an error of its own",
        its.crashes,
        f"mend what the error names in server.js {_IMAGE}",
        evidence=_JOURNAL,
    ),
    _row(
        "not_enabled",
        "nobody starts the agent: its unit is not enabled",
        its.stopped(False),
        f"systemctl enable it {_IMAGE}",
        step=4,
    ),
    _row("stopped", "the agent was stopped", its.stopped(True), f"start it {_IMAGE}", step=4),
    _row(
        "does_not_listen",
        "the agent runs, and does not listen",
        its.never_listens,
        f"see what it waits for before it listens; mend server.js {_IMAGE}",
        evidence=_PORT,
    ),
)
