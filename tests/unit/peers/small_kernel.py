"""A kernel of a hundred bytes: it says on the serial console that it came up, and halts."""

from __future__ import annotations

import struct
from pathlib import Path

SAYS = b"Kernel panic - not syncing: VFS\n"
"""What a Linux kernel without a root disk ends with: it tells the VMM that this one comes up."""
_LOADED_AT = 0x100000
_HEADER, _PROGRAM_HEADER = struct.Struct("<16sHHIQQQIHHHHHH"), struct.Struct("<IIQQQQQQ")
_EXECUTABLE, _X86_64, _LOAD, _NOTE = 2, 62, 1, 4
_PVH_ENTRY = 18
_CODE = bytes.fromhex(
    "be00000000"  # mov esi, the text
    "66baf803"  # mov dx, 0x3f8
    "ac"  # lodsb
    "84c0"  # test al, al
    "7403"  # jz to the halt
    "ee"  # out dx, al
    "ebf8"  # jmp to the lodsb
    "fa"  # cli
    "f4"  # hlt
    "ebfd"  # jmp to the hlt
)


def build(path: Path) -> Path:
    """Write it to ``path``: an ELF file that a virtual machine enters in 32-bit mode (PVH)."""
    start = _HEADER.size + 2 * _PROGRAM_HEADER.size
    note = struct.pack("<III4sII", 4, 4, _PVH_ENTRY, b"Xen\0", _LOADED_AT, 0)
    code = b"\xbe" + struct.pack("<I", _LOADED_AT + len(_CODE)) + _CODE[5:] + SAYS + b"\0"
    at = start + len(note)
    header = _HEADER.pack(
        *(b"\x7fELF\x02\x01\x01", _EXECUTABLE, _X86_64, 1, _LOADED_AT, _HEADER.size, 0, 0),
        *(_HEADER.size, _PROGRAM_HEADER.size, 2, 0, 0, 0),
    )
    load = _PROGRAM_HEADER.pack(_LOAD, 5, at, _LOADED_AT, _LOADED_AT, len(code), len(code), 1)
    notes = _PROGRAM_HEADER.pack(_NOTE, 4, start, start, start, len(note), len(note), 4)
    path.write_bytes(header + load + notes + note + code)
    return path
