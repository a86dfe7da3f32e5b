"""The control API's own resources: the service's health, sessions, and what a session can be started for."""

from __future__ import annotations

from aiohttp import web

from lab.controller import dashboard, guest_api, window
from lab.controller.answers import (
    MAX_BODY,
    errors_as_json,
    json_object,
    problem,
    rows_response,
    text_field,
    uuid_from,
)
from lab.controller.launch import LaunchError
from lab.controller.service import SERVICE, Service, session_of
from lab.controller.settings import PROVIDERS

NEWEST = 50


def application(service: Service) -> web.Application:
    """All that the service answers over HTTP; a further resource is a further handler and its route."""
    app = web.Application(middlewares=[errors_as_json], client_max_size=MAX_BODY)
    app[SERVICE] = service
    app.add_routes(
        [
            web.get("/health", get_health),
            web.get("/api/auth/choices", get_choices),
            web.get("/api/auth/sessions", get_sessions),
            web.post("/api/auth/start", start_session),
            web.get("/api/auth/session/{id}", get_session),
            web.post("/api/auth/session/{id}/cancel", cancel_session),
        ]
    )
    guest_api.install(app)
    window.install(app)
    dashboard.install(app, service.launcher.settings.novnc)
    return app


async def get_health(request: web.Request) -> web.Response:
    """The service and its database answer."""
    vms = await request.app[SERVICE].rows.live_vms()
    return web.json_response({"status": "ok", "activeVMs": len(vms)})


async def get_choices(request: web.Request) -> web.Response:
    """The users and providers that a session can be started for."""
    users = await request.app[SERVICE].rows.users()
    return rows_response({"users": users, "providers": PROVIDERS})


async def get_sessions(request: web.Request) -> web.Response:
    """The newest sessions' rows."""
    return rows_response({"sessions": await request.app[SERVICE].rows.newest_sessions(NEWEST)})


async def start_session(request: web.Request) -> web.Response:
    """Launch a Browser VM for a user's login at a provider; the login itself is started after the answer."""
    service, origin = request.app[SERVICE], _origin(request)
    body = await json_object(request)
    provider = text_field(body, "provider")
    user_id = uuid_from(text_field(body, "userId"), web.HTTPBadRequest, "userId is no UUID")
    if provider not in PROVIDERS:
        raise problem(web.HTTPBadRequest, f"unknown provider; one of {', '.join(PROVIDERS)}")
    if not await service.rows.user_exists(user_id):
        raise problem(web.HTTPBadRequest, "unknown userId")
    try:
        session_id, machine = await service.launcher.start_session(user_id, provider)
    except LaunchError as error:
        raise problem(web.HTTPInternalServerError, str(error)) from error
    service.logins.follow(session_id, machine)
    return web.json_response(
        {
            "success": True,
            "sessionId": str(session_id),
            "provider": provider,
            "novncURL": f"{origin}{service.launcher.novnc_path(session_id)}",
            "browserIP": str(machine.address),
        }
    )


def _origin(request: web.Request) -> str:
    """Where the caller reached us, and will find the window; asked for before anything is launched."""
    try:
        return str(request.url.origin())
    except ValueError as error:
        raise problem(web.HTTPBadRequest, "the Host header names no host") from error


async def get_session(request: web.Request) -> web.Response:
    """A session's row."""
    return rows_response({"session": await session_of(request)})


async def cancel_session(request: web.Request) -> web.Response:
    """End a session; its VM is gone when this is answered."""
    session = await session_of(request)
    if not await request.app[SERVICE].launcher.end_session(session["session_id"], "cancelled", None):
        over = await session_of(request)
        raise problem(web.HTTPConflict, f"the session is {over['status']} already")
    return web.json_response({"success": True, "sessionId": str(session["session_id"])})
