"""Who a clone is: what its agent does not tell is known of it, and hides nothing else."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import pytest

from harness.errors import TransportError
from harness.guest.identity import CloneIdentity, identify
from harness.site.profile import Site
from tests.unit.peers.small_vm import SmallVm
from tests.unit.peers.web_peer import Answer, web_peer

SITE = Site.model_validate({"name": "nowhere"})
GUEST = "kernel AAAA\nmac 02:00:00:00:00:01\nkernel BBBB\n"
URL = "https://p.invalid/auth?state=s&code_challenge=c"
HEALTH = {"status": "ok", "timestamp": "2026-01-02T03:04:05.000Z", "activeSessions": 3}
STARTED: Answer = (200, {}, json.dumps({"success": True, "oauthUrl": URL}))


def identity(folder: Path, login: Answer, health: str = json.dumps(HEALTH)) -> CloneIdentity:
    """Of a clone whose agent answers so."""
    answers: Mapping[str, Answer] = {"/health": (200, {}, health), "POST /auth/codex": login}
    with web_peer(folder / "a", answers):
        vm = SmallVm(folder / "a", SITE, said=GUEST)
        return identify(vm, "probe", providers=["codex"])


def test_what_the_agent_tells_is_known(tmp_path: Path) -> None:
    seen = identity(tmp_path, STARTED)
    assert (seen.accepted, seen.sessions, seen.kernel) == (2, 0, ("AAAA", "BBBB"))
    assert {(login.state, login.challenge, login.answer) for login in seen.logins} == {("s", "c", "")}
    assert seen.clock_error_s[0] <= seen.clock_error_s[1]


@pytest.mark.parametrize("health", ["up", "{}", "[1]", '{"timestamp": 7, "activeSessions": 0}'])
def test_an_agent_that_does_not_tell_hides_nothing_else(tmp_path: Path, health: str) -> None:
    """Its clock and its sessions cannot be judged; all else can."""
    seen = identity(tmp_path, STARTED, health)
    assert (seen.accepted, seen.macs) == (2, ("02:00:00:00:00:01",))
    with pytest.raises(TransportError, match="told no time and no number of sessions, but: 200 "):
        _ = seen.clock_error_s
    with pytest.raises(TransportError, match="told no time and no number of sessions, but: 200 "):
        _ = seen.sessions


def test_a_login_that_the_agent_dies_of_is_a_login_without_an_answer(tmp_path: Path) -> None:
    seen = identity(tmp_path, (0, {}, ""))
    assert seen.accepted == 0
    assert all("the connection was dropped" in login.answer for login in seen.logins)


def test_a_login_that_is_refused_is_told_with_its_answer(tmp_path: Path) -> None:
    seen = identity(tmp_path, (502, {}, "no"))
    assert {(login.status, login.answer) for login in seen.logins} == {(502, "502 no")}
