"""The way to the control API on which no session is ever nobody's: the custodian makes each of them."""

from __future__ import annotations

import httpx

from harness.host.hypervisor import Hypervisor
from harness.session.control_api import CANCEL, SESSION, START, ControlApi
from harness.text import encoded
from harness.transport.exchange import response
from harness.transport.http import transport_over

ASKED_AT = "asked_at"
"""Extension of an answer to a request for a session: the host's time when it was asked."""

_LAUNCH_GRACE_S = 15.0


class OwningTransport(httpx.BaseTransport):
    """Sends a request for a session through the custodian, which then owns it; all others straight on.

    Should we be killed in the middle of it, the custodian hears the answer, and cancels the session.
    """

    def __init__(self, hypervisor: Hypervisor) -> None:
        self._hypervisor = hypervisor
        url = hypervisor.site.controller.url
        self._straight = transport_over(hypervisor.forward_to(url), url)

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """One request."""
        if request.method == "POST" and request.url.path.endswith(START):
            return self._start(request)
        return self._straight.handle_request(request)

    def close(self) -> None:
        """Close the connections."""
        self._straight.close()

    def _start(self, request: httpx.Request) -> httpx.Response:
        limit_s = request.extensions["timeout"]["read"]
        base, site = str(request.url).removesuffix(START), self._hypervisor.site
        answer = self._hypervisor.custodian.ask(
            "start_session",
            url=str(request.url),
            body=request.read().decode(),
            session_url=base + SESSION,
            cancel_url=base + CANCEL,
            finished=list(site.database.finished_session_statuses),
            timeout_s=limit_s + _LAUNCH_GRACE_S,
            limit_s=limit_s,
            end_s=site.session.end_s,
        )
        if "error" in answer:
            raise httpx.ReadError(answer["error"], request=request)
        kept = [
            (b"Content-Type", encoded(value))
            for name, value in answer["headers"]
            if name.lower() == "content-type"
        ]
        return response(
            answer["status"], kept, encoded(answer["body"]), extensions={ASKED_AT: answer["asked"]}
        )


def control_api(hypervisor: Hypervisor) -> ControlApi:
    """The API of the site's controller, by way of the host."""
    settings = hypervisor.site.session
    return ControlApi(
        OwningTransport(hypervisor),
        base_url=hypervisor.site.controller.url,
        timeout_s=settings.request_s,
        start_timeout_s=settings.launch_s,
        end_timeout_s=2 * settings.end_s,
        page_timeout_s=settings.window_s,
    )
