"""What lies between the host and its VMs."""

from __future__ import annotations

from contextlib import AbstractContextManager

from lab.faults.fault import fault
from lab.faults.firewall import ruled
from lab.faults.patient import Patient


@fault(reds={"host.bridge_up"}, unproven={"host.no_firewall_between"}, cause="network.bridge_down")
def bridge_down(patient: Patient) -> AbstractContextManager[None]:
    """The VMs' bridge is down; it has its address."""
    return patient.on_host(do="ip link set fcbr0 down", undo="ip link set fcbr0 up")


@fault(reds={"host.bridge_up"}, unproven={"host.no_firewall_between"}, cause="network.bridge_without_address")
def bridge_without_address(patient: Patient) -> AbstractContextManager[None]:
    """The VMs' bridge has lost its address; it is up."""
    return patient.on_host(
        do="ip address delete 192.168.100.1/24 dev fcbr0",
        undo="ip address add 192.168.100.1/24 dev fcbr0",
    )


@fault(reds={"host.no_firewall_between"}, cause="network.requests_dropped")
def firewall(patient: Patient) -> AbstractContextManager[None]:
    """A firewall rule stops requests to the agents: the host drops what it sends to port 8080."""
    return ruled(patient, "output", "tcp dport 8080 drop")
