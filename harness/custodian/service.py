"""The custodian: owns everything a run makes on a host, and removes it when its stdin ends.

Sent to the host and run there as root: standard library only, Python 3.9 or newer. One JSON request a line
on stdin, ``{"id", "op", ...}``; one JSON answer a line on stdout, ``{"id", "ok"}`` or ``{"id", "error",
"vmm"}`` (whether a VMM is what failed), served side by side. End of input, SIGTERM and SIGHUP all mean:
destroy everything, and end. A launch under way is waited for as long as it may take, for its answer says
what there is to cancel; after a signal no longer than some seconds. Whoever does not listen is not waited
for, and what cannot be destroyed in time is left to the next run's reaper. What is kept for a look stays
after the end of input, and we with it (keeper.py).
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import sys
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

from harness.custodian import front, reaper
from harness.custodian.cell import VmmFailed
from harness.custodian.front import Front
from harness.custodian.requests import Requests, described

GREETING = "acceptance-custodian "
FAREWELL = 0
KEEPS = "keeps"
"""Told to one that may outlive its run."""
_LONGEST_REQUEST = 64 << 20
_LAUNCHES_S = 600.0  # each has a limit of its own; this is for what does not keep it
_HURRIED_S = 5.0  # for a launch, and once more for what does not end even so
_DESTROY_S = 120.0
_SAY_S = 5.0
_TURNS = 5  # of the loop, until a signal that has come is known


class Service:
    """Requests in, answers out, until the input ends or a signal says so.

    :param hold_off: has whoever passes signals on to us pass on no more.
    """

    def __init__(
        self, requests: Requests, writer: asyncio.StreamWriter, hold_off: Callable[[], None] | None = None
    ) -> None:
        self.requests = requests
        self.writer = writer
        self.hold_off = hold_off
        self.hurried = asyncio.Event()
        """Set: whoever ends us does not wait for long."""
        self.under_way: set[asyncio.Task[None]] = set()
        self.answering: set[asyncio.Task[None]] = set()

    async def run(self, reader: asyncio.StreamReader) -> None:
        """Serve to the end of input; then remove everything."""
        try:
            while line := await reader.readline():
                self._begin(self._serve(json.loads(line)), self.under_way)
        finally:
            self.requests.interrupt()
            await self._await_requests()
            await self._await_farewell()

    async def _serve(self, request: dict[str, Any]) -> None:
        answer = await self._answer(request)
        self._begin(self._say(answer), self.answering)

    async def _answer(self, request: dict[str, Any]) -> dict[str, Any]:
        number = request.pop("id")
        try:
            return {"id": number, "ok": await self.requests.serve(request)}
        except Exception as error:  # noqa: BLE001 - whatever it is, the one who asked must hear of it
            return {"id": number, "error": described(error), "vmm": isinstance(error, VmmFailed)}

    async def _await_requests(self) -> None:
        """Until every request is done with what it makes."""
        if not self.under_way:
            return
        done = asyncio.create_task(asyncio.wait(self.under_way, timeout=_LAUNCHES_S))
        hurried = asyncio.create_task(self.hurried.wait())
        await asyncio.wait({done, hurried}, return_when=asyncio.FIRST_COMPLETED)
        hurried.cancel()
        await asyncio.wait({done}, timeout=_HURRIED_S)
        self.requests.give_up_launches()
        await asyncio.wait({done}, timeout=_HURRIED_S)

    async def _await_farewell(self) -> None:
        try:
            failures = await asyncio.wait_for(self._close(), _DESTROY_S)
        except asyncio.TimeoutError:  # noqa: UP041 - another class before Python 3.11
            failures = [f"not all could be removed within {_DESTROY_S:g} s"]
        except Exception as error:  # noqa: BLE001 - the one who waits must hear of it
            failures = [described(error)]
        farewell = {"id": FAREWELL, "ok": failures}
        self._begin(self._say(farewell), self.answering)
        await asyncio.wait(self.answering, timeout=_SAY_S)

    async def _close(self) -> list[str]:
        """Remove everything but what stays: that does from now on, whatever becomes of the front.

        Who hears the farewell has nothing more to do with us, and may end the front before we do.
        """
        failures: list[str] = []
        kept = self.requests.keeper.kept
        if not self.hurried.is_set():
            failures = await self.requests.close(keeping=True)
            if not kept:
                return failures
        if kept and self.hold_off is not None:
            self.hold_off()
            for _ in range(_TURNS):
                await asyncio.sleep(0)
        if self.hurried.is_set():
            lost = sorted(kept)
            failures += await self.requests.close()
            failures += [f"{name} does not stay for a look: its custodian was told to end" for name in lost]
        return failures

    async def _say(self, answer: dict[str, Any]) -> None:
        with contextlib.suppress(ConnectionError):  # nobody is left to hear it
            self.writer.write(json.dumps(answer).encode() + b"\n")
            await self.writer.drain()

    def _begin(self, work: Coroutine[Any, Any, None], among: set[asyncio.Task[None]]) -> None:
        task = asyncio.create_task(work)
        among.add(task)
        task.add_done_callback(among.discard)


async def _streams() -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader(limit=_LONGEST_REQUEST)
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    transport, protocol = await loop.connect_write_pipe(asyncio.streams.FlowControlMixin, sys.stdout)
    transport.set_write_buffer_limits(0)  # what was said is with the one who asked, or not yet said
    return reader, asyncio.StreamWriter(transport, protocol, None, loop)


async def _main(run: str, disks: Path, reaped: list[str], before: Front | None) -> None:
    reader, writer = await _streams()
    loop = asyncio.get_running_loop()
    ended = asyncio.Event()

    def end() -> None:
        ended.set()
        reader.feed_eof()

    for number in (signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(number, end)
    requests = Requests(run, disks, reaped, keeps=before is not None)
    service = Service(requests, writer, before.hold_off if before else None)
    service.hurried = ended
    writer.write((GREETING + json.dumps(requests.facts()) + "\n").encode())
    await service.run(reader)
    if before is not None and requests.keeper.kept:
        writer.close()
        before.let_go()
        try:
            await requests.keeper.hold(ended, requests.drop)
        finally:
            await requests.close()


def main(run: str, disks: str, how: str = "") -> None:
    """Hold what run ``acc-<run id>`` makes; its disk copies go to the directory ``disks``.

    :param how: :data:`KEEPS` where VMs of it may stay for a look.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a Ctrl-C is for who started us, who will end our input
    before = front.step_behind() if how == KEEPS else None
    reaped = reaper.reap(Path(disks).parent)  # a signal just ends this: the next reaper goes on with it
    status = 1
    try:
        asyncio.run(_main(run, Path(disks), reaped, before))
        status = 0
    except Exception as error:  # noqa: BLE001 - who started us reads it
        print(described(error), file=sys.stderr, flush=True)
    os._exit(status)  # a thread that waits for somebody is not waited for
