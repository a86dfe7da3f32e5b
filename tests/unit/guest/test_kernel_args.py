"""A clone of ours is booted with what the kernel of a session's VM was told, but for address and devices."""

from __future__ import annotations

import pytest

from harness.guest.kernel_args import as_launched
from harness.site.profile import Site

TAKEN = "console=ttyS0 quiet root=/dev/vda rw"


@pytest.mark.parametrize(
    ("boot_args", "cmdline", "expected"),
    [
        ("console=ttyS0", TAKEN, TAKEN),
        (
            "console=ttyS0",
            f"BOOT_IMAGE=/x {TAKEN} virtio_mmio.device=4K@0xd0000000:5 pci=off",
            f"{TAKEN} pci=off",
        ),
        (
            "console=ttyS0",
            f"ip=10.0.0.7::10.0.0.1:255.255.0.0::eth0:on {TAKEN}",
            f"ip=192.168.100.2::192.168.100.1:255.255.255.0::eth0:on {TAKEN}",
        ),
        ("ip=10.9.9.9::10.9.9.1:255.0.0.0", f"{TAKEN} ip=10.0.0.7::10.0.0.1:255.255.0.0::eth0:on", None),
        ("ip=10.9.9.9::10.9.9.1:255.0.0.0", TAKEN, None),
        ("console=ttyS0", f"ip=dhcp {TAKEN}", f"ip=dhcp {TAKEN}"),
    ],
)
def test_the_address_and_the_devices_are_ours(boot_args: str, cmdline: str, expected: str | None) -> None:
    """None: as the first of the profile's own arguments, behind the rest."""
    site = Site.model_validate({"name": "x", "snapshot": {"boot_args": boot_args}})
    assert as_launched(cmdline, site) == (expected or f"{TAKEN} {boot_args}")
