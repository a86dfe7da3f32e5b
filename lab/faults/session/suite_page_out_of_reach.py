"""The host's firewall drops what VMs send to ports that it does not know."""

from __future__ import annotations

from contextlib import AbstractContextManager

from lab.faults.patient import Patient

REDS: set[str] = set()
BROKEN = {
    "session.vm_opens_the_page_it_is_told_to",
    "session.two_sessions_at_once_have_their_own_addresses",
    "session.window_shows_the_page_opened",
    "session.window_is_not_frozen",
    "session.two_windows_at_once_show_their_own_vms",
    "session.hop_shows_the_page",
}
LAYERS = ("session/test_window.py",)


def inject(patient: Patient) -> AbstractContextManager[None]:
    """A host may: that the suite's own pages cannot be opened says nothing of the site."""
    new = "tcp dport 32768-60999 tcp flags & (syn|ack) == syn"
    rules = (
        "nft add table inet fa017",
        "nft 'add chain inet fa017 input { type filter hook input priority 0; }'",
        f"nft 'add rule inet fa017 input iifname fcbr0 {new} drop'",
    )
    return patient.on_host(do="; ".join(rules), undo="nft delete table inet fa017")
