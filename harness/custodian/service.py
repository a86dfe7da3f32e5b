"""The custodian: owns everything a run makes on a host, and removes it when its stdin ends.

Sent to the host and run there as root: standard library only, Python 3.9 or newer. One JSON request a line
on stdin, ``{"id", "op", ...}``; one JSON answer a line on stdout, ``{"id", "ok"}`` or ``{"id", "error",
"vmm"}`` (whether a VMM is what failed), served side by side. End of input, SIGTERM and SIGHUP all mean:
destroy everything, and end.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import signal
import sys
from typing import Any

from harness.custodian.cell import VmmFailed
from harness.custodian.requests import Requests, described

GREETING = "acceptance-custodian "
FAREWELL = 0
_LONGEST_REQUEST = 64 << 20


class Service:
    """Requests in, answers out, until the input ends or a signal says so."""

    def __init__(self, requests: Requests, writer: asyncio.StreamWriter) -> None:
        self.requests = requests
        self.writer = writer
        self.under_way: set[asyncio.Task[None]] = set()

    async def run(self, reader: asyncio.StreamReader) -> None:
        """Serve to the end of input; then remove everything."""
        try:
            while line := await reader.readline():
                task = asyncio.create_task(self._answer(json.loads(line)))
                self.under_way.add(task)
                task.add_done_callback(self.under_way.discard)
        finally:
            self.requests.interrupt()
            if self.under_way:
                await asyncio.wait(self.under_way)
            await self._say({"id": FAREWELL, "ok": await self.requests.close()})

    async def _answer(self, request: dict[str, Any]) -> None:
        number = request.pop("id")
        try:
            answer = {"id": number, "ok": await self.requests.serve(request)}
        except Exception as error:  # noqa: BLE001 - whatever it is, the one who asked must hear of it
            answer = {"id": number, "error": described(error), "vmm": isinstance(error, VmmFailed)}
        except asyncio.CancelledError:  # a script that was ended because we end
            answer = {"id": number, "error": "the custodian is ending"}
        await self._say(answer)

    async def _say(self, answer: dict[str, Any]) -> None:
        self.writer.write(json.dumps(answer).encode() + b"\n")
        await self.writer.drain()


async def _streams() -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader(limit=_LONGEST_REQUEST)
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    transport, protocol = await loop.connect_write_pipe(asyncio.streams.FlowControlMixin, sys.stdout)
    return reader, asyncio.StreamWriter(transport, protocol, None, loop)


async def _main(run: str, disks: str) -> None:
    reader, writer = await _streams()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(number, reader.feed_eof)
    signal.signal(
        signal.SIGINT, signal.SIG_IGN
    )  # a Ctrl-C is for the one who started us, who will end our input
    requests = Requests(run, disks)
    writer.write((GREETING + json.dumps(requests.facts()) + "\n").encode())
    await Service(requests, writer).run(reader)


def main(run: str, disks: str) -> None:
    """Hold what run ``acc-<run id>`` makes; its disk copies go to the directory ``disks``."""
    with contextlib.suppress(BrokenPipeError):  # nobody is left to hear the last answer
        asyncio.run(_main(run, disks))
