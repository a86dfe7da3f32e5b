"""Which faults a deployment cannot have, and why."""

from __future__ import annotations

from collections.abc import Mapping

_NO_MEMORY = "it has no memory snapshot"
_FORGOTTEN = "it is lost with the memory: every VM boots, and systemd reads its files anew"
_BOOTED = "a VM is booted, and an agent whose unit is not enabled never comes up in it"

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
    }
}
"""Deployment -> fault -> why it does not apply."""
