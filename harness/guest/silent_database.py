"""An agent whose database takes connections and never answers: what becomes of all that is asked of it."""

from __future__ import annotations

import asyncio
import contextlib
import re
import shlex
import time
from collections.abc import Sequence
from dataclasses import dataclass

import httpx

from harness.errors import HarnessError, TransportError, UnfitVmError
from harness.guest.agent_state import AgentState, ask_agent_state
from harness.guest.drop_in import restarted_with
from harness.guest.recovery import recovery
from harness.site.profile import Site
from harness.text import beginning
from harness.vm.machine import Vm
from harness.vm.silent_listener import Silence, SilentListener

_PORT = 54321
_LOOK_S = 0.5  # between two looks at the agent's health
_POLL_S = 0.25
_GRACE_S = 0.3
"""A call that its agent gave up in time is closed by then."""
_OF_SESSION = ("/oauth-url", "/credentials/status", "/credentials/get")
_SCHEME = r"""
    for file in "/proc/$pid/environ" {directory}/.env; do
        scheme=$(cat "$file" 2>/dev/null | tr '\0' '\n' |
            sed -n "s/^ *\(export  *\)\{{0,1\}}{variable} *= *[\"']\{{0,1\}}\([A-Za-z]*\):\/\/.*/\2/p" |
            tail -n 1)
        [ -z "$scheme" ] || break
    done
    printf 'DatabaseScheme=%s\n' "$scheme"
"""
"""Tells no more of the variable's value, which is a secret."""


@dataclass(frozen=True)
class Asked:
    """One documented request, and what came of it."""

    what: str
    limit_s: float
    seconds: float
    """Until it was answered or dropped; where it was neither, until we gave up."""
    answer: str
    answered: bool
    dropped: bool = False

    @property
    def in_time(self) -> bool:
        """Whether the agent ended it, one way or the other, within its time."""
        return (self.answered or self.dropped) and self.seconds <= self.limit_s

    def __str__(self) -> str:
        took = f"after {self.seconds:.1f} s" if self.answered or self.dropped else "never"
        return f"{self.what}: {self.answer} ({took}; allowed are {self.limit_s:g} s)"


@dataclass(frozen=True)
class SilentDatabase:
    """All that was asked of the agent, and what it asked of its database, meanwhile."""

    variable: str
    silence: Silence
    came_up: bool
    """Whether it was healthy in time after its start; where not, nothing was asked of it."""
    logins: tuple[Asked, ...]
    others: tuple[Asked, ...]
    """Requests about a session that it knows, and about one that it does not."""
    health_failures: tuple[str, ...]
    health_looks: int
    after: AgentState
    lingering: tuple[str, ...]
    """Calls that were still open long after they should have been given up."""
    given_up: str = ""
    """What systemd says of a unit that it starts no more."""
    asked_from_s: float = 0.0
    """When the first request was made, in seconds since boot: what the agent says at its start, of the limits
    that it has, is no answer to it."""

    @property
    def timeouts(self) -> list[str]:
        """What the agent said of a call that timed out."""
        later = (entry for entry in self.after.journal if entry.at_s > self.asked_from_s)
        said = (entry.message for entry in later if not entry.by_systemd)
        return [message for message in said if re.search(r"timed? ?-?out", message, re.IGNORECASE)]

    @property
    def no_start(self) -> str:
        """What speaks for an agent that did not come up."""
        if self.came_up:
            return ""
        given_up = f"given up by systemd: {self.given_up}"
        return given_up if self.given_up else "not healthy within guest.recovery_s of its start"

    @property
    def was_asked(self) -> bool:
        """Whether the agent turned to its database at all."""
        return bool(self.silence.count)

    @property
    def late(self) -> list[Asked]:
        """The requests that the agent did not end in time."""
        return [one for one in (*self.logins, *self.others) if not one.in_time]


def silent_database(vm: Vm, probe: str) -> SilentDatabase:
    """Restart the agent with a database that never answers, and ask all that may make it ask there.

    :raises HarnessError: the agent uses no database.
    :raises UnfitVmError: it did not come up, and never asked for one.
    """
    site = vm.hypervisor.site
    if (variable := site.agent.database_variable) is None:
        raise HarnessError("the profile says that the agent uses no database, so none could be silent")
    scheme = _SCHEME.format(directory=shlex.quote(site.agent.directory), variable=variable)
    present = ask_agent_state(vm, then=scheme).properties.get("DatabaseScheme", "")
    with vm.silent_listener(_PORT) as listener:
        url = database_url(present, f"{listener.address}:{listener.port}")
        settings = {**site.agent.database_environment, variable: url}
        before = ask_agent_state(vm, then=restarted_with(settings))
        start = recovery(vm)
        came_up = start.seconds is not None
        asked_from_s = ask_agent_state(vm).uptime_s if came_up else before.uptime_s
        tried = asyncio.run(_ask_all(vm, listener, probe)) if came_up else _Tried()
        after = ask_agent_state(vm, since_s=before.uptime_s)
        silence = listener.heard()
    if not came_up and not silence.count:
        raise UnfitVmError(
            f"{vm.name}: the agent did not come up with {present or 'http'}://… in {variable}, and never "
            f"asked a database there; its journal:\n{after.tail()}",
            hint="agent.database_variable and agent.database_environment of the profile: is it to start so?",
        )
    lingering = silence.open_for(site.agent.database_timeout_s + _GRACE_S)
    return SilentDatabase(
        variable,
        silence,
        came_up,
        logins=tuple(tried.logins),
        others=tuple(tried.others),
        health_failures=tuple(look for look in tried.looks if look),
        health_looks=len(tried.looks),
        after=after,
        lingering=tuple(one.request or f"{one.size} bytes, which are no HTTP" for one in lingering),
        given_up=start.given_up,
        asked_from_s=asked_from_s,
    )


