"""What Firecracker refused, cause first: its faults are chains from the outside in, the last link says most.

The words are those that Firecracker 1.12.1 was seen to answer when each thing was done to it. Where the
operating system's words are among them, its error number counts: the words differ with the C library.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from harness.text import beginning

_SHOWN = 2000  # characters of an answer
_LOAD = "PUT /snapshot/load"
_NO_SNAPSHOTS = re.compile("Open tap device failed|deserializing the json body of a request")
"""A device of the host's, whatever is wrong with it, and a request that this version does not take."""
_LINK = re.compile(r": (?=[A-Z])")
_REBUILD = "rebuild the golden snapshot: ./scripts/build-golden-snapshot-complete.sh browser"
_PUT_BACK = f"put the file back where it was, or {_REBUILD}"
_READABLE = "let the VMM's user read it: see ls -l, and namei -l for its folders"


@dataclass(frozen=True)
class Cause:
    """What some words of Firecracker's come from, and what mends it."""

    words: str
    means: str
    mend: str

    def explains(self, fault: str) -> bool:
        """Whether the words are in the fault."""
        return re.search(self.words, fault) is not None


CAUSES = (
    Cause("CRC64 validation failed|smaller than CRC length", "the vmstate file is damaged", _REBUILD),
    Cause("serialization/deserialization", "the vmstate file cannot be decoded", _REBUILD),
    Cause(
        "Magic value does not match arch|Magic number",
        "the vmstate file is no snapshot of this VMM on this architecture",
        _REBUILD,
    ),
    Cause(
        "Invalid data version",
        "the vmstate file has the format of another version of Firecracker",
        f"install the version that the snapshot was made with, or {_REBUILD}",
    ),
    Cause("greater then file length", "the memory file is shorter than the snapshot says", _REBUILD),
    Cause(r"Failed to open snapshot file: .*\(os error 2\)", "the vmstate file is not there", _PUT_BACK),
    Cause(r"Failed to open snapshot file: .*\(os error 13\)", "the vmstate file may not be read", _READABLE),
    Cause(r"Failed to load guest memory: .*\(os error 2\)", "the memory file is not there", _PUT_BACK),
    Cause(r"Failed to load guest memory: .*\(os error 13\)", "the memory file may not be read", _READABLE),
    Cause(r"backing file: .*\(os error 2\)", "the file of a drive is not there", _PUT_BACK),
    Cause(r"backing file: .*\(os error 13\)", "the file of a drive may not be opened", _READABLE),
    Cause(
        "Unknown Network Device",
        "the snapshot has no network interface of the name that the profile gives",
        "correct snapshot.iface_id in the profile",
    ),
    Cause(
        r"Open tap device failed: .*\(os error 16\)",
        "the TAP device is held by another process",
        "find who holds it, and end that: grep -l iff: /proc/[0-9]*/fdinfo/*",
    ),
    Cause(
        r"Open tap device failed: .*\(os error 1\)",
        "the TAP device is not there, or is another user's",
        "make it for the VMM's user: ip tuntap add <TAP> mode tap user <user>",
    ),
    Cause(
        r"Error creating KVM object: .*\(os error 13\)",
        "the VMM's user may not open /dev/kvm",
        "give the VMM's user access to /dev/kvm: its group, or setfacl",
    ),
    Cause(
        "Error creating KVM object|invalid KVM API version",
        "the host has no KVM to use",
        "load its module, modprobe kvm_intel or kvm_amd; where that fails, see the firmware's settings",
    ),
    Cause(
        r"\(os error 12\)",
        "the host's memory, or what the VMM may have of it, is used up",
        "end what takes the memory, or raise the VMM's limits (LimitAS=, MemoryMax=)",
    ),
    Cause(
        r"\(os error 2[34]\)",
        "the VMM may open no more files",
        "raise LimitNOFILE= of the unit that starts it, or fs.file-max",
    ),
)
"""The first that explains a fault counts."""


@dataclass(frozen=True)
class Refusal:
    """What a fault comes to."""

    first: str
    """For the first line: the cause, where it is known, and Firecracker's innermost words."""
    whole: str
    mend: str
    """Empty: the cause is not known."""


def refusal(fault: str) -> Refusal:
    """A fault of Firecracker's, read."""
    whole = beginning(fault, _SHOWN)
    cause = next((cause for cause in CAUSES if cause.explains(whole)), None)
    core = innermost(whole)
    return Refusal(f"{cause.means}: {core}" if cause else core, whole, cause.mend if cause else "")


def is_of_snapshot(said: str) -> bool:
    """Whether a VMM that made no clone, and said so, refused the snapshot itself.

    It did not where it never came to the load or got past it, where host or profile are known to be to blame,
    and as far as can be told where it gave no answer.
    """
    if _LOAD not in said or _NO_SNAPSHOTS.search(said):
        return False
    cause = next((cause for cause in CAUSES if cause.explains(said)), None)
    return _REBUILD in cause.mend if cause else re.search(rf"answered \d+ to {_LOAD}", said) is not None


def innermost(fault: str) -> str:
    """The last link of the chain; what the operating system said, with what it said that of."""
    chain, brace, rest = " ".join(fault.split()).partition("{")  # what is in braces is no chain
    links = _LINK.split(chain)
    kept = 2 if "(os error " in links[-1] else 1
    return ": ".join(links[-kept:]) + brace + rest
