"""An agent whose database is silent: what is asked of it, and what is seen of what it asks."""

from __future__ import annotations

import dataclasses
import itertools
import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from harness.errors import HarnessError
from harness.guest.silent_database import _SCHEME, SilentDatabase, database_url, silent_database
from harness.site.profile import Site
from tests.unit.peers.database_user import NEVER, Agent, DatabaseVm, Way, running

AMPLE_S = 60.0
HOME = {"name": "nowhere", "snapshot": {"gateway": "127.0.0.1"}}


def limited(
    *,
    database_s: float = AMPLE_S,
    login_s: float = AMPLE_S,
    request_s: float = AMPLE_S,
    recovery_s: float = AMPLE_S,
) -> Site:
    """Only what is to run out is short: the machine may be busy."""
    agent = {"database_timeout_s": database_s, "login_s": login_s}
    return Site.model_validate(
        {**HOME, "agent": agent, "guest": {"request_s": request_s, "recovery_s": recovery_s}}
    )


SITE = limited()
QUIET = Way(asks=False)
WELL: dict[str, Way] = {
    "GET /health": QUIET,
    "POST /auth": Way(),
    **dict.fromkeys(("GET /oauth-url", "GET /credentials/status", "GET /credentials/get"), QUIET),
}
PATCH = b"PATCH /rest/v1/auth_sessions?id=eq.1 HTTP/1.1\r\nHost: x\r\n\r\n"
TIMED_OUT = ("[DB] Operation timed out",)

Try = Callable[..., SilentDatabase]


@pytest.fixture
def tried(tmp_path: Path) -> Iterator[Try]:
    """The experiment on an agent with these ways beside its good ones."""
    made: list[DatabaseVm] = []

    def carry_out(
        ways: dict[str, Way] | None = None,
        *,
        says: bytes = PATCH,
        scheme: str = "",
        site: Site = SITE,
        journal: tuple[str, ...] = TIMED_OUT,
    ) -> SilentDatabase:
        agent = Agent({**WELL, **(ways or {})}, says=says)
        with running(tmp_path / f"{len(made)}", agent):
            vm = DatabaseVm(tmp_path / f"{len(made)}", site, agent, journal=journal, scheme=scheme)
            made.append(vm)
            return silent_database(vm, "acceptance probe")

    yield carry_out
    for vm in made:
        vm.stop()


def test_all_that_may_use_the_database_is_asked_and_ends(tried: Try) -> None:
    """Each provider's login, and all three requests about a session of ours and about a stranger's."""
    seen = tried()
    assert [one.what for one in seen.logins] == [f"POST /auth/{name}" for name in SITE.agent.providers]
    assert {one.what.partition("=")[0] for one in seen.others} == {
        f"GET {path}?sessionId" for path in ("/oauth-url", "/credentials/status", "/credentials/get")
    }
    assert len(seen.others) == 6
    assert (seen.came_up, seen.late, seen.health_failures, seen.lingering) == (True, [], (), ())
    assert (seen.silence.count, seen.was_asked, seen.timeouts) == (3, True, list(TIMED_OUT))
    assert {(one.request, one.closed_by) for one in seen.silence.connections} == {
        ("PATCH /rest/v1/auth_sessions", "the agent")
    }


def test_the_next_login_begins_while_the_one_before_waits_for_its_database(tried: Try) -> None:
    seen = tried({"POST /auth": Way(gives_up_s=6)})
    calls = sorted(seen.silence.connections, key=lambda call: call.came_s)
    assert (seen.late, len(calls)) == ([], 3)
    for before, after in itertools.pairwise(calls):
        assert before.closed_s is not None
        assert after.came_s < before.closed_s


HANGS = {
    "a login": ("POST /auth", 3),
    "an address": ("GET /oauth-url", 2),
    "a status": ("GET /credentials/status", 2),
    "credentials": ("GET /credentials/get", 2),
}


@pytest.mark.parametrize(("path", "count"), HANGS.values(), ids=HANGS)
def test_each_that_never_ends_is_late(tried: Try, path: str, count: int) -> None:
    """Also a login that ends, but not in time."""
    seen = tried({path: Way(gives_up_s=NEVER)}, site=limited(database_s=0.5, login_s=1.5, request_s=1.5))
    late = [one for one in seen.late if one.what.startswith(path)]  # a busy machine may make others late, too
    assert len(late) == count
    for one in late:
        assert str(one).endswith(f"no answer (never; allowed are {2:g} s)")


def test_one_that_is_dropped_in_time_has_ended_and_is_no_answer(tried: Try) -> None:
    seen = tried({"POST /auth": Way(status=0), "GET /oauth-url": Way(status=500)})
    assert (seen.late, [one.answered for one in seen.logins]) == ([], [False] * 3)
    assert all("dropped without a proper answer" in str(one) for one in seen.logins)


def test_an_agent_that_never_asks_has_not_been_tried(tried: Try) -> None:
    """Whatever it says of limits: a login may have one, too."""
    asked = [tried({"POST /auth": QUIET}, journal=said).was_asked for said in ((), TIMED_OUT)]
    assert asked == [False, False]


