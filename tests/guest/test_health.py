"""The agent answers: in time, with the documented JSON, to many at once, and on the right port."""

from __future__ import annotations

import asyncio
import re
import time

import httpx
import pytest

from fixtures.guest import Resumed
from fixtures.verdict.telling import CausedBy
from harness.errors import ConsequenceError, UnreadableError
from harness.guest import claims
from harness.guest.agent_answer import AgentAnswer, ask_agent, fate
from harness.guest.agent_state import ask_agent_state
from harness.infra.host import Host
from harness.mend import shell_line
from harness.site.profile import Site
from harness.values import moment
from harness.vm.machine import Vm

pytestmark = [
    pytest.mark.acceptance,
    pytest.mark.item("health"),
    pytest.mark.look(
        "curl -i http://127.0.0.1:{agent.port}{agent.health_path}",
        "ss -ltnp",
        "systemctl status {agent.unit}",
        "journalctl -n 50 -u {agent.unit}",
    ),
]
AT_ONCE = 50
DOCUMENTED = '{"status":"ok","timestamp":<ISO 8601>,"activeSessions":<n>}'
SOURCE = pytest.mark.mend(step=3, how="mend server.js, then rebuild the snapshot (step 5)")
HEALTHY = "guest.health_answers_in_time"
ANSWERED = pytest.mark.behind(HEALTHY)


@pytest.mark.smoke
@pytest.mark.mend(
    step="troubleshooting", how="in a VM, see the state of the agent's unit and the last lines of its journal"
)
def test_health_answers_in_time(resumed: Resumed, clone: Vm, site: Site, caused_by: CausedBy) -> None:
    """The agent's health endpoint answers 200 in time after a restore."""
    caused_by(resumed.diagnosis)
    asked = f"GET :{site.agent.port}{site.agent.health_path} of {clone.name}"
    url = f"http://<address of the VM>:{site.agent.port}{site.agent.health_path}"
    by_hand = f"look: {shell_line(('curl', url))}"
    assert resumed.healthy_s is not None, f"{asked}: {resumed.error}\n{by_hand}"
    assert resumed.healthy_s <= clone.health_s, (
        f"{asked}: 200 only {resumed.healthy_s:.1f} s after the VM was told to run; "
        f"expected within {clone.health_s:g} s\n{by_hand}"
    )


@SOURCE
@ANSWERED
@pytest.mark.smoke
def test_health_says_what_is_documented(clone: Vm, site: Site) -> None:
    """The health answer is the documented JSON: status ok, the time now, a number of sessions."""
    before = time.time()
    answer = ask_agent(clone, "GET", site.agent.health_path)
    after = time.time()
    told = f"expected 200 {DOCUMENTED}; got {answer}"
    _demand(answer, told)
    body = answer.body
    assert (answer.status, answer.is_json) == (200, True), told
    assert isinstance(body, dict), told
    assert body.get("status") == "ok", told
    sessions = body.get("activeSessions")
    assert type(sessions) is int, told
    assert sessions >= 0, told
    seen = _moment(body.get("timestamp"))
    assert seen is not None, told
    skew = site.guest.clock_skew_s
    assert before - skew <= seen <= after + skew, (
        f"{told}\nits time is {seen - after:+.1f} s from ours: allowed are {skew:g} s"
    )


@SOURCE
@ANSWERED
@pytest.mark.smoke
def test_unknown_path_is_a_json_404(clone: Vm) -> None:
    """A path that does not exist is answered 404, in JSON."""
    answer = ask_agent(clone, "GET", "/acceptance-no-such-path")
    told = f"GET of an unknown path: expected 404 with JSON; got {answer}"
    _demand(answer, told)
    assert (answer.status, answer.is_json) == (404, True), told


@SOURCE
@ANSWERED
@pytest.mark.smoke
def test_bad_json_is_a_json_400(clone: Vm, site: Site) -> None:
    """A body that is not JSON is answered 400, in JSON."""
    path = f"/auth/{site.agent.providers[0]}"
    headers = {"Content-Type": "application/json"}
    answer = ask_agent(clone, "POST", path, content=b'{"sessionId": ', headers=headers)
    told = f"POST {path} with half a JSON: expected 400 with JSON; got {answer}"
    _demand(answer, told)
    assert (answer.status, answer.is_json) == (400, True), told


@SOURCE
@ANSWERED
async def test_health_is_steady_under_load(clone: Vm, site: Site) -> None:
    """Fifty health requests at once, on fifty connections, are all answered 200 in time, by one process."""
    before = ask_agent_state(clone)
    async with clone.async_http(timeout_s=site.guest.request_s, held=True) as http:
        asked = (http.get(site.agent.health_path) for _ in range(AT_ONCE))
        answers = await asyncio.gather(*asked, return_exceptions=True)
    bad = [
        repr(a) if isinstance(a, BaseException) else f"status {a.status_code}" for a in answers if not _ok(a)
    ]
    told = (
        f"{len(bad)} of {AT_ONCE} requests at once were not answered 200 within {site.guest.request_s:g} s: "
        f"{', '.join(sorted(set(bad))[:3])}; {fate(clone) if bad else ''}"
    )
    if all(isinstance(answer, BaseException) for answer in answers):
        raise ConsequenceError(told, behind=HEALTHY)
    assert not bad, told
    after = ask_agent_state(clone)
    assert (after.pid, after.restarts) == (before.pid, before.restarts), (
        f"the agent's process was {before.pid} before the load, and {after.pid} after it: it crashed"
    )


@SOURCE
@pytest.mark.behind("guest.unit_is_active")
def test_port_is_the_agents(guest: Host, site: Site) -> None:
    """The agent's port is listened on at 0.0.0.0, by a process of its unit."""
    problem = claims.port_is_the_agents(guest, site)
    assert problem is None, problem


def _demand(answer: AgentAnswer, told: str) -> None:
    """Nobody who answers no health request need be asked for more."""
    if not answer.status:
        raise ConsequenceError(told, behind=HEALTHY)


def _ok(answer: httpx.Response | BaseException) -> bool:
    return isinstance(answer, httpx.Response) and answer.status_code == 200


def _moment(value: object) -> float | None:
    if not isinstance(value, str) or not re.match(r"\d{4}-\d\d-\d\dT\d\d:\d\d", value):
        return None
    try:
        return moment(value, whose="timestamp")
    except UnreadableError:
        return None
