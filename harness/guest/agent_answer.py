"""One request to a clone's agent: what the agent answered, or what became of it where it did not."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

import httpx

from harness.answers import read_json
from harness.errors import HarnessError, TransportError, UnreadableError, WaitTimeoutError
from harness.guest.agent_state import ask_agent_state
from harness.text import beginning
from harness.vm.down import why_down
from harness.vm.machine import Vm


@dataclass(frozen=True)
class AgentAnswer:
    """An answer; ``status`` 0: there was none, and ``text`` says why."""

    status: int
    text: str
    is_json: bool = False
    """Whether the answer says that it is JSON, and is."""
    body: Any = None
    """The text, decoded as JSON."""

    def __str__(self) -> str:
        return f"{self.status} {beginning(self.text, 300)}" if self.status else self.text


def ask_agent(
    vm: Vm, method: str, path: str, *, timeout_s: float | None = None, **request: Any
) -> AgentAnswer:
    """One request over a connection of its own: an idle one that the agent just closed tells of no crash.

    :param timeout_s: default the profile's for a request.
    :raises TransportError: our own way to the agent is lost.
    """
    limit_s = timeout_s or vm.hypervisor.site.guest.request_s
    try:
        with vm.new_http() as http:
            return read_answer(http.request(method, path, timeout=limit_s, **request))
    except httpx.ConnectError as error:  # what we connect to is a socket of our own
        raise TransportError(f"the way to the agent of {vm.name} is lost: {error}") from error
    except httpx.TimeoutException:
        why = f"no answer within {limit_s:g} s"
    except httpx.RequestError as error:
        why = f"the connection was dropped before a proper answer ({type(error).__name__}: {error})"
    return AgentAnswer(0, f"{why}; {fate(vm)}")


def fate(vm: Vm) -> str:
    """What became of an agent that did not answer, once it had the time to be restarted.

    :raises TransportError: our own way to the agent is lost, so that nothing is said of it.
    """
    way = f"towards the guest: {vm.reached(vm.hypervisor.site.agent.port)}"
    if not vm.alive():
        return way
    try:
        again = _healthy_again(vm)
        state = ask_agent_state(vm, since_s=0)
    except HarnessError as error:
        return f"{way}; what became of the agent is not known: {error.message}"
    why = "" if state.first_error else f"; {why_down(vm.script, vm.hypervisor.site)}"
    return (
        f"{way}; the agent is {again}, its main process is {state.pid or 'none'}, "
        f"and systemd has restarted it {state.restarts} times{why}:\n{state.tail(6)}"
    )


def read_answer(answer: httpx.Response) -> AgentAnswer:
    """An answer as it came; one whose text is no JSON has no body."""
    try:
        body = read_json(answer.content, whose="the agent")
        is_json = "json" in answer.headers.get("content-type", "")
    except UnreadableError:
        body, is_json = None, False
    return AgentAnswer(answer.status_code, answer.text, is_json, body)


def _healthy_again(vm: Vm) -> str:
    """Wait for the agent where it ever was healthy: whoever asks next is to ask an agent that works."""
    site = vm.hypervisor.site
    if "healthy" not in vm.timings:
        return "not waited for (it never was healthy)"
    began = time.monotonic()
    try:
        vm.wait_healthy(site.guest.recovery_s)
    except WaitTimeoutError:
        return f"not healthy again within {site.guest.recovery_s:g} s (guest.recovery_s)"
    return f"healthy again after {time.monotonic() - began:.1f} s"
