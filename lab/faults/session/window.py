"""The dashboard's browser window, and the hops on the way to it."""

from __future__ import annotations

import json
from contextlib import AbstractContextManager

from lab.faults.controller import Defect, defective, refused
from lab.faults.fault import behind, fault
from lab.faults.firewall import unreachable
from lab.faults.patient import Patient

WINDOW = ("session/test_window.py",)
CONNECTS = "session.page_connects"
BROWSER = "session.window_shows_a_browser"
SHOWN = {
    BROWSER,
    "session.window_shows_the_page_opened",
    "session.window_is_not_frozen",
    "session.two_windows_at_once_show_their_own_vms",
}
"""Checks of what the window's canvas shows."""


@fault(reds={CONNECTS}, behind=behind(CONNECTS, SHOWN), asks=WINDOW)
def window_page_gone(patient: Patient) -> AbstractContextManager[None]:
    """The dashboard has no page with the browser window.

    The VM shows the page all the same, and each hop up to the controller's does.
    """
    return refused(patient, "/novnc", 404)


@fault(
    reds={CONNECTS, "session.hop_shows_the_page[controller_proxy]"},
    behind=behind(CONNECTS, SHOWN),
    asks=WINDOW,
)
def window_websocket_refused(patient: Patient) -> AbstractContextManager[None]:
    """The controller's proxy of the window's WebSocket refuses everybody.

    Page and VM are well: nothing comes through in between.
    """
    return refused(patient, "/novnc/websock", 502)


_PAGE = (
    "<!doctype html><canvas width=1024 height=768></canvas>"
    "<script>new WebSocket(location.href.replace('http', 'ws') + '/websock', 'binary')</script>"
)
_NEVER_PAINTED = Defect(
    python=f"""
        async def defect(request, handler):
            if request.path.endswith("/novnc"):
                headers = {{"Content-Security-Policy": ""}}
                return web.Response(text={_PAGE!r}, content_type="text/html", headers=headers)
            return await handler(request)
        """,
    node=f"""
        defect = (request, response, next) =>
          request.path.endsWith('/novnc') ? response.type('html').send({json.dumps(_PAGE)}) : next();
        """,
)


@fault(
    reds={BROWSER},
    behind=behind(BROWSER, SHOWN - {BROWSER}),
    alone={"session.window_shows_the_page_opened", "session.two_windows_at_once_show_their_own_vms"},
    asks=WINDOW,
)
def window_blank(patient: Patient) -> AbstractContextManager[None]:
    """The dashboard's page connects, and its canvas stays blank: a page that only looks like the window."""
    return defective(patient, _NEVER_PAINTED)


@fault(asks=WINDOW)
def window_of_novnc(patient: Patient) -> AbstractContextManager[None]:
    """Nothing is broken: the dashboard's window is noVNC's own page, which says nothing of its state.

    Whatever client shows the VM's screen, the window is well.
    """
    return defective(
        patient,
        Defect(
            python="""
            async def defect(request, handler):
                if request.path.endswith("/novnc"):
                    websocket = request.path.strip("/") + "/websock"
                    raise web.HTTPFound(f"/novnc/vnc_lite.html?path={websocket}")
                answer = await handler(request)
                if request.path.startswith("/novnc/"):  # that page has its script in itself
                    answer.headers["Content-Security-Policy"] = ""
                return answer
            """,
            node="""
            const files = express.static('/usr/share/novnc');
            const { vncPassword } = own('settings');
            defect = (request, response, next) => {
              if (request.path.endsWith('/novnc')) {
                const websocket = `${request.path.replace(/^\\//, '')}/websock`;
                response.redirect(`/novnc/vnc_lite.html?password=${vncPassword}&path=${websocket}`);
              } else if (request.path.startsWith('/novnc/')) {
                request.url = request.url.slice('/novnc'.length);
                files(request, response, next);
              } else {
                next();
              }
            };
            """,
        ),
    )


@fault(reds={"session.hop_shows_the_page[guest_vnc]"}, asks=WINDOW)
def guest_vnc_out_of_reach(patient: Patient) -> AbstractContextManager[None]:
    """Nobody on the host but root reaches VNC in a VM.

    The window itself goes by websockify inside the VM, and works on.
    """
    return unreachable(patient, 5901)


@fault(reds={"session.hop_shows_the_page[websockify]"}, asks=WINDOW)
def websockify_out_of_reach(patient: Patient) -> AbstractContextManager[None]:
    """Nobody on the host but root reaches websockify in a VM; the controller, which is root, still does."""
    return unreachable(patient, 6080)
