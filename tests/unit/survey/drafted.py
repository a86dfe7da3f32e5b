"""What is made of a host: the draft of its profile, and what that tells."""

from __future__ import annotations

from dataclasses import replace

from harness.survey.answer import Answers, Draft, Found
from harness.survey.draft import Asked, draft
from harness.survey.seen import GuestDisk, HostSeen


def drafted(host: HostSeen) -> Draft:
    return draft(Asked({}), host, GuestDisk("", error="not read"), "not asked")


def values(answers: Answers) -> dict[str, object]:
    return {field: one.value for field, one in answers.items() if isinstance(one, Found)}


def found(host: HostSeen) -> dict[str, object]:
    """Every value that is told, as table.field."""
    tables = drafted(host)
    return {f"{table}.{field}": one for table in tables for field, one in values(tables[table]).items()}


def with_told(host: HostSeen, **fields: object) -> HostSeen:
    return replace(host, told=replace(host.told, **fields))  # type: ignore[arg-type]
