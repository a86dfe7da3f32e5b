"""What a soak does, turn by turn: all of it follows from a seed. Pure."""

from __future__ import annotations

import random
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

Scope = Literal["acceptance", "smoke"]
MOST = 100_000
"""Turns of a kind."""
Count = Annotated[int, Field(ge=0, le=MOST)]


class Victim(StrEnum):
    """Who is killed."""

    SUITE = "suite"
    CUSTODIAN = "custodian"
    CONTROLLER = "controller"


class Order(BaseModel):
    """What was asked for."""

    model_config = ConfigDict(frozen=True)

    seed: int
    runs: Count
    """Of acceptance."""
    smoke: Count
    kills: Count
    load: bool
    """Whether half of the runs of each scope are under load."""
    after: Scope
    """What is run after a kill."""


@dataclass(frozen=True)
class Turn:
    """A run that must PASS; where somebody is killed, in a run before it."""

    number: int
    scope: Scope
    loaded: bool = False
    victim: Victim | None = None
    moment: float = 0.0
    """When the victim is killed: of the time that a run usually takes, such a share."""


def schedule(order: Order) -> list[Turn]:
    """The turns of a soak, always the same for the same order."""
    chance = random.Random(order.seed)  # noqa: S311 - that it comes again is what is wanted
    victims = chance.sample(list(Victim), len(Victim))
    turns = [*_runs("acceptance", order.runs, order.load), *_runs("smoke", order.smoke, order.load)]
    turns += [
        Turn(0, order.after, victim=victims[n % len(victims)], moment=chance.random())
        for n in range(order.kills)
    ]
    chance.shuffle(turns)
    return [
        Turn(number, one.scope, one.loaded, one.victim, one.moment) for number, one in enumerate(turns, 1)
    ]


def _runs(scope: Scope, count: int, load: bool) -> list[Turn]:
    return [Turn(0, scope, loaded=load and n % 2 == 1) for n in range(count)]
