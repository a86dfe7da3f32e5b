"""What lies between the host and its VMs."""

from __future__ import annotations

from contextlib import AbstractContextManager

from lab.faults.fault import fault
from lab.faults.firewall import ruled
from lab.faults.patient import Patient

_ADDRESS = "192.168.100.1/24"
_FILE = "/run/systemd/network/00-fa017.network"
_AGAIN = "networkctl reload; networkctl reconfigure fcbr0"


def _waited(negation: str) -> str:
    """Until the bridge has its address, or has it not: networkd does what it is told a moment later."""
    shown = f"ip -4 -o address show dev fcbr0 | grep -qF {_ADDRESS}"
    return f"timeout 60 sh -c 'until {negation} {shown}; do sleep 0.1; done'"


@fault(reds={"host.bridge_up"}, unproven={"host.no_firewall_between"}, cause="network.bridge_down")
def bridge_down(patient: Patient) -> AbstractContextManager[None]:
    """The VMs' bridge is down; it has its address."""
    return patient.on_host(do="ip link set fcbr0 down", undo="ip link set fcbr0 up")


@fault(reds={"host.bridge_up"}, unproven={"host.no_firewall_between"}, cause="network.bridge_without_address")
def bridge_without_address(patient: Patient) -> AbstractContextManager[None]:
    """The VMs' bridge has no address; it is up.

    The host's own network service does not know it any more either: it would else give it back with the first
    port that the bridge gets.
    """
    forget = f"mkdir -p {_FILE.rpartition('/')[0]}; printf '[Match]\\nName=fcbr0\\n' >{_FILE}"
    return patient.on_host(
        do=f"{forget}; {_AGAIN}; {_waited('!')}",
        undo=f"rm -f {_FILE}; {_AGAIN}; {_waited('')}",
    )


@fault(reds={"host.no_firewall_between"}, cause="network.requests_dropped")
def firewall(patient: Patient) -> AbstractContextManager[None]:
    """A firewall rule stops requests to the agents: the host drops what it sends to port 8080."""
    return ruled(patient, "output", "tcp dport 8080 drop")
