"""What the control API asks the agent in a session's VM."""

from __future__ import annotations

from collections.abc import Awaitable
from typing import Any

from aiohttp import web

from lab.controller.agents import AgentError
from lab.controller.answers import json_object, problem, text_field
from lab.controller.service import SERVICE, machine_of, session_of


def install(app: web.Application) -> None:
    """Add the routes."""
    app.add_routes(
        [
            web.get("/api/auth/session/{id}/oauth-url", get_oauth_url),
            web.get("/api/auth/session/{id}/credentials/status", get_credentials_status),
            web.post("/api/auth/session/{id}/open-url", open_url),
        ]
    )


async def get_oauth_url(request: web.Request) -> web.Response:
    """The address at which the session's user logs in."""
    session = await session_of(request)
    machine = machine_of(request, session)
    return await _proxied(request.app[SERVICE].agents.oauth_url(machine, session["session_id"]))


async def get_credentials_status(request: web.Request) -> web.Response:
    """Whether the session's login is complete; that of a completed session outlives its VM."""
    session = await session_of(request)
    if session["status"] == "completed":
        return web.json_response({"authenticated": True})
    machine = machine_of(request, session)
    return await _proxied(request.app[SERVICE].agents.credentials_status(machine, session["session_id"]))


async def open_url(request: web.Request) -> web.Response:
    """Show a page in the VM's browser."""
    session = await session_of(request)
    url = text_field(await json_object(request), "url")
    machine = machine_of(request, session)
    return await _proxied(request.app[SERVICE].agents.open_url(machine, url))


async def _proxied(asked: Awaitable[dict[str, Any]]) -> web.Response:
    """The agent's answer; where it has none, whose fault that is: the caller's, time's, or the agent's."""
    try:
        return web.json_response(await asked)
    except AgentError as error:
        if error.status == 400:
            raise problem(web.HTTPBadRequest, str(error)) from error
        if error.status == 404:
            raise problem(web.HTTPConflict, "the login has not started yet") from error
        raise problem(web.HTTPBadGateway, str(error)) from error
