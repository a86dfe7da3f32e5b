"""A VNC server in a few lines: it shows one colour."""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import IO

from harness.screen.picture import Colour, Screen
from harness.screen.rfb import Rfb, answer_to

SIZE = (8, 4)
CHALLENGE = bytes(range(16))


class VncServer:
    """``serve`` speaks over a stream until the other side hangs up."""

    def __init__(self, colour: Colour) -> None:
        self.colour = colour
        self.security = b"\x01\x01"
        self.banner = b"RFB 003.008\n"
        self.password = ""
        """What it wants to be shown, where ``security`` offers that."""
        self.reason = b""
        """Why nobody is let in who has shown something else; none before RFB 3.8."""
        self.heard: list[bytes] = []
        """What it was told of versions and of security."""
        self.before_picture = struct.pack(">B", 2) + struct.pack(">BxxxI", 3, 4) + b"text"
        self.stop_painting = False
        self.hang_up = False
        self.asked_incrementally: list[bool] = []

    def serve(self, read: Callable[[int], bytes], write: Callable[[bytes], None]) -> None:
        """One session."""
        with contextlib.suppress(OSError, EOFError, KeyError):  # KeyError: not RFB
            write(self.banner)
            self.heard.append(read(12))
            write(self.security)
            if self.banner >= b"RFB 003.007":
                self.heard.append(read(1))
            if self._lets_in(read, write):
                write(bytes(4))
            elif self.password:
                write(b"\0\0\0\1" + self.reason)
                return
            read(1)
            write(struct.pack(">HH16xI", *SIZE, 4) + b"desk")
            while True:
                self._answer(read, write)

    def _lets_in(self, read: Callable[[int], bytes], write: Callable[[bytes], None]) -> bool:
        """Whether it says that somebody is let in: without a password it is silent, before RFB 3.8."""
        if not self.password:
            return self.banner >= b"RFB 003.008"
        write(CHALLENGE)
        return read(16) == answer_to(CHALLENGE, self.password)

    def _answer(self, read: Callable[[int], bytes], write: Callable[[bytes], None]) -> None:
        kind = read(1)[0]
        asked = read({0: 19, 2: 7, 3: 9}[kind])
        if kind != 3:
            return
        self.asked_incrementally.append(bool(asked[0]))
        if self.hang_up:
            raise EOFError
        if not self.stop_painting:
            red, green, blue = self.colour
            write(self.before_picture)
            for y in range(2):  # in two messages, as a real one may
                half = struct.pack(">BxHHHHHi", 0, 1, 0, 2 * y, SIZE[0], 2, 0)
                write(half + bytes((blue, green, red, y)) * (SIZE[0] * 2))


@contextlib.contextmanager
def listening(path: Path, server: VncServer) -> Iterator[VncServer]:
    """The server at a unix socket."""
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen()
        thread = threading.Thread(target=_accept, args=(listener, server), daemon=True)
        thread.start()
        try:
            yield server
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            thread.join(60)


def _accept(listener: socket.socket, server: VncServer) -> None:
    while True:
        try:
            connection, _ = listener.accept()
        except OSError:
            return
        with connection, connection.makefile("rb") as heard:
            server.serve(partial(_exactly, heard), connection.sendall)


def _exactly(heard: IO[bytes], count: int) -> bytes:
    data = heard.read(count)
    if len(data) < count:
        raise EOFError
    return data


def looks(vnc: Rfb, *, for_s: float) -> Iterator[Screen]:
    """One after another: what comes later than a look waits for is seen by the next."""
    last = time.monotonic() + for_s
    while time.monotonic() < last:
        yield vnc.picture()
