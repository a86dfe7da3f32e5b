"""Where the lab's VMM and the original differ, each with its reason; nothing else may differ."""

from __future__ import annotations

from dataclasses import dataclass

from tests.lab.vmm.description import NOT_OFFERED


@dataclass(frozen=True)
class Difference:
    """Why two answers are not the same, and the status of each."""

    reason: str
    theirs: int
    ours: int
    before: tuple[int, int] | None = None
    """The first version of the original that answers as ours does; none ever does without one."""


def _newer(theirs: int, ours: int, major: int, minor: int) -> Difference:
    return Difference(f"came with {major}.{minor}", theirs, ours, before=(major, minor))


_DEVICE = "a device that the lab's VMM does not offer: refused by name"
_EARLY = "a kernel, initrd or drive is looked at when it is given; the original finds out when it uses it"
_LIMITS = "a rate limiter that limits is not offered"

DIFFERENCES = {
    **{f"{method} {path}": Difference(_DEVICE, 400, 400) for method, path in NOT_OFFERED},
    "PUT /serial unknown": _newer(400, 400, 1, 14),
    "PUT /serial serial_out_path type": _newer(400, 400, 1, 14),
    "PUT /serial rate_limiter type": _newer(400, 400, 1, 14),
    "PUT /network-interfaces/n0 mtu type": _newer(400, 400, 1, 16),
    "PUT /mmds/config imds_compat type": _newer(400, 400, 1, 14),
    "PUT /snapshot/load track_dirty_pages type": _newer(400, 400, 1, 13),
    "PUT /snapshot/load vsock_override type": _newer(400, 400, 1, 16),
    "PUT /snapshot/load clock_realtime type": _newer(400, 400, 1, 16),
    "DELETE /drives/d": _newer(400, 400, 1, 16),
    "DELETE /vm": _newer(400, 400, 1, 16),
    "a list for an object": Difference("serde takes fields in their order, too", 400, 400),
    "the largest size": Difference("sizes end at the API description's int64", 204, 400),
    "a number of 65 bits": Difference("to serde it is a floating point number", 400, 400),
    "a CPU template": Difference("CPU templates are not offered", 204, 400),
    "huge pages": Difference("huge pages are not offered", 204, 400),
    "a drive that is a folder": Difference(_EARLY, 204, 400),
    "a drive that limits": Difference(_LIMITS, 204, 400),
    "a drive by a socket": Difference("vhost-user drives are not offered", 400, 400),
    "a drive by file and socket": Difference("vhost-user drives are not offered", 400, 400),
    "a kernel that is a folder": Difference(_EARLY, 204, 400),
    "arguments that are no ASCII": Difference("what no kernel takes is refused when it is given", 204, 400),
    "a start of what is no kernel": Difference("QEMU reads the kernel, and says so", 400, 400),
    "a TAP without a name": Difference("the kernel would give it one, which nobody knows", 204, 400),
    "a log that is not there": _newer(400, 204, 1, 14),
    "memory by Uffd": Difference("the Uffd back end is not offered", 400, 400),
    "a limited entropy device": Difference(_LIMITS, 204, 400),
    "a vmstate of nothing but zeros": Difference("ours sees no magic number, serde no end", 400, 400),
    "--snapshot-version": _newer(0, 0, 1, 16),
    "--version": Difference("each says its own version", 0, 0),
    "--describe-snapshot of no snapshot": Difference("ours sees no magic number, serde a length", 1, 1),
}
