"""What a custodian does when its run is over and VMs of it stay for a look. Part of the custodian.

Sent to the host: standard library only, Python 3.9 or newer. It goes on holding them, each to its time, until
somebody drops it, or until a signal; then it removes what is left of the run, as it would have before.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

from harness.custodian import kept
from harness.custodian.cell import Cell, Refused
from harness.custodian.kept import Kept

SOCKET = "keeper.sock"
"""In the run's directory: takes one line of JSON, ``{"drop": name}``, and answers with one."""
_LONGEST = 4096
_ASKED_S = 5.0

Drop = Callable[[str], Awaitable[list[str]]]
"""Removes a VM; a line for each thing that could not be."""


class Keeper:
    """VMs that outlive their run.

    :param keeps: whether we may outlive it at all.
    """

    def __init__(self, directory: Path, *, keeps: bool) -> None:
        self.directory = directory
        self.keeps = keeps
        self.kept: dict[str, Kept] = {}
        self._server: asyncio.AbstractServer | None = None
        self._drop: Drop | None = None
        self._changed = asyncio.Event()
        self._dropping = asyncio.Lock()
        self._answering: set[asyncio.Task[None]] = set()

    def keep(self, clone: Cell, why: str, seconds: float, **spare: int) -> None:
        """Let a clone stay; may block.

        :param spare: what is to be left of the host beside it, as :func:`harness.custodian.kept.keep` has it.
        :raises Refused: it does not.
        """
        if clone.plan.name in self.kept:
            return  # a refusal would take it off the record, and one more would have room
        if not self.keeps:
            raise Refused("this run was not begun as one that keeps any")
        if clone.process is None or clone.process.poll() is not None:
            raise Refused("its VMM has ended")
        one = Kept(clone.plan.name, why, seconds)
        kept.keep(self.directory, one, disks=Path(clone.plan.disk).parent, **spare)
        self.kept[one.name] = one

    def forget(self, name: str) -> None:
        """One that is there no more, whoever removed it."""
        self.kept.pop(name, None)
        kept.note_of(self.directory, name).unlink(missing_ok=True)

    async def open(self) -> asyncio.AbstractServer:
        """Have the socket, so that it can be said before the farewell where there is none.

        :raises OSError: there is none, and nobody could drop what is kept.
        """
        path = self.directory / SOCKET
        self._server = await asyncio.start_unix_server(
            self._serve, str(path), limit=_LONGEST, start_serving=False
        )
        path.chmod(0o600)
        return self._server

    async def hold(self, ended: asyncio.Event, drop: Drop) -> None:
        """Until nothing is kept any more, or until ``ended``: then what is left is the caller's to remove.

        :param drop: removes one.
        :raises OSError: nobody could drop any.
        """
        self._drop = drop
        server = self._server or await self.open()  # the farewell may have had no time for it
        await server.start_serving()
        now, here = time.time(), asyncio.get_running_loop().time()
        ends = {name: here + one.seconds for name, one in self.kept.items()}
        for name, one in list(self.kept.items()):
            self.kept[name] = one.ending(now + one.seconds)
            with contextlib.suppress(OSError):  # a full disk: it only looks as if the run went on
                self.kept[name].write(self.directory)
        try:
            while self.kept and not ended.is_set():
                await self._wait(ended, min(ends[name] for name in self.kept))
                past = asyncio.get_running_loop().time()
                for name in [name for name in self.kept if ends[name] <= past]:
                    await self._end(name)
        finally:
            server.close()
            if self._answering:
                await asyncio.wait(self._answering, timeout=_ASKED_S)

    async def _wait(self, ended: asyncio.Event, until: float) -> None:
        """Until something is to be done."""
        self._changed.clear()
        events = [asyncio.ensure_future(event.wait()) for event in (ended, self._changed)]
        left_s = max(0.0, until - asyncio.get_running_loop().time())
        await asyncio.wait(events, timeout=left_s, return_when=asyncio.FIRST_COMPLETED)
        for event in events:
            event.cancel()

    async def _end(self, name: str) -> list[str] | None:
        """Remove one; what could not be removed, or None where it is gone already."""
        async with self._dropping:
            if name not in self.kept:
                return None
            assert self._drop is not None  # noqa: S101 - only who holds is asked to end one
            failures = await self._drop(name)
            self.forget(name)
            self._changed.set()
            return failures

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None  # noqa: S101 - for the type checker: a coroutine that runs has a task
        self._answering.add(task)
        try:
            # Whoever asks for anything else is none of us.
            with contextlib.suppress(OSError, ValueError, KeyError, TypeError, asyncio.TimeoutError):
                asked = json.loads(await asyncio.wait_for(reader.readline(), _ASKED_S))
                failures = await self._end(asked["drop"])
                writer.write(json.dumps({"failures": failures}).encode() + b"\n")
                await asyncio.wait_for(writer.drain(), _ASKED_S)
        finally:
            self._answering.discard(task)
            writer.close()
