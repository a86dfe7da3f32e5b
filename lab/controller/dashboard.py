"""The dashboard's files, and noVNC's. Nothing in them comes from anywhere else."""

from __future__ import annotations

import errno
from pathlib import Path

from aiohttp import web

from lab.controller.answers import Handler, problem

WEB = Path(__file__).parent / "web"

_HEADERS = {
    "Content-Security-Policy": "default-src 'self'; img-src 'self' data:; style-src 'self' 'unsafe-inline';"
    " object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'self'",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-cache",
}


def install(app: web.Application, novnc: Path) -> None:
    """Add the routes; without noVNC's files there is no window, and everything else goes on."""
    app.on_response_prepare.append(_add_headers)
    app.middlewares.append(_without_endless_names)
    app.add_routes([web.get("/", get_page), web.static("/web", WEB)])
    if novnc.is_dir():
        app.add_routes([web.static("/novnc", novnc)])


async def get_page(_request: web.Request) -> web.FileResponse:
    """The dashboard."""
    return web.FileResponse(WEB / "index.html")


@web.middleware
async def _without_endless_names(request: web.Request, handler: Handler) -> web.StreamResponse:
    """No file has a name longer than a name can be."""
    try:
        return await handler(request)
    except OSError as error:
        if error.errno == errno.ENAMETOOLONG:
            raise problem(web.HTTPNotFound, "no such file") from error
        raise


async def _add_headers(_request: web.Request, response: web.StreamResponse) -> None:
    for name, value in _HEADERS.items():
        response.headers.setdefault(name, value)
