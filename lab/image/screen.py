"""What is on a VNC screen: one picture, by the RFB protocol (RFC 6143), no password, no library."""

from __future__ import annotations

import socket
import struct
import zlib
from collections import Counter
from dataclasses import dataclass
from functools import cached_property

Colour = tuple[int, int, int]


@dataclass(frozen=True)
class Screen:
    """A picture: ``pixels`` are rows of 4 bytes each, blue, green, red, unused."""

    width: int
    height: int
    pixels: bytes

    @cached_property
    def colours(self) -> Counter[Colour]:
        """How many pixels have which colour."""
        # The fourth byte is anything: pixels of one colour may differ in it.
        counted = Counter(struct.unpack(f"<{len(self.pixels) // 4}I", self.pixels))
        total: Counter[Colour] = Counter()
        for pixel, count in counted.items():
            total[pixel >> 16 & 255, pixel >> 8 & 255, pixel & 255] += count
        return total

    def share(self, colour: Colour) -> float:
        """The part of the screen, 0 to 1, that has this colour."""
        return self.colours[colour] / (self.width * self.height)

    def png(self) -> bytes:
        """The picture as a PNG file."""
        rows = bytearray()
        for start in range(0, len(self.pixels), self.width * 4):
            row = self.pixels[start : start + self.width * 4]
            line = bytearray(self.width * 3)
            line[0::3], line[1::3], line[2::3] = row[2::4], row[1::4], row[0::4]
            rows += b"\x00" + line
        head = struct.pack(">IIBBBBB", self.width, self.height, 8, 2, 0, 0, 0)
        chunks = ((b"IHDR", head), (b"IDAT", zlib.compress(bytes(rows))), (b"IEND", b""))
        return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(kind, data) for kind, data in chunks)

    def __repr__(self) -> str:
        common = [f"{count} of #{bytes(colour).hex()}" for colour, count in self.colours.most_common(3)]
        return f"<Screen {self.width}x{self.height}: {', '.join(common)}, {len(self.colours)} colours>"


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def grab(address: str, port: int, *, timeout_s: float) -> Screen:
    """Take one picture.

    :raises OSError: nobody answers, not in time, or not as a VNC server without a password does.
    """
    with socket.create_connection((address, port), timeout=timeout_s) as connection:
        width, height = _shake_hands(connection)
        # 32 bits a pixel, true colour, little-endian, red at 16, green at 8, blue at 0
        connection.sendall(struct.pack(">B3xBBBBHHHBBB3x", 0, 32, 24, 0, 1, 255, 255, 255, 16, 8, 0))
        connection.sendall(struct.pack(">BxHi", 2, 1, 0))  # raw encoding only
        connection.sendall(struct.pack(">BBHHHH", 3, 0, 0, 0, width, height))  # all of it, now
        return Screen(width, height, _picture(connection, width, height))


def _shake_hands(connection: socket.socket) -> tuple[int, int]:
    if not _read(connection, 12).startswith(b"RFB 003."):
        raise OSError("not a VNC server")
    connection.sendall(b"RFB 003.008\n")
    kinds = _read(connection, _read(connection, 1)[0])
    if 1 not in kinds:
        raise OSError(f"the VNC server wants a password (security types {list(kinds)})")
    connection.sendall(b"\x01")
    if _read(connection, 4) != b"\x00" * 4:
        raise OSError("the VNC server refused")
    connection.sendall(b"\x01")  # others may look at the same time
    width, height = struct.unpack(">HH16x", _read(connection, 20))
    _read(connection, int.from_bytes(_read(connection, 4), "big"))
    return width, height


def _picture(connection: socket.socket, width: int, height: int) -> bytes:
    pixels = bytearray(width * height * 4)
    missing = width * height
    while missing > 0:
        kind, count = struct.unpack(">BxH", _read(connection, 4))
        if kind != 0:
            raise OSError(f"the VNC server sent message {kind}, not a picture")
        for _ in range(count):
            x, y, w, h, encoding = struct.unpack(">HHHHi", _read(connection, 12))
            if encoding != 0:
                raise OSError(f"the VNC server sent encoding {encoding}, which was not asked for")
            part = _read(connection, w * h * 4)
            for row in range(h):
                at = ((y + row) * width + x) * 4
                pixels[at : at + w * 4] = part[row * w * 4 : (row + 1) * w * 4]
            missing -= w * h
    return bytes(pixels)


def _read(connection: socket.socket, count: int) -> bytes:
    have = bytearray()
    while len(have) < count:
        chunk = connection.recv(count - len(have))
        if not chunk:
            raise OSError("the VNC server hung up")
        have += chunk
    return bytes(have)
