"""``fleet.json`` as a model. docs/fleet.md describes it, docs/fleet.schema.json is written from it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, ValidationError

from harness.answers import read_json
from harness.errors import UnreadableError
from harness.fleet.result import SiteResult
from harness.verdict.about import Part, Told
from harness.verdict.content import content_of
from harness.verdict.document import Moment, RunOutcome

NAME = "fleet.json"
FORMAT = 1
_AGAIN = "a fleet's verdict is written by pytest --fleet=…, or by python -m harness fleet merge"


class SharedCause(Part):
    """A finding, and all the sites that have it."""

    outcome: Literal["FAIL", "BROKEN"]
    check: Told
    """The first check that found it; empty: it was beside the checks, or there is no verdict."""
    more: int
    """How many other checks had the very same trouble at that site."""
    cause: Told
    """As docs/causes.md has it, where a diagnosis was made."""
    seen: Told
    """At the first of the sites."""
    next: Told
    """What mends it, or what to do so that it can be asked."""
    sites: list[Told]
    """Their keys."""


class FleetDocument(Part):
    """The verdict on a fleet."""

    format: Literal[1]
    """1; another number when the meaning of a key changes."""
    fleet: Told
    """Its name."""
    run: str
    """Of this run of the fleet; empty where runs were merged."""
    scope: str
    """What each site was asked."""
    suite: str
    """The version of this suite."""
    began: Moment | None
    """Of the first site; null where none was asked."""
    ended: Moment | None
    outcome: RunOutcome
    """The worst of all sites."""
    exit_status: Annotated[int, Field(ge=0, le=255)]
    counts: dict[RunOutcome, int]
    """Sites by what they came to; those that were not asked are NOT PROVEN."""
    stopped: Told
    """Why not all were asked; empty where they were."""
    causes: list[SharedCause]
    """What was found, the worst first, and what most sites share."""
    sites: list[SiteResult]
    """The worst first."""
    merged: int = 0
    """Of how many files it was merged; 0 where of none."""


def schema() -> str:
    """docs/fleet.schema.json."""
    content = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **FleetDocument.model_json_schema(mode="serialization"),
    }
    return json.dumps(content, indent=2, ensure_ascii=False) + "\n"


def read_fleet_document(path: Path) -> FleetDocument:
    """The verdict on a fleet that an earlier run wrote.

    :raises UnreadableError: it is none, or of another format.
    """
    try:
        return fleet_document_of(read_json(content_of(path, follow=True), whose=str(path)), whose=str(path))
    except OSError as error:
        raise UnreadableError(f"{path}: {error.strerror}", hint=_AGAIN) from error


def fleet_document_of(value: Any, *, whose: str) -> FleetDocument:
    """The same, of its JSON."""
    try:
        return FleetDocument.model_validate(value)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(map(str, first["loc"])) or "all of it"
        raise UnreadableError(f"{whose}: no fleet's verdict: {where}: {first['msg']}", hint=_AGAIN) from error
