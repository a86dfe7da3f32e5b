"""What makes one clone different from another: random bytes, network identity, keys, and its clock."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

from pydantic import ConfigDict, with_config

from harness.answers import read_as
from harness.errors import TransportError, UnreadableError
from harness.guest.agent_answer import ask_agent
from harness.urls import read_url
from harness.values import Natural, moment
from harness.vm.identity import ASK, ASK_S, read_identity
from harness.vm.machine import Vm

_IDENTITY_S = 60


@dataclass(frozen=True)
class AgentLogin:
    """What the agent made up for one login."""

    provider: str
    status: int
    """0: there was no answer."""
    answer: str
    """The answer, where it was not the documented one."""
    url: str = ""
    state: str = ""
    challenge: str = ""


@dataclass(frozen=True)
class Health:
    """What the agent said of its clock and its sessions."""

    clock_error_s: tuple[float, float]
    """The agent's clock minus ours: smallest and largest possible, given how long it took to answer."""
    sessions: int


@with_config(ConfigDict(extra="ignore"))
@dataclass(frozen=True)
class _Told:
    timestamp: str
    activeSessions: Natural  # noqa: N815 - as the agent has it


@dataclass(frozen=True)
class CloneIdentity:
    """One clone, asked soon after its restore and again a little later."""

    vm: str
    logins: tuple[AgentLogin, ...]
    kernel: tuple[str, ...]
    """Bytes from /dev/urandom, in base64, in the order they were drawn."""
    macs: tuple[str, ...]
    machine_id: str
    host_keys: tuple[str, ...]
    before: Health | str
    """What the agent said before the logins; a text: it did not say so much."""
    after: Health | str
    """What the agent said after the logins."""

    @property
    def clock_error_s(self) -> tuple[float, float]:
        """The agent's clock minus ours, after the logins.

        :raises TransportError: it did not tell the time.
        """
        return self._told(self.after).clock_error_s

    @property
    def sessions(self) -> int:
        """How many sessions the agent says it has gained by its logins here.

        :raises TransportError: it did not tell their number.
        """
        return self._told(self.after).sessions - self._told(self.before).sessions

    @property
    def accepted(self) -> int:
        """How many logins were answered 200."""
        return len([login for login in self.logins if login.status == 200])

    def _told(self, health: Health | str) -> Health:
        if isinstance(health, str):
            raise TransportError(
                f"{self.vm}: its agent told no time and no number of sessions, but: {health}",
                hint="see guest.health_says_what_is_documented and guest.login_gives_an_oauth_url",
            )
        return health


def identify(vm: Vm, probe: str, *, providers: Sequence[str]) -> CloneIdentity:
    """Ask a clone who it is.

    :param providers: where to log in, the first one twice; a login costs the start of a program.
    :raises TransportError: the clone did not answer; what its agent does not tell, the identity does not.
    """
    words = probe.replace(" ", "-")
    before = _health(vm)
    logins = [log_in(vm, provider, f"{words}-{provider}") for provider in providers]
    result = vm.script(ASK, timeout_s=ASK_S)
    own = read_identity(result.stdout, result.stderr, whose=vm.name)
    logins.append(log_in(vm, providers[0], f"{words}-again"))
    return CloneIdentity(
        vm=vm.name,
        logins=tuple(logins),
        kernel=own.kernel,
        macs=own.macs,
        machine_id=own.machine_id,
        host_keys=own.host_keys,
        before=before,
        after=_health(vm),
    )


def log_in(vm: Vm, provider: str, session: str, *, timeout_s: float = _IDENTITY_S) -> AgentLogin:
    """One login at the agent.

    :raises TransportError: our own way to the agent is lost.
    """
    path, asked = f"/auth/{provider}", {"sessionId": session}
    answer = ask_agent(vm, "POST", path, json=asked, timeout_s=timeout_s)
    url = answer.body.get("oauthUrl") if answer.status == 200 and isinstance(answer.body, dict) else None
    if not isinstance(url, str):
        return AgentLogin(provider, answer.status, str(answer))
    try:
        query = read_url(url, whose="oauthUrl").first_values()
    except UnreadableError as error:
        return AgentLogin(provider, answer.status, error.message)
    return AgentLogin(
        provider, answer.status, "", url, query.get("state", ""), query.get("code_challenge", "")
    )


def _health(vm: Vm) -> Health | str:
    before = time.time()
    answer = ask_agent(vm, "GET", vm.hypervisor.site.agent.health_path, timeout_s=_IDENTITY_S)
    after = time.time()
    try:
        told = read_as(_Told, answer.body, whose="the agent's health")
        seen = moment(told.timestamp, whose="its timestamp")
    except UnreadableError:
        return str(answer)
    return Health((seen - after, seen - before), told.activeSessions)
