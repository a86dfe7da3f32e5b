"""What is done, as values: each names its thing for good, and is shown as the very line that is done.

A plan is these and what is left to a person; it is written as JSON and read back whole.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Annotated, Any, Literal

from pydantic import Field

from harness.answers import read_as, read_json
from harness.mend import PathThing, ProcessThing, TapThing

FORMAT = 1
Verb = Literal["daemon-reload", "enable", "restart", "stop", "start"]
Images = Mapping[str, Mapping[str, Any]]
"""Rows by key, each whole as JSON has it."""


@dataclass(frozen=True)
class OnHost:
    """One thing of the host is ended or removed."""

    what: Literal["process", "path", "tap"]
    thing: ProcessThing | PathThing | TapThing
    argv: tuple[str, ...]

    @property
    def key(self) -> str:
        """The very thing, whenever it is planned."""
        return f"{self.what} {self.thing}"


@dataclass(frozen=True)
class OnRows:
    """Rows of one table are changed or deleted, in one transaction; ``before`` is each as it was planned."""

    what: Literal["rows"]
    table: Literal["vms", "sessions"]
    change: Literal["destroy", "fail", "delete"]
    sql: str
    before: Images
    claim: str = ""
    """The claim about rows that they break, where it is one that is asked again."""

    @property
    def key(self) -> str:
        """The very rows, whenever it is planned."""
        return f"rows {self.table} {self.change} {' '.join(sorted(self.before))}"


@dataclass(frozen=True)
class OnUnit:
    """The controller's unit is read anew, enabled or started."""

    what: Literal["unit"]
    unit: str
    verb: Verb

    @property
    def argv(self) -> tuple[str, ...]:
        """The command, as root."""
        return ("systemctl", self.verb, *(() if self.verb == "daemon-reload" else ("--", self.unit)))

    @property
    def key(self) -> str:
        """The same for the same unit."""
        return f"unit {self.unit} {self.verb}"


Operation = OnHost | OnRows | OnUnit


@dataclass(frozen=True)
class Planned:
    """One operation, the finding behind it, and the VM that it is about, where it is about one."""

    check: str
    finding: str
    line: str
    does: Annotated[Operation, Field(discriminator="what")]
    vm: str = ""


@dataclass(frozen=True)
class Left:
    """What is red and not mended here, and why."""

    check: str
    finding: str
    why: str


@dataclass(frozen=True)
class Plan:
    """What is to be done, in its order, and what is left to a person."""

    site: str
    profile: str
    operations: tuple[Planned, ...]
    left: tuple[Left, ...] = ()
    emergency: bool = False
    sessions: tuple[str, ...] = ()
    """Sessions that end with it, in an emergency."""
    format: Literal[1] = 1

    @property
    def checks(self) -> list[str]:
        """The checks behind it."""
        return list(dict.fromkeys(one.check for one in self.operations))


def plan_json(plan: Plan) -> dict[str, Any]:
    """A plan as it is written."""
    return asdict(plan)


def read_plan(text: str, *, whose: str) -> Plan:
    """A plan that was written.

    :raises UnreadableError: it is none.
    """
    return read_as(Plan, read_json(text, whose=whose), whose=whose)
