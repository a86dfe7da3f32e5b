"""An agent that has come to rest after what was done to it: only then is it fit for the next experiment."""

from __future__ import annotations

from harness.errors import UnfitVmError, WaitTimeoutError
from harness.guest.agent_state import ask_agent_state
from harness.vm.machine import Vm

_LONGEST_S = 120.0
_SETTLE = """
    read -r now _ </proc/uptime
    end=$((${{now%%.*}} + {limit_s:.0f}))
    settled=no
    while [ "${{now%%.*}}" -lt "$end" ]; do
        state=$(systemctl show -p ActiveState,SubState,Job "$unit") || exit 1
        case $state in *Job=[1-9]*) ;; *ActiveState=active*) settled=yes && break ;; esac
        sleep 0.7  # asking starts a program, which an emulated guest takes long for
        read -r now _ </proc/uptime
    done
    systemctl reset-failed "$unit"
    printf 'Settled=%s\\nLastState=%s\\n' "$settled" "$(echo $state)"
"""
"""Starts that were counted, of which there may be so many in a while, are forgotten."""


def settle(vm: Vm) -> None:
    """Wait for a unit that is active, with no start or restart pending, and a healthy agent.

    :raises UnfitVmError: not within the site's recovery time.
    :raises TransportError: the guest did not tell.
    """
    limit_s = min(vm.hypervisor.site.guest.recovery_s, _LONGEST_S)
    told = ask_agent_state(vm, then=_SETTLE.format(limit_s=limit_s)).properties
    why = "" if told.get("Settled") == "yes" else f"its unit: {told.get('LastState')}"
    try:
        if not why:
            vm.wait_healthy(limit_s)
    except WaitTimeoutError as error:
        why = error.message
    if why:
        raise UnfitVmError(f"{vm.name}: not at rest within {limit_s:g} s of an experiment; {why}")
