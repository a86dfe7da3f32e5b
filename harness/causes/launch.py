"""Causes on the host, outside the VM: the controller, the golden files, the VMM."""

from __future__ import annotations

import re
import signal

from harness.causes.cause import Cause, Found, Met
from harness.causes.facts import ControllerSeen, Facts, Process
from harness.mend import Command
from harness.text import beginning, ending, one_line
from harness.vm.refusal import CAUSES as REFUSALS
from harness.vm.refusal import Cause as Refused

_ANSWERED = re.compile(r"^\s*it answered (\d+ to \S+ \S+): (.*)$", re.MULTILINE)
"""How the driver tells a whole answer, below what it makes of it."""
_HEALTH, _RESUMES = "guest.health_answers_in_time", "guest.clone_resumes_from_the_snapshot"
_STARTS = "session.session_starts"
_LONG = "read the controller's journal about this launch: it asks something else, or not long enough"
_SHOWN = 300
_REBUILD = "rebuild: ./scripts/build-golden-snapshot-complete.sh browser"
_NOT_STARTED = re.compile(r"\bthe VMM of acc-\S+ did not start: (.*)", re.DOTALL)
"""How the custodian begins to tell of a VMM that ended before its API was there."""


def _controller_loops(facts: Facts) -> Found | None:
    seen = facts.controller
    if seen is None or not seen.looping:
        return None
    said = f"its last words before it ended: {one_line(ending(seen.words, _SHOWN))}" if seen.words else ""
    return Found(f"{seen.unit} is {seen.state}; {said or 'its journal has no word of its own'}")


def _controller_down(facts: Facts) -> Found | None:
    seen = facts.controller
    if seen is None or seen.active or seen.looping:
        return None
    words = f"; its last words: {one_line(ending(seen.words, _SHOWN))}" if seen.words else ""
    return Found(f"{seen.unit} is {seen.state}{words}", (_started(seen),))


def _started(seen: ControllerSeen) -> Command:
    return Command(("sudo", "systemctl", "start", seen.unit))


def _controller_hangs(facts: Facts) -> Found | None:
    seen = facts.controller
    if seen is None or not seen.active or not seen.api:
        return None
    restart = Command(("sudo", "systemctl", "restart", seen.unit))
    return Found(f"{seen.unit} is {seen.state}, and its API: {one_line(seen.api)}", (restart,))


def _controller_gave_up(facts: Facts) -> Found | None:
    agent = facts.hops.agent if facts.hops else None
    if not facts.refusal or agent is None or agent.status != 200:
        return None
    return Found(
        f"GET :{agent.port} at {facts.address} is answered 200 from the host, and the controller said:"
        f" {one_line(beginning(facts.refusal, _SHOWN))}"
    )


def _refused(*means: str) -> tuple[Refused, ...]:
    """Rows of what Firecracker refuses, by what they mean."""
    return tuple(one for one in REFUSALS if one.means in means)


def _refusal(name: str, means: str, rows: tuple[Refused, ...], how: str) -> Cause:
    """By Firecracker's own words, or by ours where they are read already."""

    def met(facts: Facts) -> Found | None:
        text = facts.refusal
        if any(row.means in text or row.explains(text) for row in rows):
            return Found(_said(text))
        return None

    return Cause(f"snapshot.{name}", means, "what the VMM refused", 5, how, _RESUMES, met)


def _said(refusal: str) -> str:
    """The VMM's own words of a refusal, where it holds more than these; their end is the innermost cause."""
    told = _ANSWERED.search(refusal)
    if told is None:
        return f"the VMM said: {one_line(beginning(refusal, _SHOWN))}"
    return f"the VMM answered {told[1]}: {one_line(ending(told[2], _SHOWN))}"


def _does_not_start(facts: Facts) -> Found | None:
    told = _NOT_STARTED.search(facts.refusal)
    return Found(one_line(beginning(told[1], _SHOWN))) if told else None


def _process(facts: Facts) -> Process | None:
    return facts.hops.process if facts.hops and facts.hops.process.is_known else None


def _killed(facts: Facts) -> Found | None:
    seen = _process(facts)
    if seen is None or seen.runs:
        return None
    if seen.oom:
        return Found(f"the host's kernel, for want of memory: {one_line(seen.oom)}")
    return (
        Found(f"process {seen.pid} was ended by {_signal(-(seen.ended or 0))}")
        if (seen.ended or 0) < 0
        else None
    )


