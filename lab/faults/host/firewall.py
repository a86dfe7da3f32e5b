"""A firewall rule stops requests to the agents."""

from __future__ import annotations

from contextlib import AbstractContextManager

from lab.faults.patient import Patient

REDS = {"host.no_firewall_between"}


def inject(patient: Patient) -> AbstractContextManager[None]:
    """The host drops what it sends to port 8080."""
    return patient.on_host(
        do="nft add table inet fa017; "
        "nft 'add chain inet fa017 output { type filter hook output priority 0; }'; "
        "nft add rule inet fa017 output tcp dport 8080 drop",
        undo="nft delete table inet fa017",
    )
