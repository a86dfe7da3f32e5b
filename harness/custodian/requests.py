"""What the custodian can be asked for. Part of the custodian.

Sent to the host: standard library only, Python 3.9 or newer.
"""

from __future__ import annotations

import asyncio
import functools
import itertools
import os
import platform
import socket
import threading
import time
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from pathlib import Path
from typing import Any

from harness.custodian import netns, notes, owner, reaper, sessions, unheard
from harness.custodian.cell import LOGS, Cell, Plan, Refused
from harness.custodian.holding import Holding, stream_socket
from harness.custodian.keeper import Keeper
from harness.custodian.kept import on_record
from harness.custodian.launches import NOTES
from harness.custodian.owner import Owner
from harness.custodian.pages import Pages
from harness.custodian.relay import Relay
from harness.custodian.script import Script

_TRIM_S = 0.2
_MOST_WAITING = 256
_PATIENCE_S = 5.0  # with a controller that is just being restarted, before its sessions are given up

Answer = Any


class Requests:
    """The requests, one method each: ``op_<name>`` gets the request's fields.

    :param reaped: what was told of dead runs' leftovers.
    :param keeps: whether a clone may stay when the run is over.
    """

    def __init__(self, run: str, disks: Path, reaped: list[str], *, keeps: bool = False) -> None:
        self.run = run
        self.login = int(os.environ.get("SUDO_UID", os.getuid()))
        self.group = int(os.environ.get("SUDO_GID", os.getgid()))
        self.disks = disks
        self.reaped = reaped
        self.directory = reaper.claim_run(run, disks)
        self.owner = Owner.of(self.directory)
        self.held: dict[str, Holding] = {}
        self.keeper = Keeper(self.directory, keeps=keeps)
        self.session_numbers = itertools.count(1)
        self.host_relays: dict[str, Relay] = {}
        self.pages = Pages()
        self.scripts: set[Script] = set()
        self.launches_end = threading.Event()
        self.pool = ThreadPoolExecutor(max_workers=64, thread_name_prefix="custodian")
        self.waiting = ThreadPoolExecutor(max_workers=_MOST_WAITING, thread_name_prefix="waiting")
        self.trimming: asyncio.Task[None] | None = None

    def facts(self) -> dict[str, Any]:
        """The greeting."""
        return {
            "pid": os.getpid(),
            "python": platform.python_version(),
            "hostname": platform.node(),
            "uid": self.login,
            "time": time.time(),
            "directory": str(self.directory),
            "reaped": self.reaped,
            "kept": [asdict(one) for one in on_record()],
        }

    async def op_make_clone(self, name: str, ports: list[int], guest: str, **plan: Any) -> Answer:
        """A clone with its VMM's API accepting, and relays to the guest's ports."""
        if not name.startswith(f"{self.run}-") or name in self.held:
            raise Refused(f"{name}: not a free name of run {self.run}")
        number = name.rpartition("-")[2]
        disk = str(self.disks / f"{number}.ext4")
        clone = Cell(Plan(name=name, disk=disk, **plan), self.directory / number, self.login, self.owner)
        holding = self.held[name] = Holding(clone)
        self.trimming = self.trimming or asyncio.create_task(self._trim_logs())
        try:
            await self._off_loop(clone.open_namespace)
            await holding.inside(clone.make)
            for port in ports:
                await holding.relay(guest, port, self.login)
        except BaseException:
            await self.op_destroy(name)
            raise
        return {
            "directory": str(clone.directory),
            "api": str(clone.directory / "api.sock"),
            "disk": disk,
            "timings": clone.timings,
            "pid": clone.process.pid if clone.process else None,
        }

    async def op_destroy(self, name: str) -> Answer:
        """Remove a clone and all that belongs to it; its last console and log.

        A failing undo is said, and keeps no other undo from being done.
        """
        holding = self._holding(name)
        del self.held[name]
        texts = {file: log.text() for file, log in holding.clone.logs.items()}
        failures = [described(error) for error in holding.hang_up()]
        try:
            await self._off_loop(holding.clone.destroy)
        except Exception as error:  # noqa: BLE001 - reported to the one who asked
            failures.append(described(error))
        self.keeper.forget(name)
        return {"failures": failures, "texts": texts}

    async def op_keep(self, name: str, **terms: Any) -> Answer:
        """Let a clone stay when the run is over."""
        await self._off_loop(functools.partial(self.keeper.keep, self._holding(name).clone, **terms))

    async def op_relay(self, name: str, guest: str, port: int) -> Answer:
        """A relay to one more port of the guest; the path of its socket."""
        return str((await self._holding(name).relay(guest, port, self.login)).path)

    async def op_relay_error(self, name: str, port: int) -> Answer:
        """Why the last connection to a port failed; empty where it did not."""
        relay = self._holding(name).relays.get(port)
        return relay.last_error if relay else ""

    async def op_relay_host(self, address: str, port: int) -> Answer:
        """A relay to an address as the host sees it."""
        path = self.directory / f"{address}_{port}.sock".replace(":", "_")
        if str(path) not in self.host_relays:
            family = socket.AF_INET6 if ":" in address else socket.AF_INET
            relay = Relay(path, (address, port), functools.partial(_host_socket, family))
            self.host_relays[str(path)] = await relay.start(self.login)
        return str(path)

    async def op_listen(self, name: str, address: str, port: int) -> Answer:
        """A silent listener inside the clone's namespace."""
        holding = self._holding(name)
        return {"port": await holding.listen(address, port)}

    async def op_accepted(self, name: str, port: int) -> Answer:
        """What came to a silent listener so far."""
        return self._holding(name).mutes[port].account()

    async def op_unlisten(self, name: str, port: int) -> Answer:
        """End a silent listener."""
        mute = self._holding(name).mutes.pop(port, None)
        if mute is not None:
            mute.stop()

    async def op_serve_pages(self, address: str, port: int) -> Answer:
        """Serve web pages on an address of the host; the port."""
        try:
            return await self.pages.start(address, port)
        except OSError as error:
            raise Refused(
                f"no page can be served at {address}, port {port or 'any'}: {error.strerror}"
            ) from error

    async def op_add_page(self, path: str, body: str) -> Answer:
        """One more page."""
        self.pages.add(path, body)

    async def op_page_visitors(self, path: str) -> Answer:
        """Who has asked for a page."""
        return self.pages.visitors(path)

    async def op_link(self, name: str, up: bool) -> Answer:
        """The clone's TAP up or down."""
        holding = self._holding(name)
        await holding.inside(functools.partial(netns.set_link, holding.clone.plan.tap, up=up))

    async def op_read(self, name: str, file: str) -> Answer:
        """What is kept of one of the clone's logs."""
        if file not in LOGS:
            raise Refused(f"{file}: no such file of a clone")
        return self._holding(name).clone.logs[file].text()

    async def op_process(self, name: str) -> Answer:
        """The VMM process."""
        return await self._off_loop(self._holding(name).clone.status)

    async def op_alive(self, name: str) -> Answer:
        """Whether the VMM runs."""
        process = self._holding(name).clone.process
        return process is not None and process.poll() is None

    async def op_last_words(self, name: str) -> Answer:
        """How the VMM ended."""
        return await self._off_loop(self._holding(name).clone.last_words)

    async def op_script(self, argv: list[str], input_text: str, limit_s: float, root: bool) -> Answer:
        """Run a program to its end, or to its deadline."""
        script = Script(argv, input_text, limit_s, None if root else (self.login, self.group))
        self.scripts.add(script)
        try:
            answer = await self._waited_for(script.run)
        finally:
            self.scripts.discard(script)
        if script.stopped:
            raise Refused("the custodian is ending")
        return answer

    async def op_start_session(self, **request: Any) -> Answer:
        """Ask the controller for a session, and own it."""
        note = self.directory / f"session-{next(self.session_numbers)}.json"
        start = functools.partial(sessions.start_session, note, stop=self.launches_end, **request)
        return await self._waited_for(start)

    async def op_unsettled_launches(self) -> Answer:
        """Launches of dead runs, and of this one, of which it is not known what came."""
        return await self._off_loop(functools.partial(unheard.unheard, self.directory))

    async def op_settle_launch(self, note: str, found: list[str]) -> Answer:
        """Own and cancel the sessions that came of a launch; a line for each."""
        try:
            return await self._off_loop(functools.partial(unheard.settle, self.directory, note, found))
        except notes.Unreadable as error:
            raise Refused(str(error)) from error

    def interrupt(self) -> None:
        """Let requests under way end soon; but for launches, whose answer says what there is to cancel."""
        for holding in self.held.values():
            holding.clone.stopping.set()
        for script in list(self.scripts):
            script.stop()

    def give_up_launches(self) -> None:
        """Wait for no answer any more: what came of them is found by their notes."""
        self.launches_end.set()

    async def close(self, *, keeping: bool = False) -> list[str]:
        """Remove everything; a line for each undo that failed.

        :param keeping: what is kept stays, with all that it needs.
        """
        staying = self.keeper.kept.keys() & self.held.keys() if keeping else set()
        ending = asyncio.ensure_future(self._end_sessions())
        done = await asyncio.gather(*(self.op_destroy(name) for name in set(self.held) - staying))
        failures = [*(line for answer in done for line in answer["failures"]), *await ending]
        if staying and (why := await self._why_none_stays()):
            failures += [f"{name} does not stay for a look: {why}" for name in sorted(staying)]
            for answer in await asyncio.gather(*map(self.op_destroy, staying)):
                failures += answer["failures"]
            staying = set()
        for relay in self.host_relays.values():
            relay.stop()
        self.pages.stop()
        if staying:
            return failures
        if self.trimming is not None:
            self.trimming.cancel()
        return [*failures, *await self._off_loop(self._remove_folders)]

    async def _why_none_stays(self) -> str:
        """What keeps us from keeping anything when the run is over; empty where nothing does."""
        if any(self.directory.glob(NOTES)):  # the next run ends it, of a run that is dead
            return "of its run a session may go on, and that is seen to first"
        try:
            await self.keeper.open()
        except OSError as error:
            return f"nobody could drop it, for its keeper has no socket: {error}"
        return ""

    async def drop(self, name: str) -> list[str]:
        """A clone that is kept no more; a line for each undo that failed."""
        answer = await self.op_destroy(name)
        return list(answer["failures"])

    def _remove_folders(self) -> list[str]:
        """The disks first: the run's own directory says where they are. What a note stands for keeps it."""
        failures = []
        for folder, kept in ((self.disks, ()), (self.directory, (NOTES, reaper.CLONE_NOTES))):
            try:
                if folder.exists() and Owner.of(folder) == self.owner:
                    keep = [note for pattern in kept for note in folder.glob(pattern)]
                    failures += owner.remove(folder, keep=keep)
            except (OSError, notes.Unreadable) as error:
                failures.append(f"{folder}: {error}")
        return failures

    async def _end_sessions(self) -> list[str]:
        """Cancel every session; a line for each whose end was not seen: its note stays, for the next run."""
        end = functools.partial(sessions.end_session, patience_s=_PATIENCE_S)
        found = sorted(self.directory.glob(NOTES))
        ended = await asyncio.gather(*(self._off_loop(functools.partial(end, note)) for note in found))
        return [line for over, line in ended if not over]

    async def _trim_logs(self) -> None:
        while True:
            await asyncio.sleep(_TRIM_S)
            for holding in list(self.held.values()):
                for log in holding.clone.logs.values():
                    log.trim()

    async def serve(self, request: dict[str, Any]) -> Answer:
        """One request."""
        operation: Callable[..., Awaitable[Answer]] | None = getattr(self, f"op_{request.pop('op')}", None)
        if operation is None:
            raise Refused("no such operation: the two ends are of different versions")
        return await operation(**request)

    def _holding(self, name: str) -> Holding:
        if name not in self.held:
            raise Refused(f"{name}: no such clone, or destroyed already")
        return self.held[name]

    async def _off_loop(self, function: Callable[[], Any]) -> Any:
        return await asyncio.get_running_loop().run_in_executor(self.pool, function)

    async def _waited_for(self, function: Callable[[], Any]) -> Any:
        """What waits for somebody else keeps nothing of ours from being done."""
        return await asyncio.get_running_loop().run_in_executor(self.waiting, function)


def described(error: BaseException) -> str:
    """One line an operator can read: our own refusals as they are, the unexpected with its type."""
    text = str(error) if isinstance(error, Refused) else f"{type(error).__name__}: {error}"
    earlier = error.__context__
    return f"{text} (after {described(earlier)})" if earlier is not None and earlier is not error else text


async def _host_socket(family: int) -> socket.socket:
    return stream_socket(family)
