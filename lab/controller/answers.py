"""How requests are read and answered. Every error is JSON; what goes wrong inside is logged, never shown."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from typing import Any
from uuid import UUID

import psycopg
from aiohttp import web

from lab.controller import journal

MAX_BODY = 64 * 1024

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def problem(kind: type[web.HTTPException], message: str) -> web.HTTPException:
    """An error's answer, to be raised."""
    return kind(text=json.dumps({"error": message}), content_type="application/json")


def rows_response(body: dict[str, Any]) -> web.Response:
    """Rows as JSON: a UUID as text, a time as ISO 8601."""
    return web.json_response(body, dumps=lambda value: json.dumps(value, default=_plain))


async def json_object(request: web.Request) -> dict[str, Any]:
    """The request's body, which must be a JSON object."""
    try:
        body = await request.json()
    except (ValueError, RecursionError, LookupError, web.RequestPayloadError) as error:
        raise problem(web.HTTPBadRequest, "the body is not JSON") from error
    if not isinstance(body, dict):
        raise problem(web.HTTPBadRequest, "the body is not a JSON object")
    return body


def text_field(body: dict[str, Any], field: str) -> str:
    """A field that must be text, and not empty."""
    value = body.get(field)
    if not isinstance(value, str) or not value:
        raise problem(web.HTTPBadRequest, f"{field} is required")
    return value


def uuid_from(text: str, kind: type[web.HTTPException], message: str) -> UUID:
    """The UUID that a text must be."""
    try:
        return UUID(text)
    except ValueError as error:
        raise problem(kind, message) from error


@web.middleware
async def errors_as_json(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Turn whatever a handler raises into an answer."""
    try:
        return await handler(request)
    except web.HTTPException as error:
        if error.content_type == "application/json" or error.status < 400:
            raise
        answer = web.json_response({"error": error.reason}, status=error.status)
        if allow := error.headers.get("Allow"):
            answer.headers["Allow"] = allow
        return answer
    except ConnectionError:
        raise  # whoever asked is gone: nobody is left to answer, and nothing went wrong here
    except psycopg.Error as error:
        journal.error("[API] Database error", path=request.path, reason=str(error).strip())
        return web.json_response({"error": "the database does not answer"}, status=500)
    except Exception as error:  # noqa: BLE001 - the last resort of a server: logged, and no trace to the caller
        journal.error("[API] Request failed", path=request.path, kind=type(error).__name__, reason=str(error))
        return web.json_response({"error": "internal error"}, status=500)


def _plain(value: object) -> str:
    return value.isoformat() if hasattr(value, "isoformat") else str(value)
