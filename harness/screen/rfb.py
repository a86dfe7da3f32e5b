"""A VNC client over any stream of bytes: RFB (RFC 6143), with a password or none, for its pictures.

A server is asked for all of its screen once, and from then on for what changes: a screen that is sent whole
with every look is work that a small VM cannot spare.
"""

from __future__ import annotations

import contextlib
import struct
from collections.abc import Iterator
from typing import Protocol

from harness.custodian.limits import Limit, LimitReached
from harness.errors import NoAnswerError
from harness.screen.des import encrypted
from harness.screen.picture import Screen
from harness.text import decoded, plain

_RAW = 0
_NO_PASSWORD, _PASSWORD = 1, 2
_CHALLENGE = 16
# 32 bits a pixel, true colour, little-endian, red at 16, green at 8, blue at 0
_PIXEL_FORMAT = struct.pack(">B3xBBBBHHHBBB3x", 0, 32, 24, 0, 1, 255, 255, 255, 16, 8, 0)
_ENCODINGS = struct.pack(">BxHi", 2, 1, _RAW)

_UPDATE_S = 0.1
"""A look waits so long for what has changed; what comes later is seen by the next one."""

_VERSIONS = (8, 7, 3)
"""Of RFB 3, the newest first."""
_CHOICE, _REASON = 7, 8
"""Since these a client chooses how it is let in, and is told why it is not."""
_LARGEST_SCREEN = 64 << 20
"""Bytes of pixels: twice those of 3840x2160."""
_LONGEST_TEXT = 64 << 10
"""Bytes of a name, or of a reason."""
_BESIDES = 1 << 20
"""Bytes of an exchange beside its pixels: bells, what somebody copied, heads of rectangles."""
_TIMES_DRAWN = 4
"""How often all of the screen may come in answer to one question."""
_CHUNK = 1 << 16


class RfbError(NoAnswerError):
    """The VNC server hung up, was too slow, or does not speak RFB as one does that lets us in."""


class Stream(Protocol):
    """Bytes both ways, each of an exchange that has a limit.

    Every method raises OSError where the peer hung up, and LimitReached where it is too slow, or sends too
    much.
    """

    def read(self, count: int, limit: Limit) -> bytes:
        """Exactly so many bytes; they are counted."""

    def write(self, data: bytes, limit: Limit) -> None:
        """All of these bytes."""

    def ready(self, timeout_s: float, limit: Limit) -> bool:
        """Whether there is something to read, or the end of it, within this time."""


