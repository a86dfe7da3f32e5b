"""The log, line for line shaped like Firecracker's; it goes to stdout until a file is named."""

import os
import sys
import time
from pathlib import Path

from lab.vmm.faults import Fault, os_words
from lab.vmm.files import STDOUT, open_output

LEVELS = {"off": 0, "error": 1, "warning": 2, "warn": 2, "info": 3, "debug": 4, "trace": 5}


class Logger:
    """Where and what this process logs."""

    def __init__(self, instance: str) -> None:
        self._instance = instance
        self._fd = STDOUT
        self._level = LEVELS["info"]
        self._show_level = False
        self._show_origin = False
        self.missed = 0

    def configure(
        self, path: str | None, level: str | None, *, show_level: bool | None, show_origin: bool | None
    ) -> None:
        """Apply a logger configuration; an omitted level means Info again."""
        number = LEVELS["info" if level is None else level.lower()]
        if path is not None:
            try:
                self._fd = open_output(path, instead_of=self._fd)
            except OSError as error:
                raise Fault(f"Failed to open target file: {os_words(error)}") from error
        self._level = number
        self._show_level = self._show_level if show_level is None else show_level
        self._show_origin = self._show_origin if show_origin is None else show_origin

    def info(self, message: str, thread: str = "main") -> None:
        """Log what happens in the normal course."""
        self._write("info", thread, message)

    def warning(self, message: str, thread: str = "main") -> None:
        """Log what an operator may want to look at."""
        self._write("warn", thread, message)

    def error(self, message: str, thread: str = "main") -> None:
        """Log what went wrong."""
        self._write("error", thread, message)

    def _write(self, level: str, thread: str, message: str) -> None:
        if LEVELS[level] > self._level:
            return
        now = time.time_ns()
        stamp = f"{time.strftime('%Y-%m-%dT%H:%M:%S', time.localtime(now // 10**9))}.{now % 10**9:09d}"
        shown = f":{level.upper()}" if self._show_level else ""
        origin = _origin() if self._show_origin else ""
        line = f"{stamp} [{self._instance}:{thread}{shown}{origin}] {_one_line(message)}\n"
        try:
            os.write(self._fd, line.encode())
        except OSError:  # a full pipe or disk: the line is lost and counted, as Firecracker does
            self.missed += 1


def _one_line(message: str) -> str:
    """What a client sent stays in its line, and does nothing to a terminal."""
    return "".join(letter if letter.isprintable() else repr(letter)[1:-1] for letter in message)


def _origin() -> str:
    frame = sys._getframe(3)
    return f":{Path(frame.f_code.co_filename).name}:{frame.f_lineno}"
