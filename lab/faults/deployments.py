"""Which faults a deployment cannot have, and why."""

from __future__ import annotations

from collections.abc import Mapping

_NO_MEMORY = "it has no memory snapshot"
_FORGOTTEN = "it is lost with the memory: every VM boots, and systemd reads its files anew"
_NAMED = "a VM that is booted gets an interface of whatever name the profile gives"
_BOOTED = "a VM is booted, and an agent whose unit is not enabled never comes up in it"
_APART = "a VM's TAP is in a network namespace of its own, where it is no port of the host's bridge"
_ELSEWHERE = "a VM's TAP is in a network namespace of its own, and this is done to a device of the host's"
_ONE_NAME = "the TAPs of all VMs are called the same, so that rows may share the name"

NOT_ON: Mapping[str, Mapping[str, str]] = {
    "coldboot": {
        "host.memory_altered": _NO_MEMORY,
        "host.memory_empty": _NO_MEMORY,
        "host.vmstate_damaged": _NO_MEMORY,
        "guest.truncated_vmstate": _NO_MEMORY,
        "guest.restored": _FORGOTTEN,
        "guest.network": _FORGOTTEN,
        "guest.outages": _FORGOTTEN,
        "guest.unit_directives": _BOOTED,
        "guest.unit_drift": _FORGOTTEN,
        "guest.unsafe_clones": _FORGOTTEN,
        "guest.users_have_a_worn_vm": _FORGOTTEN,
        "guest.users_have_another_unit": _BOOTED,
        "guest.agent_stopped": _FORGOTTEN,
        "guest.agent_hangs": _FORGOTTEN,
        "guest.agent_port_is_anothers": _FORGOTTEN,
        "guest.agent_file_system_read_only": _FORGOTTEN,
        "guest.interface_goes_down": _FORGOTTEN,
        "guest.takes_another_address": _FORGOTTEN,
        "guest.powers_off": _FORGOTTEN,
        "guest.vmm_killed": _FORGOTTEN,
        "guest.vmm_stopped": _FORGOTTEN,
        "guest.vmm_paused": _FORGOTTEN,
        "guest.vmstate_gone": _NO_MEMORY,
        "guest.memory_gone": _NO_MEMORY,
        "guest.memory_cut": _NO_MEMORY,
        "guest.interface_of_another_name": _NAMED,
    },
    "netns": {
        "db.shared_tap": _ONE_NAME,
        "host.vm_off_the_bridge": _APART,
        "session.vm_in_pieces": _APART,
        "session.tap_deleted": _ELSEWHERE,
        "session.tap_not_on_bridge": _ELSEWHERE,
        "session.tap_is_down": _ELSEWHERE,
    },
}
"""Deployment -> fault -> why it does not apply."""
