"""What a site's logs name of what the suite itself asked for, in this run or an earlier one."""

from __future__ import annotations

import contextlib
import math
import re
import time
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal

from harness.site.profile import Site

NOBODY = "00000000-0000-4000-8000-000000000000"
"""A session that there is not."""
NO_PROVIDER = "acceptance-no-such-provider"

Row = Mapping[str, Any]
Whose = Literal["ours", "theirs", "untold"]

_MARGIN_S = 120.0
"""What a controller still does for a session that is over; and clocks differ."""
_WIDEST_ZONE_S = 14 * 3600.0
_UUID = "[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
_ID = re.compile(_UUID, re.ASCII | re.IGNORECASE)
_REQUEST = re.compile(
    rf"(?:request|req|trace|correlation|span|transaction)[-_ ]?(?:id)?[\"']?\s*[:=]\s*[\"']?({_UUID})",
    re.ASCII | re.IGNORECASE,
)
_ONE_REQUESTS = "request "


def ids_in(text: str) -> set[str]:
    """The UUIDs that a text names, a VM's id among them."""
    return {found.casefold() for found in _ID.findall(text)}


def ids_in_line(text: str) -> set[str]:
    """Those that a log's line names; what it says is a request's id is told as such."""
    requests = {found.casefold() for found in _REQUEST.findall(text)}
    elsewhere = ids_in(_REQUEST.sub("", text))
    return elsewhere | {f"{_ONE_REQUESTS}{one}" for one in requests - elsewhere}


def own_words(site: Site) -> list[str]:
    """Those that a profile alone tells: its users are the suite's own."""
    users = (site.session.user_id, site.session.second_user_id)
    return [NOBODY, NO_PROVIDER, *(user.casefold() for user in users if user)]


@dataclass(frozen=True)
class Own:
    """What is known of the ids that a log may name."""

    words: Collection[str] = ()
    """Those that a profile alone tells."""
    spans: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    """The suite's own sessions and their VMs -> from when to when something was done to them."""
    others: Collection[str] = ()
    """Users, sessions and VMs that are not the suite's."""
    is_whole: bool = True
    """Whether the database told; else any id may be the suite's own."""

    def judge(self, names: Collection[str], at: float) -> Whose:
        """Whose trouble a line is that names these, and was written then.

        Ours is what names something of ours alone, in the time in which we did something to it. Beside that
        an id that nobody knows may be a request's, or somebody else's; one that the line itself says is a
        request's tells nothing, unless it is a session's or a VM's, too.
        """
        names = self._telling(names)
        if not names or any(name in self.others or self._is_out_of_time(name, at) for name in names):
            return "theirs"
        unknown = [name for name in names if name not in self.words and name not in self.spans]
        if self.is_whole and len(unknown) == len(names):
            return "theirs"
        return "untold" if unknown else "ours"

    def _telling(self, names: Collection[str]) -> Collection[str]:
        plain = {name: name.removeprefix(_ONE_REQUESTS) for name in names}
        known = {*self.words, *self.spans, *self.others}
        telling = [one for name, one in plain.items() if name == one or one in known]
        return telling or list(plain.values())

    def _is_out_of_time(self, name: str, at: float) -> bool:
        begin, end = self.spans.get(name, (-math.inf, math.inf))
        return not begin - _MARGIN_S <= at <= end + _MARGIN_S


def own_of_rows(site: Site, vms: Iterable[Row], sessions: Iterable[Row], *, now: float | None = None) -> Own:
    """What all rows of VMs and sessions tell of that.

    :param now: when they were looked at.
    """
    users, spans, others = set(own_words(site)), dict[str, tuple[float, float]](), set[str]()
    at = time.time() if now is None else now
    for row in sessions:
        if str(row.get("user_id")).casefold() in users:
            span = (_begin(row), _end(row, site.database.finished_session_statuses, now=at))
            spans.update(dict.fromkeys(_ids(row, "session_id", "browser_vm_id", "vm_id"), span))
        else:
            others |= _ids(row, "user_id", "session_id", "browser_vm_id", "vm_id")
    others |= {one for row in vms for one in _ids(row, "vm_id")}
    return Own(frozenset(users), spans, frozenset(others - spans.keys() - users))


def _ids(row: Row, *columns: str) -> set[str]:
    return {found for column in columns for found in ids_in(str(row.get(column)))}


def _begin(row: Row) -> float:
    return _time(row, "created_at", "started_at", off=-_WIDEST_ZONE_S, none=-math.inf)


def _end(row: Row, finished: Collection[str], *, now: float) -> float:
    """When a session ended: what is over and does not say when was so at the latest when it was seen."""
    is_over = row.get("status") in finished
    columns = ("completed_at", "updated_at") if is_over else ("completed_at",)
    end = _time(row, *columns, off=_WIDEST_ZONE_S, none=math.inf)
    return max(now, _begin(row)) if is_over and end == math.inf else end


def _time(row: Row, *columns: str, off: float, none: float) -> float:
    """The first of these times that is told: with its zone, or as far ``off`` as it may be without."""
    for column in columns:
        with contextlib.suppress(ValueError):
            told = datetime.fromisoformat(str(row.get(column)))
            if told.tzinfo is not None:
                return told.timestamp()
            return told.replace(tzinfo=UTC).timestamp() + off
    return none