class Rfb:
    """A VNC session that others may share.

    :param timeout_s: for all of the greeting, and for all of each picture.
    :param password: for a server that wants one.
    :raises RfbError: from the constructor and every method.
    """

    def __init__(self, stream: Stream, *, timeout_s: float, password: str | None = None) -> None:
        self._stream = stream
        self._password = password
        self._timeout_s = timeout_s
        self._limit = Limit("its greeting", seconds=timeout_s, size=_BESIDES)
        self.width, self.height, self.name = self._shake_hands()
        self._pixels = bytearray(self.width * self.height * 4)
        self._whole = False
        self._asked = False
        self._write(_PIXEL_FORMAT + _ENCODINGS)

    def picture(self) -> Screen:
        """All of the screen, as the server last drew it."""
        size = _TIMES_DRAWN * len(self._pixels) + _BESIDES
        self._limit = Limit("its picture", seconds=self._timeout_s, size=size)
        if not self._asked:
            self._write(struct.pack(">BBHHHH", 3, self._whole, 0, 0, self.width, self.height))
            self._asked = True
        if self._whole:
            while self._ready(_UPDATE_S if self._asked else 0):
                self._message()
        else:
            self._first()
        return Screen(self.width, self.height, bytes(self._pixels))

    def _shake_hands(self) -> tuple[int, int, str]:
        banner = self._read(12)
        if not banner.startswith(b"RFB 003."):
            raise RfbError(f"not a VNC server: expected 'RFB 003.…', got {banner!r}")
        self._let_in(_version(banner))
        self._write(b"\x01")  # others may look at the same time
        width, height = struct.unpack(">HH16x", self._read(20))
        if not 0 < width * height * 4 <= _LARGEST_SCREEN:
            raise RfbError(f"the VNC server has a screen of {width}x{height} pixels: that is none of a VM")
        return width, height, self._text()

    def _let_in(self, version: int) -> None:
        """Without a password where that will do, else with ours."""
        self._write(b"RFB 003.%03d\n" % version)
        # The oldest servers choose by themselves; others are told which of their kinds it shall be.
        offered = self._read(4)[3:].strip(b"\0") if version < _CHOICE else self._read(self._read(1)[0])
        if not offered:
            raise RfbError(f"the VNC server refused: {plain(self._text())}")
        kind = _NO_PASSWORD if _NO_PASSWORD in offered else _PASSWORD
        if kind not in offered or (kind == _PASSWORD and self._password is None):
            raise RfbError(f"the VNC server wants a password (security types {list(offered)})")
        if version >= _CHOICE:
            self._write(bytes([kind]))
        if kind == _PASSWORD:
            self._write(answer_to(self._read(_CHALLENGE), self._password or ""))
        if (kind == _PASSWORD or version >= _REASON) and any(self._read(4)):
            said = plain(self._text()) if version >= _REASON else "it does not say why"
            raise RfbError(f"the VNC server refused: {said}")

    def _first(self) -> None:
        """Take messages until all of the screen has come."""
        missing = self.width * self.height
        while missing > 0:
            missing -= self._message()
        self._whole = True

    def _message(self) -> int:
        """Take one message; how many pixels it brought."""
        kind = self._read(1)[0]
        if kind == 0:
            self._asked = False
            (rectangles,) = struct.unpack(">xH", self._read(3))
            return sum(self._rectangle() for _ in range(rectangles))
        if kind == 3:  # what somebody copied
            self._read(3)
            self._skip(self._length())
        elif kind != 2:  # a bell
            raise RfbError(f"the VNC server sent message {kind}, which was not asked for")
        return 0

    def _rectangle(self) -> int:
        x, y, width, height, encoding = struct.unpack(">HHHHi", self._read(12))
        if encoding != _RAW:
            raise RfbError(f"the VNC server sent encoding {encoding}, which was not asked for")
        if x + width > self.width or y + height > self.height:
            raise RfbError(f"the VNC server sent {width}x{height} pixels at {x},{y}: beyond its own screen")
        part = self._read(width * height * 4)
        for row in range(height):
            at = ((y + row) * self.width + x) * 4
            self._pixels[at : at + width * 4] = part[row * width * 4 : (row + 1) * width * 4]
        return int(width * height)

    def _text(self) -> str:
        if (length := self._length()) > _LONGEST_TEXT:
            raise RfbError(f"the VNC server sent a text of {length} bytes, where a name or a reason belongs")
        return decoded(self._read(length))

    def _length(self) -> int:
        return int.from_bytes(self._read(4), "big")

    def _skip(self, count: int) -> None:
        while count > 0:
            count -= len(self._read(min(count, _CHUNK)))

    def _read(self, count: int) -> bytes:
        with _trouble_told():
            return self._stream.read(count, self._limit)

    def _write(self, data: bytes) -> None:
        with _trouble_told():
            self._stream.write(data, self._limit)

    def _ready(self, timeout_s: float) -> bool:
        with _trouble_told():
            return self._stream.ready(timeout_s, self._limit)


@contextlib.contextmanager
def _trouble_told() -> Iterator[None]:
    try:
        yield
    except (OSError, LimitReached) as error:
        raise RfbError(f"the VNC server: {error or type(error).__name__}") from error


def answer_to(challenge: bytes, password: str) -> bytes:
    """What shows that the password is known: the challenge, encrypted with it, each byte mirrored."""
    key = bytes(int(f"{byte:08b}"[::-1], 2) for byte in password.encode()[:8].ljust(8, b"\0"))
    return b"".join(encrypted(challenge[at : at + 8], key) for at in range(0, len(challenge), 8))


def _version(banner: bytes) -> int:
    """The newest that both sides know; what is none of them is as the oldest, by the RFC."""
    minor = int(banner[8:11]) if banner[8:11].isdigit() else 0
    return next((known for known in _VERSIONS if minor >= known), _VERSIONS[-1])