def _signal(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def _ended(facts: Facts) -> Found | None:
    seen = _process(facts)
    if seen is None or seen.runs:
        return None
    how = "" if seen.ended is None else f" with status {seen.ended}"
    said = f"; its log ends with: {one_line(ending(seen.said, _SHOWN))}" if seen.said else ""
    return Found(f"process {seen.pid} has ended{how}{said}")


def _stopped(facts: Facts) -> Found | None:
    seen = _process(facts)
    if seen is None or not re.fullmatch("[Tt]", seen.state):
        return None
    return Found(
        f"process {seen.pid} is in state {seen.state}", (Command(("sudo", "kill", "-CONT", str(seen.pid))),)
    )


def _paused(facts: Facts) -> Found | None:
    return Found("its API tells the state Paused") if facts.hops and facts.hops.api == "Paused" else None


def _vmm(name: str, means: str, met: Met, how: str, *, evidence: str = "the VMM's process") -> Cause:
    return Cause(f"vmm.{name}", means, evidence, "troubleshooting", how, _HEALTH, met)


def _of_controller(name: str, means: str, met: Met, how: str, shown_by: str) -> Cause:
    evidence = "the controller's unit, journal and API"
    return Cause(f"controller.{name}", means, evidence, "troubleshooting", how, shown_by, met)


CONTROLLER = (
    _of_controller(
        "crash_loop",
        "the controller ends again and again",
        _controller_loops,
        "mend what its last words name, then systemctl restart it",
        "host.controller_active",
    ),
    _of_controller(
        "down",
        "the controller does not run",
        _controller_down,
        "systemctl start it, then read its journal",
        "host.controller_active",
    ),
    _of_controller(
        "hangs",
        "the controller runs, and its API does not answer",
        _controller_hangs,
        "systemctl restart it, then read its journal",
        "host.controller_api_answers",
    ),
)
GAVE_UP = _of_controller(
    "gave_up",
    "the VM is well, and the controller gives it up",
    _controller_gave_up,
    _LONG,
    _STARTS,
)
SNAPSHOT = (
    _refusal(
        "vmstate_damaged",
        "the vmstate file is damaged",
        _refused(
            "the vmstate file is damaged",
            "the vmstate file cannot be decoded",
            "the vmstate file is no snapshot of this VMM on this architecture",
        ),
        _REBUILD,
    ),
    _refusal(
        "vmstate_missing",
        "the vmstate file is not there",
        _refused("the vmstate file is not there"),
        f"put the file back where it was, or {_REBUILD}",
    ),
    _refusal(
        "memory_missing",
        "the memory file is not there",
        _refused("the memory file is not there"),
        f"put the file back where it was, or {_REBUILD}",
    ),
    _refusal(
        "memory_short",
        "the memory file is shorter than the snapshot says",
        _refused("the memory file is shorter than the snapshot says"),
        _REBUILD,
    ),
    _refusal(
        "interface_unknown",
        "the snapshot has no network interface of the name that the profile gives",
        _refused("the snapshot has no network interface of the name that the profile gives"),
        "correct snapshot.iface_id in the profile",
    ),
)
VMM = (
    Cause(
        "vmm.does_not_start",
        "the VMM ends before it takes any order",
        "what the VMM refused",
        "troubleshooting",
        "run it by hand: firecracker --version, and see what it says",
        _RESUMES,
        _does_not_start,
    ),
    _vmm(
        "killed",
        "somebody has killed the VMM",
        _killed,
        "find who did, in the host's journal; where it was the kernel, run fewer VMs at once",
    ),
    _vmm(
        "ended",
        "the VMM has ended by itself: the guest reset itself, as after a panic, or the VMM failed",
        _ended,
        "read the guest's console and the VMM's log in the evidence",
    ),
    _vmm("stopped", "the VMM is stopped by a signal", _stopped, "let it go on: kill -CONT"),
    _vmm(
        "paused",
        "the VM is paused: it was never resumed",
        _paused,
        'have whoever makes VMs resume them: PATCH /vm {"state": "Resumed"}',
        evidence="the VMM's API",
    ),
)
