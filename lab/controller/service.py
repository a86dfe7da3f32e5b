"""What the service consists of, for whoever handles a request."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from aiohttp import web

from lab.controller.agents import Agents
from lab.controller.answers import problem, uuid_from
from lab.controller.launch import Launcher
from lab.controller.logins import Logins
from lab.controller.rows import FINISHED, Row, Rows
from lab.controller.vm import Vm


@dataclass(frozen=True)
class Service:
    """Its parts, each of which is opened and closed by who made it."""

    launcher: Launcher
    agents: Agents
    logins: Logins

    @property
    def rows(self) -> Rows:
        """The database."""
        return self.launcher.rows


SERVICE = web.AppKey("service", Service)


async def session_of(request: web.Request) -> Row:
    """The session that the path names, or 404."""
    session_id = uuid_from(request.match_info["id"], web.HTTPNotFound, "no such session")
    session = await request.app[SERVICE].rows.session(session_id)
    if session is None:
        raise problem(web.HTTPNotFound, "no such session")
    return session


def machine_of(request: web.Request, session: dict[str, Any]) -> Vm:
    """The session's VM, or 409: it is not ready yet, or gone."""
    machine = request.app[SERVICE].launcher.vms.get(session["browser_vm_id"])
    if machine and not machine.gone.is_set():
        return machine
    status, reason = session["status"], session["error_message"]
    if status in FINISHED:
        raise problem(web.HTTPConflict, f"the session is {status}{f': {reason}' if reason else ''}")
    raise problem(web.HTTPConflict, f"the session's VM is not ready (the session is {status})")
