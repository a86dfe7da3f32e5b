"""Which process the agent is: behind npm, pm2 or a shell it is not the main one of its unit."""

from __future__ import annotations

from harness.errors import TransportError
from harness.guest.agent_state import AgentState, ask_agent_state
from harness.values import natural
from harness.vm.machine import Vm

_FIND = """
agent=$pid
read -r group <"/proc/$pid/cgroup" 2>/dev/null || group='(none)'
listening=$(ss -Htlnp 'sport = :{port}')
IFS=,
for word in $listening; do
    case $word in
    pid=*)
        one=${{word#pid=}}
        read -r of <"/proc/$one/cgroup" 2>/dev/null || continue
        case $of in "$group" | "$group"/*) agent=$one ;; *) continue ;; esac
        [ "$one" = "$pid" ] && break
        ;;
    esac
done
unset IFS
"""
"""The owner of the agent's port, if it is within the unit's cgroup; else the main process."""

_SIGNAL = """
while read -r key mask; do [ "$key" = SigCgt: ] && break; done <"/proc/$agent/status"
case $mask in *[2367abef]??) kill -s USR1 "$agent" && echo INSPECTOR=asked ;; esac
"""
"""Node.js catches SIGUSR1, and starts its inspector; whoever does not catch it would die of it."""

_TELL = """
printf 'AGENT=%s\\n' "$agent"
sed -n 's/^NSpid:.*[[:space:]]/INSIDE=/p' "/proc/$agent/status"
tr '\\0' '\\n' <"/proc/$agent/environ" | sed -n 's/^NODE_OPTIONS=/NODE_OPTIONS=/p'
"""


def found(port: int) -> str:
    """Shell for :func:`ask_agent_state`'s ``then``: ``$agent`` is the process that serves the port."""
    return _FIND.format(port=port)


def ask_for_inspector(vm: Vm) -> AgentState:
    """The unit's state, once the agent's process was asked to start its inspector.

    ``properties`` has that process as ``AGENT``, what it takes for its own pid as ``INSIDE``, its
    ``NODE_OPTIONS`` where it has any, and ``INSPECTOR`` where it could be asked.

    :raises TransportError: the guest cannot be asked, or told of no process.
    """
    state = ask_agent_state(vm, then=found(vm.hypervisor.site.agent.port) + _TELL + _SIGNAL)
    if not natural(state.properties.get("AGENT") or "0", whose="the agent's pid"):
        raise TransportError(f"{vm.name}: the agent has no process", hint="look at the unit's journal")
    return state
