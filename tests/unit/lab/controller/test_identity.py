"""What a restored guest is told of itself."""

from __future__ import annotations

from ipaddress import IPv4Address

from lab.controller import vm
from lab.controller.settings import Settings


def test_a_guest_without_a_clock_can_tell_that_it_was_restored() -> None:
    """By a generation that the parked guest has not seen; Firecracker's guests have no clock of their own."""
    settings = Settings("postgresql://")
    told = [
        vm.identity(settings, vm.at(settings, vm_id, IPv4Address("192.168.100.7"))) for vm_id in ("a1", "b2")
    ]
    one, other = (identity["generation"] for identity in told)
    assert one
    assert other
    assert one != other
