"""A port of every VM that only root on the host still reaches: as the controller is, and we are not."""

from __future__ import annotations

from contextlib import AbstractContextManager

from lab.faults.patient import Patient


def unreachable(patient: Patient, port: int) -> AbstractContextManager[None]:
    """A rule that rejects what other users send there."""
    rules = (
        "nft add table inet fa017",
        "nft 'add chain inet fa017 output { type filter hook output priority 0; }'",
        f"nft add rule inet fa017 output tcp dport {port} meta skuid != 0 reject with tcp reset",
    )
    return patient.on_host(do="; ".join(rules), undo="nft delete table inet fa017")
