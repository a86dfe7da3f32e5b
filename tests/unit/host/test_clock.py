"""The host's clock: one quick look among slow ones is enough, and a date of whole seconds is no finding."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from harness.clocks import Offset
from harness.errors import TransportError
from harness.host.clock import ASKS, host_clock
from tests.unit.peers.shell_machine import this_machine

EXACT_S = 1e-5
"""Times of day are told so exactly, as numbers."""
SLOWLY = """#!/bin/sh
PATH={path}
n=$(cat {folder}/n 2>/dev/null || echo 0); echo $((n + 1)) >{folder}/n
[ "$n" = 3 ] || {{ sleep 0.25; }}
{date}
"""


def clock(folder: Path, date: str) -> Offset:
    """Of a host that is slow to answer but for one time."""
    program = folder / "date"
    program.write_text(SLOWLY.format(path=os.environ["PATH"], folder=folder, date=date))
    program.chmod(0o755)
    with this_machine(path=f"{folder}:{os.environ['PATH']}", remembers=False) as machine:
        return host_clock(machine)


class Watch:
    """The time of day, and each time that was told."""

    def __init__(self) -> None:
        self.told: list[float] = []

    def time(self) -> float:
        self.told.append(time.time())
        return self.told[-1]

    @property
    def quickest_s(self) -> float:
        """Of what took from one time that was told to the next, and is over."""
        return min(ended - began for began, ended in zip(self.told[::2], self.told[1::2], strict=True))


@pytest.mark.parametrize(
    ("date", "ahead_s", "unknown_s"),
    [
        ("exec date +%s.%N", 0, 0),
        ("exec date -d '+5 seconds' +%s.%N", 5, 0),
        ("exec date +%s.%%N", 0, 1),
    ],
    ids=["right", "five seconds ahead", "busybox"],
)
def test_the_best_of_several_looks_counts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, date: str, ahead_s: int, unknown_s: float
) -> None:
    """However long that one took."""
    watch = Watch()
    monkeypatch.setattr("harness.host.clock.time", watch)
    seen = clock(tmp_path, date)
    assert int((tmp_path / "n").read_text()) == ASKS
    assert seen.low <= ahead_s <= seen.high
    assert seen.high - seen.low <= watch.quickest_s + unknown_s + EXACT_S


def test_a_host_that_tells_no_time_is_our_trouble(tmp_path: Path) -> None:
    with pytest.raises(TransportError, match="date: no number"):
        clock(tmp_path, "echo later")
