"""What is left out of a saved state."""

from __future__ import annotations

import struct

import pytest

from lab.vmm.qemu.boot_clock import DEVICE, left_out

HEAD = b"QEVM\0\0\0\3"


def section(name: bytes, number: int, content: bytes) -> bytes:
    """A whole device's, as QEMU writes it."""
    head = struct.pack(">BIB", 0x04, number, len(name)) + name + struct.pack(">II", 0, 1)
    return head + content + struct.pack(">BI", 0x7E, number)


def test_the_rtc_alone_is_left_out() -> None:
    before, after = section(b"timer", 7, b"\x7e\0\0\0"), section(b"serial", 9, bytes(20))
    rtc = section(DEVICE, 8, b"\x7e\0\0" + bytes(300))
    assert left_out(HEAD + before + rtc + after + b"\0") == HEAD + before + after + b"\0"


def test_a_state_without_an_rtc_is_as_it_was() -> None:
    """That of a machine which was loaded itself."""
    state = HEAD + section(b"serial", 9, bytes(20)) + b"\0"
    assert left_out(state) == state


def test_an_rtc_in_another_form_is_not_guessed_at() -> None:
    with pytest.raises(ValueError, match="do not know"):
        left_out(HEAD + section(DEVICE, 8, bytes(30))[:-5] + b"\0")
