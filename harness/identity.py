"""What makes one clone different from another: random bytes, network identity, keys, and its clock."""

from __future__ import annotations

import datetime
import time
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import parse_qs, urlsplit

import httpx

from harness.errors import TransportError
from harness.site import Site
from harness.vm import Vm

_SCRIPT = """
head -c 24 /dev/urandom | base64 | sed 's/^/kernel /'
for dev in /sys/class/net/*; do
    [ "${dev##*/}" = lo ] || { read -r mac <"$dev/address" && echo "mac $mac"; }
done
[ -r /etc/machine-id ] && { read -r id </etc/machine-id; echo "machine-id $id"; }
for key in /etc/ssh/*_key.pub; do
    [ -r "$key" ] && { read -r kind body _ <"$key"; echo "host-key $kind $body"; }
done
head -c 24 /dev/urandom | base64 | sed 's/^/kernel /'
"""
_TIMEOUT_S = 60


@dataclass(frozen=True)
class Login:
    """What the agent made up for one login."""

    provider: str
    answer: str
    """Status and body, where it was not the documented answer."""
    url: str = ""
    state: str = ""
    challenge: str = ""


@dataclass(frozen=True)
class Identity:
    """One clone, asked soon after its restore and again a little later."""

    vm: str
    logins: tuple[Login, ...]
    kernel: tuple[str, ...]
    """Bytes from /dev/urandom, in base64, in the order they were drawn."""
    macs: tuple[str, ...]
    machine_id: str
    host_keys: tuple[str, ...]
    clock_error_s: tuple[float, float]
    """The agent's clock minus ours: smallest and largest possible, given how long it took to answer."""
    sessions: int
    """How many sessions the agent says it has gained by its logins here."""


def identify(vm: Vm, site: Site, probe: str, *, providers: Sequence[str]) -> Identity:
    """Ask a clone who it is.

    :param providers: where to log in, the first one twice; a login costs the start of a program.
    :raises TransportError: it did not answer.
    """
    words = probe.replace(" ", "-")
    _, sessions_before = _clock(vm, site)
    logins = [_log_in(vm, provider, f"{words}-{provider}") for provider in providers]
    result = vm.script(_SCRIPT, timeout_s=_TIMEOUT_S)
    told: dict[str, list[str]] = {}
    for line in result.stdout.splitlines():
        key, _, value = line.partition(" ")
        told.setdefault(key, []).append(value)
    if len(told.get("kernel", [])) < 2:
        raise TransportError(f"{vm.name}: no random bytes from the guest: {result.stderr.strip()[-300:]}")
    logins.append(_log_in(vm, providers[0], f"{words}-again"))
    error_s, sessions = _clock(vm, site)
    return Identity(
        vm=vm.name,
        logins=tuple(logins),
        kernel=tuple(told["kernel"]),
        macs=tuple(told.get("mac", [])),
        machine_id=" ".join(told.get("machine-id", [])),
        host_keys=tuple(told.get("host-key", [])),
        clock_error_s=error_s,
        sessions=sessions - sessions_before,
    )


def _log_in(vm: Vm, provider: str, session: str) -> Login:
    try:
        answer = vm.http.post(f"/auth/{provider}", json={"sessionId": session}, timeout=_TIMEOUT_S)
        body = answer.json()
        url = body.get("oauthUrl") if answer.status_code == 200 and isinstance(body, dict) else None
    except (httpx.HTTPError, ValueError) as error:
        return Login(provider, f"{type(error).__name__}: {error}")
    if not isinstance(url, str):
        return Login(provider, f"{answer.status_code} {answer.text[:300]}")
    query = parse_qs(urlsplit(url).query)
    return Login(provider, "", url, query.get("state", [""])[0], query.get("code_challenge", [""])[0])


def _clock(vm: Vm, site: Site) -> tuple[tuple[float, float], int]:
    before = time.time()
    try:
        body = vm.http.get(site.agent.health_path, timeout=_TIMEOUT_S).raise_for_status().json()
        after = time.time()
        seen = datetime.datetime.fromisoformat(body["timestamp"]).timestamp()
        return (seen - after, seen - before), int(body["activeSessions"])
    except (httpx.HTTPError, ValueError, KeyError, TypeError) as error:
        raise TransportError(f"{vm.name}: no time from the agent: {type(error).__name__}: {error}") from error
