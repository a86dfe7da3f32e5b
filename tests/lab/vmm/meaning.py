"""What an answer means, whoever gave it: what may differ between two right ones is taken out of it."""

from __future__ import annotations

import json
import re
from typing import Any

from tests.unit.peers.vmm_program import Answer

NEWER = {"mtu", "imds_compat", "track_dirty_pages", "clock_realtime", "vsock_override", "V1N1"}
"""Words that came after 1.12: in the lists of what a field may be they are not looked for."""
_NEWER_KEYS = {"memory-hotplug", "pmem"}
_ITSELF = {"vmm_version", "firecracker_version"}
_PLACE = re.compile(r" at line \d+ column \d+")
_OS_ERROR = re.compile(r"[A-Z][A-Za-z '/-]* \(os error (\d+)\)|Os \{ code: (\d+)[^}]*\}")
_LIST = re.compile(r"expected (?:one of )?(`[^`]*`(?:(?:, | or )`[^`]*`)*)")
_NUMBER = re.compile(r"(CRC64 validation failed): \d+")
_DEBUG = re.compile(r'Error\("(.*)", line: \d+, column: \d+\)')
_STAMP = re.compile(r"^\S+ \[[^\]]*\] ")
_PANIC = re.compile(r"panicked at [^\n]*")
_CHATTER = ("Running Firecracker", "QEMU microvm look-alike", "Listening on API", "API server started")


def of_words(text: str) -> str:
    """A complaint: places in a text are told by one alone, and an operating system's error is its number."""
    text = _DEBUG.sub(r"\1", text)
    text = _NUMBER.sub(r"\1", _PLACE.sub("", text))
    text = _OS_ERROR.sub(lambda found: f"(os error {found[1] or found[2]})", text)
    return _LIST.sub(_in_order, text)


def of_answer(answer: Answer) -> tuple[object, ...]:
    """Status, whether something deprecated was used, and what the body comes to."""
    head = [line for line in answer.head if line.startswith(("Deprecation", "Content-Type", "Connection"))]
    return answer.status, tuple(sorted(head)), _of_body(answer.body)


def of_output(text: str) -> str:
    """What a program printed, without its log's stamps, and without what it says of itself in passing."""
    lines = [_STAMP.sub("", line) for line in text.splitlines()]
    kept = [line for line in lines if line and not line.startswith(_CHATTER)]
    return of_words(_PANIC.sub("panicked", "\n".join(kept)))


def _of_body(body: bytes) -> Any:
    try:
        found = json.loads(body)
    except ValueError:  # below the API's own level no body is JSON
        return of_words(body.decode())
    if isinstance(found, dict) and "fault_message" in found:
        return of_words(found["fault_message"])
    if isinstance(found, dict):
        return {key: "" if key in _ITSELF else one for key, one in found.items() if key not in _NEWER_KEYS}
    return found


def _in_order(found: re.Match[str]) -> str:
    words = sorted(set(re.findall("`([^`]*)`", found[1])) - NEWER)
    return f"expected one of {', '.join(words)}"
