"""Accounts of turns, as tests need them."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from bench.soak.account import Account, Run, Strike
from bench.soak.plan import Order, Victim
from bench.soak.seen import OnHost, Process, Seen

_NOTHING: Mapping[str, str] = MappingProxyType({})
ORDER = Order(seed=7, runs=4, smoke=2, kills=3, load=True, after="smoke")


def account(
    turn: int, outcome: str = "PASS", *, victim: Victim | None = None, leaks: Mapping[str, str] = _NOTHING
) -> Account:
    """One turn's."""
    strike = Strike(pid=4711, after_s=12.5, outcome="BROKEN") if victim else None
    run = Run(outcome=outcome, seconds=100.0 + turn, evidence="" if outcome == "PASS" else f"/soak/{turn}")
    return Account(
        turn=turn, scope="acceptance", loaded=False, victim=victim, strike=strike, run=run, leaks=dict(leaks)
    )


def process(
    name: str, pid: int, *, unit: str = "a.service", parent: int = 1, descriptors: int = 3
) -> Process:
    """A process on the host."""
    return Process(
        pid=pid, parent=parent, started=pid, unit=unit, name=name, command=f"/{name}", descriptors=descriptors
    )


def seen(*processes: Process, things: tuple[str, ...] = (), **others: object) -> Seen:
    """A look."""
    on_host = OnHost(processes=processes, things=frozenset(things))
    return Seen.model_validate({"host": "1 1", "on_host": on_host, **others})
