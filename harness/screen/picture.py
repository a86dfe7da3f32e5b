"""A picture of a VM's screen: its colours, how it differs from another, and a PNG of it as evidence."""

from __future__ import annotations

import operator
import struct
import zlib
from collections import Counter
from dataclasses import dataclass
from functools import cached_property

Colour = tuple[int, int, int]
"""Red, green, blue; 0 to 255 each."""

ADDRESS_BAR = 0.12
"""The part of a VM's screen, from its top, in which its browser's address bar may be: it may hold a code."""
OFF_BY = 8
"""How far a colour may be off in a picture that noVNC had compressed."""
_BLANK = 0.999
"""A picture of one colour but for less than the rest of this has nothing on it."""


def parse_colour(text: str) -> Colour:
    """``#rrggbb`` as a colour."""
    red, green, blue = bytes.fromhex(text.removeprefix("#"))
    return red, green, blue


def hex_colour(colour: Colour) -> str:
    """A colour as ``#rrggbb``."""
    return f"#{bytes(colour).hex()}"


@dataclass(frozen=True)
class Screen:
    """A picture: ``pixels`` are rows of 4 bytes each, blue, green, red, and one that means nothing."""

    width: int
    height: int
    pixels: bytes

    @cached_property
    def colours(self) -> Counter[Colour]:
        """How many pixels have which colour."""
        # The fourth byte is anything: pixels of one colour may differ in it.
        total: Counter[Colour] = Counter()
        for pixel, count in Counter(struct.unpack(f"<{self.area}I", self.pixels)).items():
            total[pixel >> 16 & 255, pixel >> 8 & 255, pixel & 255] += count
        return total

    @property
    def area(self) -> int:
        """How many pixels there are."""
        return self.width * self.height

    def share(self, colour: Colour, *, off_by: int = 0) -> float:
        """The part of the screen, 0 to 1, that has this colour.

        :param off_by: how far each of red, green and blue may be off, for a picture that was compressed.
        """
        if not off_by:
            return self.colours[colour] / self.area
        near = (n for seen, n in self.colours.items() if _distance(seen, colour) <= off_by)
        return sum(near) / self.area

    def commonest(self) -> tuple[Colour, float]:
        """The colour that most of the screen has, and its share."""
        colour, count = self.colours.most_common(1)[0]
        return colour, count / self.area

    @property
    def is_blank(self) -> bool:
        """Whether it is all of one colour, but for what compression makes of it: no page is."""
        return self.share(self.commonest()[0], off_by=OFF_BY) >= _BLANK

    def changed(self, other: Screen) -> float:
        """The part of the pixels, 0 to 1, that differ from another picture; all where the size does."""
        if (self.width, self.height) != (other.width, other.height):
            return 1.0
        stride = self.width * 4
        starts = range(0, len(self.pixels), stride)
        rows = ((self.pixels[at : at + stride], other.pixels[at : at + stride]) for at in starts)
        return sum(_differing(one, another) for one, another in rows if one != another) / self.area

    def without_address_bar(self) -> Screen:
        """The picture with the address bar's part black."""
        hidden = round(self.height * ADDRESS_BAR) * self.width * 4
        return Screen(self.width, self.height, bytes(hidden) + self.pixels[hidden:])

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

    def __str__(self) -> str:
        common = [f"{100 * count / self.area:.0f} % {hex_colour(c)}" for c, count in self._most_common()]
        return f"{self.width}x{self.height}, {', '.join(common)}, {len(self.colours)} colours"

    def __repr__(self) -> str:
        return f"<Screen {self}>"

    def _most_common(self) -> list[tuple[Colour, int]]:
        return self.colours.most_common(3)


def from_rgba(width: int, height: int, pixels: bytes) -> Screen:
    """A picture from rows of red, green, blue and alpha, as a browser's canvas has them."""
    swapped = bytearray(pixels)
    swapped[0::4], swapped[2::4] = pixels[2::4], pixels[0::4]
    return Screen(width, height, bytes(swapped))


def _differing(row: bytes, other: bytes) -> int:
    """How many pixels of two rows differ in what is seen of them."""
    words = struct.Struct(f"<{len(row) // 4}I")
    differences = map(operator.xor, words.unpack(row), words.unpack(other))
    return sum(1 for difference in differences if difference & 0xFFFFFF)


def _distance(one: Colour, other: Colour) -> int:
    return max(abs(a - b) for a, b in zip(one, other, strict=True))


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
