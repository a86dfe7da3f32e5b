"""Rules of nftables on the host, in a table that heals with all that is in it."""

from __future__ import annotations

from contextlib import AbstractContextManager

from lab.faults.patient import Patient


def ruled(patient: Patient, hook: str, rule: str) -> AbstractContextManager[None]:
    """One more rule, for what comes by this hook (``input``, ``output``)."""
    rules = (
        "nft add table inet fa017",
        f"nft 'add chain inet fa017 {hook} {{ type filter hook {hook} priority 0; }}'",
        f"nft 'add rule inet fa017 {hook} {rule}'",
    )
    return patient.on_host(do="; ".join(rules), undo="nft delete table inet fa017")


def unreachable(patient: Patient, port: int) -> AbstractContextManager[None]:
    """A port of every VM that only root on the host still reaches: as the controller is, and we are not."""
    return ruled(patient, "output", f"tcp dport {port} meta skuid != 0 reject with tcp reset")
