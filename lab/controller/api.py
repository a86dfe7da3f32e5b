"""The control API. Every answer is JSON, errors included; what goes wrong inside is logged, never shown."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from typing import Any
from uuid import UUID

import psycopg
from aiohttp import web

from lab.controller import journal
from lab.controller.launch import Launcher, LaunchError
from lab.controller.rows import FINISHED
from lab.controller.settings import PROVIDERS

LAUNCHER = web.AppKey("launcher", Launcher)
MAX_BODY = 64 * 1024

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def application(launcher: Launcher) -> web.Application:
    """The API over a launcher; a further resource is a further handler and its route."""
    app = web.Application(middlewares=[_errors_as_json], client_max_size=MAX_BODY)
    app[LAUNCHER] = launcher
    app.add_routes(
        [
            web.get("/health", get_health),
            web.post("/api/auth/start", start_session),
            web.get("/api/auth/session/{id}", get_session),
            web.post("/api/auth/session/{id}/cancel", cancel_session),
        ]
    )
    return app


async def get_health(request: web.Request) -> web.Response:
    """The service and its database answer."""
    vms = await request.app[LAUNCHER].rows.live_vms()
    return web.json_response({"status": "ok", "activeVMs": len(vms)})


async def start_session(request: web.Request) -> web.Response:
    """Launch a Browser VM for a user's login at a provider."""
    launcher = request.app[LAUNCHER]
    body = await _json_object(request)
    provider = _text(body, "provider")
    user_id = _uuid(_text(body, "userId"), web.HTTPBadRequest, "userId is no UUID")
    if provider not in PROVIDERS:
        raise _problem(web.HTTPBadRequest, f"unknown provider; one of {', '.join(PROVIDERS)}")
    if not await launcher.rows.user_exists(user_id):
        raise _problem(web.HTTPBadRequest, "unknown userId")
    try:
        session_id, machine = await launcher.start_session(user_id, provider)
    except LaunchError as error:
        raise _problem(web.HTTPInternalServerError, str(error)) from error
    return web.json_response(
        {
            "success": True,
            "sessionId": str(session_id),
            "provider": provider,
            "novncURL": f"{request.url.origin()}{launcher.novnc_path(session_id)}",
            "browserIP": str(machine.address),
        }
    )


async def get_session(request: web.Request) -> web.Response:
    """A session's row."""
    session = await _session(request)
    return web.json_response({"session": session}, dumps=lambda value: json.dumps(value, default=_plain))


async def cancel_session(request: web.Request) -> web.Response:
    """End a session and destroy its VM."""
    session = await _session(request)
    if session["status"] in FINISHED:
        raise _problem(web.HTTPConflict, f"the session is {session['status']} already")
    await request.app[LAUNCHER].end_session(session["session_id"], "cancelled", None)
    return web.json_response({"success": True, "sessionId": str(session["session_id"])})


async def _session(request: web.Request) -> dict[str, Any]:
    session_id = _uuid(request.match_info["id"], web.HTTPNotFound, "no such session")
    session = await request.app[LAUNCHER].rows.session(session_id)
    if session is None:
        raise _problem(web.HTTPNotFound, "no such session")
    return session


async def _json_object(request: web.Request) -> dict[str, Any]:
    try:
        body = await request.json()
    except (json.JSONDecodeError, UnicodeDecodeError, RecursionError, LookupError) as error:
        raise _problem(web.HTTPBadRequest, "the body is not JSON") from error
    if not isinstance(body, dict):
        raise _problem(web.HTTPBadRequest, "the body is not a JSON object")
    return body


def _text(body: dict[str, Any], field: str) -> str:
    value = body.get(field)
    if not isinstance(value, str) or not value:
        raise _problem(web.HTTPBadRequest, f"{field} is required")
    return value


def _uuid(text: str, problem: type[web.HTTPException], message: str) -> UUID:
    try:
        return UUID(text)
    except ValueError as error:
        raise _problem(problem, message) from error


def _problem(kind: type[web.HTTPException], message: str) -> web.HTTPException:
    return kind(text=json.dumps({"error": message}), content_type="application/json")


def _plain(value: object) -> str:
    """A UUID or a time as JSON has it."""
    return value.isoformat() if hasattr(value, "isoformat") else str(value)


@web.middleware
async def _errors_as_json(request: web.Request, handler: Handler) -> web.StreamResponse:
    try:
        return await handler(request)
    except web.HTTPException as error:
        if error.content_type == "application/json" or error.status < 400:
            raise
        problem = web.json_response({"error": error.reason}, status=error.status)
        if allow := error.headers.get("Allow"):
            problem.headers["Allow"] = allow
        return problem
    except psycopg.Error as error:
        journal.error("[API] Database error", path=request.path, reason=str(error).strip())
        return web.json_response({"error": "the database does not answer"}, status=500)
    except Exception as error:  # noqa: BLE001 - the last resort of a server: logged, and no trace to the caller
        journal.error("[API] Request failed", path=request.path, kind=type(error).__name__, reason=str(error))
        return web.json_response({"error": "internal error"}, status=500)
