"""What is said to stay does: a signal to the front is for nobody then, and one that came before is told."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
from types import SimpleNamespace
from typing import Any, cast

import pytest

from harness.custodian.requests import Requests
from harness.custodian.service import Service
from tests.unit.peers.small_suite import ROOT

STANDS_BEHIND = """
import os, signal, sys
from harness.custodian.front import step_behind
before = step_behind()
signal.signal(signal.SIGTERM, lambda *_: print("a signal", flush=True))
print("ready", flush=True)
for line in sys.stdin:
    if line.strip() == "hold off": before.hold_off()
    if line.strip() == "let go": before.let_go()
    print(line.strip(), flush=True)
"""


SIGNALS_AT_ONCE = """
import os, signal
from harness.custodian.front import step_behind
begins, sent = os.pipe()
install = signal.signal
def install_late(number, handler):
    signal.signal = install
    os.read(begins, 1)
    return install(number, handler)
signal.signal = install_late
step_behind()
def told(*_):
    print("a signal", flush=True)
    os._exit(0)
install(signal.SIGTERM, told)
signal.alarm(50)
os.kill(os.getppid(), signal.SIGTERM)
os.write(sent, b".")
signal.pause()
"""
"""The front comes to its first step only when a signal has been sent to it."""


def test_a_signal_before_the_front_stands_is_passed_on() -> None:
    words = [sys.executable, "-c", SIGNALS_AT_ONCE]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "a signal\n", "")


def test_a_front_that_holds_off_passes_on_no_signal() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", STANDS_BEHIND],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        bufsize=1,
    ) as front:
        assert front.stdin is not None
        assert front.stdout is not None
        assert front.stdout.readline() == "ready\n"
        front.terminate()
        assert front.stdout.readline() == "a signal\n"
        front.stdin.write("hold off\n")
        assert front.stdout.readline() == "hold off\n"
        front.terminate()
        front.stdin.write("alive\n")
        front.stdin.close()
        assert front.stdout.read() == "alive\n"
        assert front.wait(60) == 0


@pytest.mark.parametrize("words", ["let go\n", "hold off\nlet go\n"])
def test_a_front_that_is_let_go_waits_for_nobody(words: str) -> None:
    """Also where it was never told to hold off, as by a custodian that could not remove all in its time."""
    lasts, ends = os.pipe()
    goes_on = f"{STANDS_BEHIND}os.read({lasts}, 1)\n"
    with (
        os.fdopen(lasts),
        subprocess.Popen(
            [sys.executable, "-c", goes_on],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            text=True,
            pass_fds=[lasts],
        ) as front,
        os.fdopen(ends, "w"),
    ):
        assert front.stdin is not None
        front.stdin.write(words)
        front.stdin.close()
        assert front.wait(60) == 0


class Few:
    """Requests with a VM that is kept, as far as the end of a custodian asks for them."""

    def __init__(self) -> None:
        self.keeper = SimpleNamespace(kept={"acc-00a11e-1": "…"})

    def interrupt(self) -> None:
        """Nothing is under way."""

    async def close(self, *, keeping: bool = False) -> list[str]:
        """All but what is kept."""
        if not keeping:
            self.keeper.kept.clear()
        return []


class Said:
    """What was said, and done, in order."""

    def __init__(self) -> None:
        self.all: list[str] = []

    def write(self, data: bytes) -> None:
        """A farewell."""
        self.all += json.loads(data)["ok"] or ["all is well"]

    async def drain(self) -> None:
        """At once."""


@pytest.mark.parametrize("when", ["never", "before", "while it is held off"])
def test_what_a_farewell_says_of_it_holds(when: str) -> None:
    """A signal that came before the front held off is obeyed, and told; after that none comes."""
    said, few = Said(), Few()

    async def end() -> None:
        def hold_off() -> None:
            said.all.append("held off")
            if when == "while it is held off":
                signal.raise_signal(signal.SIGHUP)

        service = Service(cast(Requests, few), cast(Any, said), hold_off)
        asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, service.hurried.set)
        if when == "before":
            service.hurried.set()
        reader = asyncio.StreamReader()
        reader.feed_eof()
        await service.run(reader)
        asyncio.get_running_loop().remove_signal_handler(signal.SIGHUP)

    asyncio.run(end())
    stays = when == "never"
    assert said.all == [
        "held off",
        "all is well" if stays else "acc-00a11e-1 does not stay for a look: its custodian was told to end",
    ]
    assert bool(few.keeper.kept) is stays


def test_what_was_removed_is_not_removed_again_because_of_a_signal() -> None:
    """Else each end that was not seen would be waited for twice, and told twice."""
    said, few = Said(), Few()
    few.keeper.kept.clear()

    async def end() -> None:
        service = Service(cast(Requests, few), cast(Any, said))

        async def close(*, keeping: bool = False) -> list[str]:
            service.hurried.set()
            return [f"a session may go on{'' if keeping else ', still'}"]

        few.close = close  # type: ignore[method-assign]
        reader = asyncio.StreamReader()
        reader.feed_eof()
        await service.run(reader)

    asyncio.run(end())
    assert said.all == ["a session may go on"]
