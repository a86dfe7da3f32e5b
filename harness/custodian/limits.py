"""Everything within N seconds and M bytes: one limit for a whole exchange. Part of the custodian.

Sent to the host: standard library only, Python 3.9 or newer. A peer that answers a byte now and then meets
every limit of a single read; so a limit counts from the first word to the last, whatever comes in between.
"""

from __future__ import annotations

import time


class LimitReached(Exception):  # noqa: N818 - it reads as what happened
    """Time or size is used up; the text says whose, which, and how much."""


class TimeIsUp(LimitReached):
    """Not all of it came in time."""


class TooMuch(LimitReached):
    """More came than will be taken."""


class Limit:
    """What one exchange may take in all.

    :param what: whose answer it is, for the message.
    :param seconds: from now to its end.
    :param size: bytes that may come.
    """

    def __init__(self, what: str, *, seconds: float, size: int) -> None:
        self.what = what
        self.seconds = seconds
        self.size = size
        self.taken = 0
        self._ends = time.monotonic() + seconds

    def left_s(self) -> float:
        """Seconds that the next read may block; more than nothing.

        :raises TimeIsUp: there are none.
        """
        left = self._ends - time.monotonic()
        if left <= 0:
            raise self.up()
        return left

    def up(self) -> TimeIsUp:
        """What to raise where something that had :meth:`left_s` came to nothing."""
        return TimeIsUp(f"{self.what}: not complete within {self.seconds:g} s ({self.taken} bytes came)")

    def take(self, count: int) -> None:
        """Count what came.

        :raises TooMuch: it is more than will be taken.
        :raises TimeIsUp: it came too late.
        """
        self.taken += count
        if self.taken > self.size:
            raise TooMuch(f"{self.what}: over {self.size} bytes, the rest was not read")
        self.left_s()
