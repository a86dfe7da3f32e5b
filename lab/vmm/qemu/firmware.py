"""The firmware's part of a saved state.

QEMU fills the firmware's memory when a machine is reset, but not when a state is to be loaded into it: it
expects the state to bring it. A state saved without RAM does not, and a guest that ends by a jump into the
firmware (the kernel's last way to reboot) would run zeroes for ever. So it is put into the state, as the
migration stream of QEMU writes RAM: one section ``ram`` with the pages of one block.
"""

import struct

BLOCK = "pc.bios"
PAGE = 4096
TOP = 1 << 32  # the firmware ends at 4 GiB
_STREAM_HEADER = 8  # magic and version
_SECTION, _SECTION_START, _FOOTER = 0x7FFFFF00, 0x01, 0x7E
_RAM_VERSION = 4
_FLAG_SIZES, _FLAG_PAGE, _FLAG_END = 0x04, 0x08, 0x10


def size(ramblocks: str) -> int:
    """The firmware's size, from QEMU's ``info ramblock``."""
    for line in ramblocks.splitlines():
        words = line.split()
        if words and words[0] == BLOCK:
            return int(words[-1], 16)
    raise ValueError(f"QEMU lists no memory block {BLOCK}:\n{ramblocks}")


def insert(state: bytes, content: bytes) -> bytes:
    """``state`` with the firmware's ``content`` as its first section."""
    name = bytes([len(BLOCK)]) + BLOCK.encode()
    parts = [struct.pack(">BIB3sII", _SECTION_START, _SECTION, 3, b"ram", 0, _RAM_VERSION)]
    parts += [struct.pack(">Q", len(content) | _FLAG_SIZES), name, struct.pack(">Q", len(content))]
    for start in range(0, len(content), PAGE):
        parts += [struct.pack(">Q", start | _FLAG_PAGE), name, content[start : start + PAGE]]
    parts += [struct.pack(">Q", _FLAG_END), struct.pack(">BI", _FOOTER, _SECTION)]
    return state[:_STREAM_HEADER] + b"".join(parts) + state[_STREAM_HEADER:]
