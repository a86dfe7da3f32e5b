"""Three clones of one snapshot, run at once: what must differ differs, and their clocks are right."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable
from ipaddress import ip_address
from typing import Any

import pytest

from harness.errors import ConsequenceError, HarnessError, UnreadableError
from harness.guest.desktop import Desktop
from harness.guest.identity import CloneIdentity
from harness.site.profile import Site
from harness.urls import read_url
from harness.vm.identity import shared

LOGIN = "guest.login_gives_an_oauth_url"
pytestmark = [
    pytest.mark.acceptance,
    pytest.mark.behind(
        "guest.clone_resumes_from_the_snapshot", "guest.health_answers_in_time", explains="trouble"
    ),
    pytest.mark.look(
        "head -c 8 /proc/sys/kernel/random/uuid",
        "cat /etc/machine-id",
        "ip -br link    (in two VMs, and compare)",
    ),
]
REBUILT = pytest.mark.item("snapshot-rebuilt")
RANDOMNESS = pytest.mark.mend(
    step=5, how="reseed the guest's kernel and the agent after a restore (virtio-rng or VMGenID, clone-guard)"
)
IDENTITY = pytest.mark.mend(step=5, how="give each clone a MAC of its own after a restore")
SESSIONS = pytest.mark.mend(
    step=3,
    how="have server.js count as activeSessions the logins it holds itself, not a store that clones share",
)
CLOCK = pytest.mark.mend(step=5, how="set the guest's clock after a restore (RTC, kvm-clock, or metadata)")

Identities = tuple[CloneIdentity, ...]


@REBUILT
@RANDOMNESS
def test_kernel_randomness_is_distinct(identities: Identities, evidence: Any) -> None:
    """No two clones draw the same bytes from the kernel, soon after the restore or later."""
    evidence.json("identities.json", [dataclasses.asdict(one) for one in identities])
    shared = _shared((one.vm, drawn) for one in identities for drawn in one.kernel)
    assert not shared, f"/dev/urandom gave the same bytes to {shared}"


@REBUILT
@RANDOMNESS
@pytest.mark.behind(LOGIN)
def test_agent_randomness_is_distinct(identities: Identities) -> None:
    """No two logins, in one clone or several, have the same OAuth state or code challenge."""
    logins = [(one.vm, login) for one in identities for login in one.logins if login.state]
    states = _shared((vm, login.state) for vm, login in logins)
    challenges = _shared((vm, login.challenge) for vm, login in logins if login.challenge)
    if not logins:
        raise ConsequenceError(f"no OAuth state seen: {_answers(identities)}", behind=LOGIN)
    assert not states, f"the same OAuth state in {states}: one user's login could complete another's"
    assert not challenges, f"the same PKCE code challenge in {challenges}"


@REBUILT
@IDENTITY
def test_network_identity_is_distinct(identities: Identities) -> None:
    """No two clones have the same MAC address."""
    shared = _shared((one.vm, mac) for one in identities for mac in one.macs)
    assert all(one.macs for one in identities), "a clone has no network interface"
    assert not shared, f"the same MAC address in {shared}"


@REBUILT
@SESSIONS
@pytest.mark.behind(LOGIN)
def test_clones_answer_for_themselves(identities: Identities) -> None:
    """Each clone knows the logins started in it, and no others."""
    _demand_logins(identities)
    # A login may end the one before it: both wait at one port for the provider's redirect.
    wrong = [
        f"{one.vm}: {one.sessions} more after {one.accepted} logins"
        for one in identities
        if not 1 <= one.sessions <= one.accepted
    ]
    assert not wrong, (
        "activeSessions is to grow by the logins in its clone, at least by the last one; "
        f"seen: {'; '.join(wrong)}"
    )


@REBUILT
@CLOCK
def test_clock_is_right_after_restore(identities: Identities, site: Site) -> None:
    """Each clone's clock is right within the allowed skew after its restore."""
    skew = site.guest.clock_skew_s
    wrong = {
        one.vm: f"{one.clock_error_s[0]:+.1f} to {one.clock_error_s[1]:+.1f} s"
        for one in identities
        if one.clock_error_s[1] < -skew or one.clock_error_s[0] > skew
    }
    assert not wrong, f"clocks are off by more than {skew:g} s: {wrong}"


@REBUILT
@pytest.mark.mend(
    step=5, how="make them anew in each clone, or list them in guest.shared_identity of the profile"
)
def test_only_what_may_be_is_shared(
    identities: Identities, site: Site, advice: Callable[[str], None]
) -> None:
    """machine-id and SSH host keys are the same in several clones only where the profile allows it."""
    shared = {
        "machine-id": _shared((one.vm, one.machine_id) for one in identities if one.machine_id),
        "ssh-host-keys": _shared((one.vm, key) for one in identities for key in one.host_keys),
    }
    for name, clones in shared.items():
        if clones and name in site.guest.shared_identity:
            advice(f"all clones share their {name}: the profile allows it (guest.shared_identity)")
    allowed = site.guest.shared_identity
    refused = {name: clones for name, clones in shared.items() if clones and name not in allowed}
    assert not refused, f"shared, and not allowed by guest.shared_identity: {refused}"


@pytest.mark.item("oauth", proves=False)
@pytest.mark.mend(
    step=3, how="POST /auth/<provider> must answer {success, oauthUrl}; see the agent's journal"
)
def test_login_gives_an_oauth_url(
    identities: Identities, site: Site, desktop: Desktop, advice: Callable[[str], None]
) -> None:
    """A login with every provider is answered with an OAuth URL, private on its way, that carries a state."""
    if desktop.needed:
        advice(
            f"experiments were made with the desktop at work; with it frozen, a login said {desktop.needed}"
        )
    logins = [login for one in identities for login in one.logins]
    bad = [
        f"{login.provider}: {login.answer or login.url}" for login in logins if not _is_good(login.url, site)
    ]
    assert not bad, "expected 200 {success, oauthUrl} with a state: " + "; ".join(bad)


def _is_good(url: str, site: Site) -> bool:
    """By TLS, or never leaving the host: an address on its own bridge."""
    try:
        at = read_url(url, whose="oauthUrl")
    except UnreadableError:
        return False
    return "state=" in at.query and (at.scheme == "https" or _on_bridge(at.host, site))


def _on_bridge(host: str, site: Site) -> bool:
    try:
        return ip_address(host) in site.network.bridge_address.network
    except ValueError:
        return False


def _demand_logins(identities: Identities) -> None:
    for one in identities:
        if not one.accepted:
            raise HarnessError(
                f"{one.vm}: no login was accepted: {one.logins[0].answer}",
                hint=f"see {LOGIN}",
                behind=LOGIN,
            )


def _answers(identities: Identities) -> str:
    return "; ".join(f"{login.provider}: {login.answer or login.url}" for login in identities[0].logins)


def _shared(pairs: Iterable[tuple[str, str]]) -> str:
    """The clones that showed a value that was also shown elsewhere; empty when all are distinct."""
    return ", ".join(shared(pairs))
