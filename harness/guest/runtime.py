"""What the agent's runtime tells: of the running one, and of one started anew that got into trouble."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from harness.errors import TransportError, WaitTimeoutError
from harness.guest.agent_process import ask_for_inspector
from harness.guest.agent_state import AgentState
from harness.guest.inspector import PORT as INSPECTOR_PORT
from harness.guest.inspector import inspector
from harness.guest.places import Place, lines_around
from harness.guest.preload import Process
from harness.guest.running import Running, look_at_process
from harness.guest.trial import Trial, try_handlers
from harness.values import natural
from harness.vm.down import why_down
from harness.vm.machine import Vm


@dataclass(frozen=True)
class AgentRuntime:
    """``running`` is None where the agent has no inspector, and ``no_inspector`` says what was seen."""

    port: int
    running: Running | None
    no_inspector: str
    trial: Trial
    no_start: str = ""
    """Why no process listened on the agent's port under our preload, where none did."""
    sources: Mapping[Place, str] = field(default_factory=dict, repr=False)
    """The lines around each place that may be shown."""

    @property
    def started(self) -> Process | None:
        """The first process that served the agent's port under our preload."""
        return self.trial.listened(self.port)

    @property
    def told(self) -> dict[str, object]:
        """All of it, for the evidence."""
        records = [one for process in self.trial.processes for one in process.records]
        return {
            "running": dataclasses.asdict(self.running) if self.running else self.no_inspector,
            "records": [dataclasses.asdict(one) for one in records],
            "exits": [dataclasses.asdict(one) for one in self.trial.exits],
            "stuck": sorted(self.trial.stuck),
            "no_start": self.no_start,
        }


def ask_runtime(vm: Vm, probe: str) -> AgentRuntime:
    """Look at the running agent by its inspector, then start it anew under a preload, and try its handlers.

    :raises TransportError: the guest cannot be asked.
    """
    port = vm.hypervisor.site.agent.port
    state = ask_for_inspector(vm)
    running, no_inspector = _running(vm, state)
    trial = try_handlers(vm, probe, node_options=state.properties.get("NODE_OPTIONS", ""))
    no_start = "" if trial.listened(port) else why_down(vm.script, vm.hypervisor.site)
    seen = AgentRuntime(port, running, no_inspector, trial, no_start)
    return AgentRuntime(port, running, no_inspector, trial, no_start, lines_around(vm, _places(seen)))


def _running(vm: Vm, state: AgentState) -> tuple[Running | None, str]:
    """What the inspector tells of the process, or why nothing does."""
    pid = int(state.properties["AGENT"])
    if "INSPECTOR" not in state.properties:
        return None, f"process {pid} does not catch SIGUSR1, as Node.js does to start its inspector"
    socket = vm.local_forward(INSPECTOR_PORT)
    try:
        with inspector(socket) as session:
            inside = natural(state.properties.get("INSIDE") or str(pid), whose="the agent's pid")
            return look_at_process(session, pid, inside=inside), ""
    except (TransportError, WaitTimeoutError) as error:
        return None, error.message


def _places(seen: AgentRuntime) -> Iterator[Place]:
    """What a message may show; the running agent's first."""
    if seen.running:
        servers = seen.running.servers_at(seen.port)
        for places in (*seen.running.handlers.values(), *(one.errors for one in servers)):
            yield from (place for place in places if place)
    if seen.started:
        records = (seen.started.of(kind) for kind in ("registered", "removed", "listening", "exit"))
        yield from (one.place for one in itertools.chain(*records) if one.place)
