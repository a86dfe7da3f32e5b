"""The kernel's command line of a session's VM, for a clone of ours that is booted as that was."""

from __future__ import annotations

from collections.abc import Iterator

from harness.site.profile import Site

_OF_THE_VMM = ("virtio_mmio.device=", "BOOT_IMAGE=")
"""What a VMM adds for the devices that it has: ours adds its own."""
_ADDRESS = "ip="


def as_launched(cmdline: str, site: Site) -> str:
    """What to boot a clone with so that its kernel is told what that of a session's VM was; its address is
    the one that the profile gives our clones."""
    return " ".join(_words(cmdline, site))


def _words(cmdline: str, site: Site) -> Iterator[str]:
    ours = [word for word in site.snapshot.boot_args.split() if word.startswith(_ADDRESS)]
    for word in cmdline.split():
        if word.startswith(_ADDRESS):
            yield from ours or [_with_our_address(word, site)]
            ours = []
        elif not word.startswith(_OF_THE_VMM):
            yield word
    yield from ours


def _with_our_address(word: str, site: Site) -> str:
    """``ip=<client>:<server>:<gateway>:<netmask>:…`` with our clones' own; any other way, as DHCP, stays."""
    parts = word.removeprefix(_ADDRESS).split(":")
    if len(parts) < 4 or not parts[0]:
        return word
    guest = site.snapshot.guest_address
    parts[0], parts[2], parts[3] = str(guest.ip), str(site.snapshot.gateway), str(guest.netmask)
    return _ADDRESS + ":".join(parts)