def test_what_is_said_of_limits_before_anything_was_asked_is_no_answer(tried: Try) -> None:
    seen = tried(journal=TIMED_OUT)
    assert seen.timeouts == list(TIMED_OUT)
    at_start = dataclasses.replace(seen, asked_from_s=max(one.at_s for one in seen.after.journal))
    assert at_start.timeouts == []


def test_a_call_that_outlives_its_answer_lingers(tried: Try) -> None:
    """As a race leaves it: nobody waits for it, and nobody ends it."""
    ways = {"POST /auth": Way(closes=False), "GET /oauth-url": Way(gives_up_s=0.9)}
    seen = tried(ways, site=limited(database_s=0.1))
    assert seen.late == []
    assert "PATCH /rest/v1/auth_sessions" in seen.lingering


def test_what_is_no_http_is_told_by_its_size(tried: Try) -> None:
    startup = b"\0\0\0\x08\x04\xd2\x16\x2f"
    ways = {"POST /auth": Way(closes=False, gives_up_s=0.6)}
    seen = tried(ways, says=startup, scheme="postgresql", site=limited(database_s=0.5))
    assert {(one.size, one.request) for one in seen.silence.connections} == {(8, "")}
    assert set(seen.lingering) == {"8 bytes, which are no HTTP"}


def test_health_is_held_to_its_own_limit(tried: Try) -> None:
    """Not to a login's, which may be long; a wrong status counts, too."""
    seen = tried({"GET /credentials/status": Way(gives_up_s=0.8)})
    assert seen.health_failures == ()
    seen = tried({"GET /health": Way(asks=False, answers=1, gives_up_s=10)}, site=limited(request_s=1.5))
    assert set(seen.health_failures) == {"no answer"}


def test_an_agent_that_hangs_at_its_start_did_not_come_up(tried: Try) -> None:
    """Its health was never 200, and it had asked its database: that is a finding."""
    seen = tried({"GET /health": Way(status=503)}, site=limited(recovery_s=3))
    assert (seen.came_up, seen.logins, seen.was_asked) == (False, (), True)


def test_one_that_does_not_come_up_and_never_asked_is_our_trouble(tried: Try) -> None:
    with pytest.raises(HarnessError, match="did not come up with http://… in SUPABASE_URL") as caught:
        tried({"GET /health": Way(asks=False, status=503)}, site=limited(recovery_s=3))
    assert "agent.database_variable" in caught.value.hint


def test_without_a_database_nothing_is_made_up(tried: Try) -> None:
    site = Site.model_validate({**HOME, "agent": {"database_variable": "none"}})
    with pytest.raises(HarnessError, match="uses no database"):
        tried(site=site)


@pytest.mark.parametrize(
    ("present", "expected"),
    [
        ("", "http://192.0.2.1:5"),
        ("https", "http://192.0.2.1:5"),
        ("mysql", "http://192.0.2.1:5"),
        ("postgres", "postgres://acceptance:probe@192.0.2.1:5/postgres"),
        ("postgresql", "postgresql://acceptance:probe@192.0.2.1:5/postgres"),
    ],
)
def test_the_address_is_of_the_kind_that_the_agent_has(present: str, expected: str) -> None:
    assert database_url(present, "192.0.2.1:5") == expected


SET = {
    "environment": ({"SUPABASE_URL": "postgres://me:hunter2@db/x"}, "SUPABASE_URL=https://x\n", "postgres"),
    "file": ({}, "A=1\nSUPABASE_URL=postgresql://me:hunter2@db/x\n", "postgresql"),
    "quoted": ({}, "export SUPABASE_URL='https://hunter2'\n", "https"),
    "double": ({}, ' SUPABASE_URL = "https://hunter2"\n', "https"),
    "twice": ({}, "SUPABASE_URL=postgres://hunter2\nSUPABASE_URL=http://hunter2\n", "http"),
    "other": ({"MY_SUPABASE_URL": "postgres://hunter2"}, "#SUPABASE_URL=postgres://hunter2\n", ""),
    "no address": ({"SUPABASE_URL": "hunter2"}, "", ""),
    "nothing": ({}, None, ""),
}


@pytest.mark.parametrize(("environment", "file", "expected"), SET.values(), ids=SET)
def test_of_the_present_value_only_the_scheme_is_told(
    tmp_path: Path, environment: dict[str, str], file: str | None, expected: str
) -> None:
    if file is not None:
        (tmp_path / ".env").write_text(file)
    with subprocess.Popen(["sleep", "60"], env={"PATH": os.environ["PATH"], **environment}) as process:
        try:
            script = f"pid={process.pid}\n" + _SCHEME.format(directory=tmp_path, variable="SUPABASE_URL")
            done = subprocess.run(["sh", "-c", script], capture_output=True, text=True, check=True)
        finally:
            process.kill()
    assert (done.stdout, done.stderr) == (f"DatabaseScheme={expected}\n", "")
