"""What is told of each turn of a soak, as its journal has it."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

from bench.soak.plan import Scope, Victim


class _Told(BaseModel):
    model_config = ConfigDict(frozen=True)


class Run(_Told):
    """What a run came to."""

    outcome: str
    """Of its verdict; ``no verdict`` where it came to none."""
    seconds: float
    red: tuple[str, ...] = ()
    """Checks that did not pass, those first that are behind no other."""
    why: str = ""
    """What else is told of a run that did not pass."""
    evidence: str = ""
    """Where what it saw is kept; nothing of a run that passed."""
    pressure: dict[str, float] = {}
    """The share of its time in which some task here waited for processors, memory, or a disk."""


class Strike(_Told):
    """A kill, and what the run came to in which it happened: that may be anything."""

    pid: int
    after_s: float
    """Since the beginning of the run."""
    outcome: str


class Account(_Told):
    """What became of a turn."""

    turn: int
    scope: Scope
    loaded: bool
    victim: Victim | None = None
    strike: Strike | None = None
    """None also where the run was over each time before its victim could be killed."""
    run: Run
    leaks: dict[str, str] = {}
    """What is there since this turn, and should not be; and what else is told of it."""
    gained: dict[str, int] = {}
    """Descriptors that long-lived processes have more than when they were first seen."""

    @property
    def is_false_alarm(self) -> bool:
        """Nothing is wrong with the lab, and the run did not say so."""
        return self.run.outcome != "PASS"
