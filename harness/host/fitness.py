"""Whether a host, its network and its golden disk are of the kind that the suite can judge at all.

What it says here is in ``docs/requirements.md``. Each function returns a line for who asked, or raises.
"""

from __future__ import annotations

from pathlib import Path

from pydantic import BaseModel

from harness.answers import read_as
from harness.errors import SiteError, TransportError
from harness.host.facts import Asked, ask_host
from harness.host.golden.files import GoldenSnapshot
from harness.host.hypervisor import Hypervisor
from harness.host.parts import Bridge, Taps
from harness.mend import shell_line
from harness.site.profile import Site
from harness.values import Natural

_PLACE = Path(__file__).parent / "probes" / "place.py"
_GRACE_S = 30.0
_SYSTEMD = ("/lib/systemd/systemd", "/usr/lib/systemd/systemd")
_OTHERS = ("/sbin/openrc", "/sbin/runit-init", "/sbin/runit", "/bin/s6-svscan", "/etc/inittab")
_SEE = "see docs/requirements.md"


class _Place(BaseModel):
    """The probe's answer."""

    needed: Natural = 0
    free: Natural = 0
    apart: bool = False
    shared: bool = False
    late: bool = False
    took_s: float = 0.0
    error: str = ""
    path: str = ""


def runs_systemd(hypervisor: Hypervisor) -> str:
    """The host has been booted by systemd.

    :raises TransportError: by something else: neither units nor journal could be asked about.
    """
    asked = "test -d /run/systemd/system && systemctl --version | head -n 1 || cat /proc/1/comm"
    said = hypervisor.script(asked, timeout_s=10).stdout.strip()
    if not said.startswith("systemd "):
        raise TransportError(
            f"systemd does not run there: process 1 is {said or 'unknown'!r}",
            hint=f"a controller's unit and journal can be asked about on a host with systemd only: {_SEE}",
        )
    return said


def golden_files(hypervisor: Hypervisor) -> str:
    """All files of the golden snapshot that the profile names are there, and a VM could be made of them.

    :raises SiteError: one is not, by its field.
    """
    snapshot = hypervisor.site.snapshot
    if snapshot.kernel is None and (snapshot.vmstate is None or snapshot.memory is None):
        raise SiteError(
            "snapshot.kernel is none, and so is snapshot.vmstate or snapshot.memory: nothing says how a VM is"
            " made",
            hint="name the kernel that VMs are booted with, or the snapshot that they are restored from",
        )
    files = GoldenSnapshot(hypervisor).files()
    gone = [
        f"snapshot.{role}: {one.path}: {one.error or 'there is no such file on the host'}"
        for role, one in files.items()
        if not one.exists
    ]
    if gone:
        raise SiteError(
            "\n".join(gone),
            hint='mend the paths in the profile; "none" where there is no such file',
        )
    return ", ".join(files)


def place_for_clones(host: Asked, folder: str) -> str:
    """A clone's disk can be made in ``folder``, in the time that it has: tried once.

    :raises SiteError: it cannot, by the field that is to be mended.
    """
    snapshot = host.site.snapshot
    spare = host.site.host.free_disk_mib << 20
    ask = {"disk": snapshot.disk, "folder": folder, "spare": spare, "limit_s": snapshot.copy_s}
    said = host.python(_PLACE.read_text("utf-8"), ask, timeout_s=snapshot.copy_s + _GRACE_S)
    found = read_as(_Place, said, whose=f"whether a disk can be copied to {folder}")
    where = "; it lies on another file system than snapshot.disk" if found.apart else ""
    if found.error:
        raise _no_copy(host.site, folder, found)
    if found.shared:
        return f"{folder}: a copy of the golden disk shares its blocks"
    size = f"{found.needed >> 20} MiB"
    if found.free < found.needed + spare:
        raise SiteError(
            f"state.clones_dir: {folder} has {found.free >> 20} MiB free, and one clone's disk takes {size}, "
            f"beside which {spare >> 20} MiB (host.free_disk_mib) are to be left{where}",
            hint="make room, or name a folder on the file system of snapshot.disk, best with reflinks",
        )
    if found.late:
        raise SiteError(
            f"state.clones_dir: a copy of {size} to {folder} takes longer than {snapshot.copy_s:g} s"
            f" (snapshot.copy_s), behind all else that the host reads and writes{where}",
            hint="have both on one file system with reflinks (XFS, Btrfs), or raise snapshot.copy_s",
        )
    return f"{folder}: {size} are copied for each clone, now in {found.took_s:.1f} s{where}"


def _no_copy(site: Site, folder: str, found: _Place) -> SiteError:
    if found.path == site.snapshot.disk:
        return SiteError(f"snapshot.disk: {found.path}: {found.error}", hint="mend the path in the profile")
    made = shell_line(("sudo", "install", "-d", "-m", "700", "--", folder))
    return SiteError(
        f"state.clones_dir: the disks of clones cannot go into {folder}: {found.error}",
        hint=f"make it ({made}), or name a folder on the file system of snapshot.disk",
    )


def guests_run_systemd(hypervisor: Hypervisor) -> str:
    """The golden disk can be read, and is of a guest that systemd boots, as far as it shows.

    :raises SiteError: it cannot, or is not.
    """
    disk = hypervisor.site.snapshot.disk
    found = GoldenSnapshot(hypervisor).read_from_disk((*_SYSTEMD, *_OTHERS))
    there = {path for path, one in found.items() if not one.error}
    if there.intersection(_SYSTEMD):
        return "systemd is on the golden disk"
    if others := sorted(there):
        raise SiteError(
            f"snapshot.disk: no systemd is on {disk}, but {', '.join(others)}",
            hint=f"an agent's unit and journal can be asked about in guests with systemd only: {_SEE}",
        )
    why = found[_SYSTEMD[0]].error
    if "debugfs" in why:
        raise SiteError(
            f"snapshot.disk: {disk}: {why}", hint=f"what can be read is ext4, by e2fsprogs: {_SEE}"
        )
    return "whether systemd boots the golden disk does not show"


def bridged(host: Asked) -> str:
    """The VMs' network is a bridge with an IPv4 address.

    :raises SiteError: there is none: TAPs that are routed, or IPv6 alone.
    """
    facts, settings = ask_host(host, parts=("bridge", "taps")), host.site.network
    name = settings.bridge
    bridge = facts.bridge
    if bridge is None:
        raise _no_bridge(name, facts.part("taps", Taps), host.site.state.tap_prefix)
    families = {one.family for one in bridge.addr_info}
    if "inet" not in families:
        only = "IPv6 addresses only" if "inet6" in families else "no address"
        raise SiteError(
            f"network.bridge: {name} has {only}",
            hint=f"VMs are asked by IPv4; give it {settings.bridge_address} (network.bridge_address): {_SEE}",
        )
    return f"{name}: {_addresses(bridge)}"


def _no_bridge(name: str, taps: Taps, prefix: str) -> SiteError:
    routed = [
        one.name
        for one in taps.taps
        if one.netns == taps.host_netns and one.master is None and one.name.startswith(prefix)
    ]
    if routed:
        return SiteError(
            f"network.bridge: the host has no device {name}, and a TAP that is on no bridge: {routed[0]}",
            hint=f"VMs on a bridge can be judged, and none that are routed: {_SEE}",
        )
    return SiteError(f"network.bridge: the host has no device {name}", hint="name the VMs' bridge")


def _addresses(bridge: Bridge) -> str:
    return ", ".join(map(str, bridge.addresses))