def database_url(present: str, at: str) -> str:
    """An address of the kind that the agent has: what reads the one may refuse another."""
    if present in ("postgres", "postgresql"):
        return f"{present}://acceptance:probe@{at}/postgres"
    return f"http://{at}"


@dataclass
class _Tried:
    logins: Sequence[Asked] = ()
    others: Sequence[Asked] = ()
    looks: Sequence[str] = ()


async def _ask_all(vm: Vm, listener: SilentListener, probe: str) -> _Tried:
    """Ask each thing once; health all the while."""
    site, over = vm.hypervisor.site, asyncio.Event()
    async with vm.async_http(timeout_s=site.guest.request_s) as http:
        health = asyncio.create_task(_watch_health(http, site, over))
        try:
            logins, others = await _ask_each(http, site, listener, probe.replace(" ", "-"))
        finally:
            over.set()
            looks = await health
    return _Tried(logins, others, looks)


async def _watch_health(http: httpx.AsyncClient, site: Site, over: asyncio.Event) -> list[str]:
    """What was wrong at each look; empty where nothing was."""
    looks: list[str] = []
    while not looks or not over.is_set():
        seen = await _ask(http, "GET", site.agent.health_path, site.guest.request_s)
        looks.append("" if seen.answer.startswith("200 ") else seen.answer)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(over.wait(), _LOOK_S)
    return looks


async def _ask_each(
    http: httpx.AsyncClient, site: Site, listener: SilentListener, session: str
) -> tuple[list[Asked], list[Asked]]:
    """A login begins when the one before waits for its database, or is over: each is the start of a program,
    and two at once would be slow for another reason. What is asked about a session comes after its login."""
    limit_s = site.agent.database_timeout_s + site.agent.login_s
    logins: list[asyncio.Task[Asked]] = []
    about = None
    for provider in site.agent.providers:
        body = {"sessionId": f"{session}-{provider}"}
        came = await _came(listener)
        logins.append(asyncio.create_task(_ask(http, "POST", f"/auth/{provider}", limit_s, body)))
        about = about or asyncio.create_task(_ask_about(http, site, logins[0], f"{session}-{provider}"))
        while not logins[-1].done() and await _came(listener) == came:
            await asyncio.wait(logins[-1:], timeout=_POLL_S)
    return await asyncio.gather(*logins), await about if about else []


async def _ask_about(
    http: httpx.AsyncClient, site: Site, login: asyncio.Task[Asked], session: str
) -> list[Asked]:
    """All that is asked of a session, side by side: of this one once it has logged in, and of a stranger."""
    await login
    limit_s = site.agent.database_timeout_s + site.guest.request_s
    about = {f"{path}?sessionId={one}" for path in _OF_SESSION for one in (session, f"{session}-unknown")}
    return await asyncio.gather(*(_ask(http, "GET", path, limit_s) for path in sorted(about)))


async def _came(listener: SilentListener) -> tuple[int, int]:
    """How much came to the database so far: a pool of connections may ask over those that it has."""
    heard = await asyncio.to_thread(listener.heard)
    return heard.count, sum(one.size for one in heard.connections)


async def _ask(
    http: httpx.AsyncClient, method: str, path: str, limit_s: float, body: dict[str, str] | None = None
) -> Asked:
    what, begun = f"{method} {path}", time.monotonic()
    try:
        answer = await http.request(method, path, json=body, timeout=limit_s)
    except httpx.ConnectError as error:  # what we connect to is a socket of our own
        raise TransportError(f"the way to the agent is lost: {error}") from error
    except httpx.HTTPError as error:
        dropped = not isinstance(error, httpx.TimeoutException)
        why = f"dropped without a proper answer ({type(error).__name__}: {error})" if dropped else "no answer"
        return Asked(what, limit_s, time.monotonic() - begun, why, answered=False, dropped=dropped)
    told = f"{answer.status_code} {beginning(answer.text, 300)}"
    return Asked(what, limit_s, time.monotonic() - begun, told, answered=True)
