"""What is done to an agent in a clone of its own, and what was observed. Nothing is judged here."""

from __future__ import annotations

import time
from dataclasses import dataclass

import httpx

from harness.guest.agent_process import ask_for_inspector
from harness.guest.agent_state import AgentState, answers, ask_agent_state, ending_of
from harness.guest.inspector import PORT as INSPECTOR_PORT
from harness.guest.inspector import inspector
from harness.guest.recovery import REQUEST_S, Recovery, recovery, within
from harness.guest.unit_file import parse_span
from harness.values import natural
from harness.vm.machine import Vm

EXIT_S = 5.0
"""An agent that is to exit has this long to be gone."""
OUTAGE_S = 2.0
"""How long the cable is out: whoever sends meanwhile notices, since TCP tries again after a second."""
_BURST, _INTERVAL_S = 5, 10.0
"""systemd's own limit of starts, where nobody has set another."""
_INJECT_MS = 400  # time to leave the inspector before the process ends


@dataclass(frozen=True)
class Crash:
    """The main process was made to end."""

    probe: str
    """Words that the injected error carried."""
    before: AgentState
    after: AgentState
    gone: bool
    """The agent's port was closed within :data:`EXIT_S`."""
    recovery: Recovery
    """From the closed port to a healthy agent."""

    @property
    def no_start(self) -> str:
        """What speaks for an agent that did not come up again."""
        return _no_start(self.after, self.recovery)


@dataclass(frozen=True)
class TakenPort:
    """The unit was started while its port belonged to somebody else."""

    starts: int
    """How often it was started by hand in a few seconds, beside its own restart."""
    after: AgentState
    recovery: Recovery
    """From the port's release to a healthy agent."""

    @property
    def no_start(self) -> str:
        """What speaks for an agent that did not come up again."""
        return _no_start(self.after, self.recovery)

    @property
    def ending(self) -> tuple[str, str] | None:
        """How its first main process ended that systemd did not end, to start it as it was told to: of one
        that is not started yet systemd says no stopping."""
        ends = (one for one in map(ending_of, self.after.exits) if one != ("killed", "15"))
        return next(ends, None)

    @property
    def meets_any_limit(self) -> bool:
        """Whether a limit would have been met: there is none, or it was started often enough in its time."""
        limit = self.after.properties
        span = parse_span(limit.get("StartLimitIntervalUSec", ""))
        burst = natural(limit.get("StartLimitBurst") or str(_BURST), whose="StartLimitBurst")
        if span == 0 or burst == 0:
            return True
        times = self.after.starts_s
        firsts = zip(times[:-burst], times[burst:], strict=True)
        return any(last - first <= (span or _INTERVAL_S) for first, last in firsts)


@dataclass(frozen=True)
class LinkOutage:
    """The guest's network cable was pulled and put back."""

    before: AgentState
    after: AgentState
    unreachable: bool
    recovery: Recovery

    @property
    def no_start(self) -> str:
        """What speaks for an agent that did not come up again."""
        return _no_start(self.after, self.recovery)


def uncaught_exception(vm: Vm, probe: str) -> Crash:
    """Throw in a timer, where nobody can catch."""
    return _injected(vm, probe, f"throw new Error({probe!r})")


def unhandled_rejection(vm: Vm, probe: str) -> Crash:
    """Reject a promise that nobody handles."""
    return _injected(vm, probe, f"Promise.reject(new Error({probe!r}))")


def killed(vm: Vm, probe: str) -> Crash:
    """SIGKILL the main process."""
    return _outage(vm, probe, ask_agent_state(vm, then='kill -s KILL "$pid"'))


def taken_port(vm: Vm, _probe: str) -> TakenPort:
    """Start the unit while systemd itself holds its port, more often than a start limit would allow.

    Where that made systemd give up, which its journal tells, the unit is started once more to see the rest.
    """
    starts, port = 6, vm.hypervisor.site.agent.port
    script = f"""
        systemctl stop "$unit"
        systemd-run --quiet --collect --unit=acceptance-port \\
            --socket-property=ListenStream=0.0.0.0:{port} /bin/true || exit 1
        n=1
        while [ "$n" -le {starts} ]; do
            systemctl restart --no-block "$unit"
            n=$((n + 1))
        done
        case $(systemctl show -p ActiveState "$unit") in
        *failed) systemctl reset-failed "$unit" && systemctl start --no-block "$unit" ;;
        esac
        n=0
        while [ "$n" -lt 40 ]; do
            case $(systemctl show -p NRestarts,ActiveState "$unit") in
            *NRestarts=0*ActiveState=failed* | *ActiveState=failed*NRestarts=0*) break ;;
            *NRestarts=0*) ;;
            *) break ;;
            esac
            sleep 0.7  # asking starts a program, which an emulated guest takes long for
            n=$((n + 1))
        done
        systemctl stop acceptance-port.socket
    """
    before = ask_agent_state(vm, then=script)
    came_of_it = recovery(vm)
    return TakenPort(starts, ask_agent_state(vm, since_s=before.uptime_s), came_of_it)


def link_outage(vm: Vm, _probe: str) -> LinkOutage:
    """Pull the network cable until nothing answers, and put it back."""
    before = ask_agent_state(vm)
    vm.link(False)
    begun = time.monotonic()
    try:
        unreachable = within(EXIT_S, lambda: _is_unreachable(vm))
        # The host notices at once, by its route; the guest must have the time to.
        time.sleep(max(0.0, begun + OUTAGE_S - time.monotonic()))
    finally:
        vm.link(True)
    came_of_it = recovery(vm)
    return LinkOutage(before, ask_agent_state(vm, since_s=before.uptime_s), unreachable, came_of_it)


def _no_start(after: AgentState, came_of_it: Recovery) -> str:
    """Of an agent that was not started at all it is nothing that speaks."""
    if came_of_it.seconds is not None or not after.starts_s:
        return ""
    why = (
        f"given up by systemd: {came_of_it.given_up}"
        if came_of_it.given_up
        else "not healthy within guest.recovery_s"
    )
    return f"started, and {why}"


def _injected(vm: Vm, probe: str, fault: str) -> Crash:
    before = ask_for_inspector(vm)
    with inspector(vm.local_forward(INSPECTOR_PORT)) as session:
        session.evaluate(f"setTimeout(() => {{ {fault} }}, {_INJECT_MS}), 0")
    return _outage(vm, probe, before)


def _outage(vm: Vm, probe: str, before: AgentState) -> Crash:
    gone = within(EXIT_S, lambda: not _answers(vm))
    came_of_it = recovery(vm)
    after = ask_agent_state(vm, since_s=before.uptime_s)
    return Crash(probe, before, after, gone, came_of_it)


def _answers(vm: Vm) -> bool:
    """A slow answer is still an answer: only a closed port means that the agent is gone."""
    try:
        return answers(vm, timeout_s=REQUEST_S)
    except httpx.TimeoutException:
        return True


def _is_unreachable(vm: Vm) -> bool:
    try:
        return not answers(vm, timeout_s=1)
    except httpx.TimeoutException:
        return True
