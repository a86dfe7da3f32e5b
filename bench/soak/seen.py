"""Two looks at the lab, and what is there since that should not be. Pure."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Mapping

from pydantic import BaseModel, ConfigDict

WORKERS = {"postgresql@N-main.service: postgres": 8}
"""More processes that a service may have: the controller's pool of connections may grow to eight."""
MOST_GAINED = 16
"""More descriptors that a long-lived process may have: connections kept for a while, and a pool's."""


class Process(BaseModel):
    """A process on the host."""

    model_config = ConfigDict(frozen=True)

    pid: int
    parent: int
    started: int
    unit: str
    """Of systemd, by its control group."""
    name: str
    command: str
    descriptors: int

    @property
    def told(self) -> str:
        """Unit and name; a session's number is another each time."""
        return f"{re.sub(r'[0-9]+', 'N', self.unit)}: {self.name}"


class OnHost(BaseModel):
    """What the host says."""

    model_config = ConfigDict(frozen=True)

    processes: tuple[Process, ...] = ()
    things: frozenset[str] = frozenset()
    """Namespaces, network devices, listening sockets, mounts, folders; the first word is the kind."""


class Seen(BaseModel):
    """One look: at the host, at the database, and at this machine."""

    model_config = ConfigDict(frozen=True)

    host: str = ""
    """Which one it is: another after it was booted."""
    on_host: OnHost = OnHost()
    nobodys: frozenset[str] = frozenset()
    """Things of VMs on the host that belong to no live VM."""
    reaped: frozenset[str] = frozenset()
    """What runs had left that was removed as we came."""
    rows: frozenset[str] = frozenset()
    """Live VMs and sessions that are not over."""
    vmms: frozenset[int] = frozenset()
    """Pids of VMMs that belong to a live row."""
    here: frozenset[str] = frozenset()
    """Processes and folders on this machine."""
    here_descriptors: int = 0
    """Our own."""


def under_way(seen: Seen) -> list[str]:
    """What there is only while somebody uses the lab: no look at it tells what is left by whom."""
    runs = (one for one in seen.on_host.things if re.match(r"entry /run/acc-[0-9a-f]{6}$", one))
    return sorted([*runs, *seen.rows, *seen.nobodys])


def left_since(before: Seen, now: Seen) -> dict[str, str]:
    """What has come and has not gone, by what it is known by for good, and what else is told of it."""
    things = now.on_host.things - before.on_host.things
    vms, reaped = now.nobodys - before.nobodys, now.reaped - before.reaped
    others = (things, vms, reaped, now.rows - before.rows, now.here - before.here)
    return {**_more_processes(before, now), **{one: "" for them in others for one in sorted(them)}}


def _more_processes(before: Seen, now: Seen) -> dict[str, str]:
    """By unit and name, for a service that was started anew has other processes, but no more of them."""
    known = {(one.pid, one.started) for one in before.on_host.processes}
    had, has = (Counter(one.told for one in _processes(seen)) for seen in (before, now))
    found: dict[str, str] = {}
    for told, count in sorted(has.items()):
        more = count - had[told] - WORKERS.get(told, 0)
        new = [
            f"pid {one.pid} {one.command}"
            for one in _processes(now)
            if one.told == told and (one.pid, one.started) not in known
        ]
        if more > 0:
            found[f"process {told}: {more} more"] = "; ".join(new)
    return found


def _processes(seen: Seen) -> Collection[Process]:
    """Without those of VMs that may be there."""
    return [one for one in seen.on_host.processes if seen.vmms.isdisjoint((one.pid, one.parent))]


class Descriptors:
    """How many each long-lived process had when it was first seen."""

    def __init__(self, before: Seen) -> None:
        self._first = dict(_counts(before))

    def gained(self, now: Seen) -> dict[str, int]:
        """How many more each has now; those that are seen for the first time are known from now on."""
        found: dict[str, int] = {}
        for key, count in _counts(now).items():
            more = count - self._first.setdefault(key, count)
            if more > 0:
                found[key[0]] = max(more, found.get(key[0], 0))
        return found


def too_many(gained: Mapping[str, int]) -> dict[str, str]:
    """Those processes that gained more than they may."""
    return {f"descriptors of {name}": f"{more} more" for name, more in gained.items() if more > MOST_GAINED}


def _counts(seen: Seen) -> Mapping[tuple[str, int, int], int]:
    # A worker of the database has a file open for each table and index that it was ever asked of.
    processes = [one for one in _processes(seen) if one.told not in WORKERS]
    counts = {(one.told, one.pid, one.started): one.descriptors for one in processes}
    return {**counts, ("this command", 0, 0): seen.here_descriptors}
