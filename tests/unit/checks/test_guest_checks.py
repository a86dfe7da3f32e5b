"""Checks of a guest as they are, run on clones that are made up: what is red, and what is our own trouble."""

from __future__ import annotations

import httpcore  # noqa: F401 - httpx keeps the one that it met first: no small suite is to bring its own
import pytest
import tomli_w

from tests.unit.peers.small_guest import LISTENING, site_of
from tests.unit.peers.small_suite import ROOT, Ended, Suite

pytest_plugins = ["pytester"]

CONFTEST = """
import tempfile
from pathlib import Path
import pytest
from harness.errors import *
from tests.unit.peers.small_vm import SmallVm, state
from tests.unit.peers.web_peer import web_peer

JSON = {{"Content-Type": "application/json"}}

@pytest.fixture(scope="session")
def make_vm(site):
    def make(boot=None):
        {make}
    with tempfile.TemporaryDirectory() as folder, web_peer(agent := Path(folder) / "agent", {agent}):
        yield make
"""
WELL = {
    "/health": "200, JSON, '{}'",
    "/acceptance-no-such-path": "404, JSON, '{}'",
    "POST /auth/codex": "400, JSON, '{}'",
}
"""How an agent should answer, but for what it says of its health."""


def run(suite: Suite, file: str, checks: str, conftest: str) -> Ended:
    """Some checks of a file in tests/guest, with these fixtures."""
    folder = suite.root / "tests/guest"
    folder.mkdir(parents=True)
    (folder / file).write_text((ROOT / "tests/guest" / file).read_text())
    (folder / "conftest.py").write_text(conftest)
    return suite.run("-k", checks)


def asked(suite: Suite, file: str, checks: str, make: str, **agent: str) -> Ended:
    """The same where this makes the clone, and its agent answers so."""
    answers = ", ".join(f"{path!r}: ({answer})" for path, answer in {**WELL, **agent}.items())
    return run(suite, file, checks, CONFTEST.format(make=make, agent=f"{{{answers}}}"))


@pytest.mark.parametrize(
    ("error", "outcome", "told"),
    [
        ("VmmError('bad magic')", "FAIL", "the VMM could not bring the snapshot to life: bad magic"),
        ("VmError('no space left', hint='make room')", "BROKEN", "no space left\nmake room"),
        ("TransportError('the custodian is gone')", "BROKEN", "the custodian is gone"),
    ],
)
def test_only_the_vmm_can_refuse_the_snapshot(suite: Suite, error: str, outcome: str, told: str) -> None:
    """Whatever else keeps a clone from being made is no reason to rebuild."""
    ended = asked(suite, "test_restored.py", "clone_resumes", f"raise {error}")
    assert ended.outcome("guest.clone_resumes_from_the_snapshot") == outcome
    assert all(line in ended.output for line in told.splitlines())


_DAMAGED = "Firecracker: damaged\\n  it answered 400 to PUT /snapshot/load: CRC64 validation failed: 5"
_NO_KVM = "it answered 400 to PUT /snapshot/load: Error creating KVM object: (os error 2)"


@pytest.mark.parametrize(
    ("made", "outcome"),
    [
        (f"raise VmmError('{_DAMAGED}')", "FAIL"),
        (f"raise VmmError('{_NO_KVM}')", "NOT PROVEN"),
        ("raise VmmError('the VMM of acc-1 did not start: no such file')", "NOT PROVEN"),
        ("raise VmError('no space left')", "BROKEN"),
        ("return SmallVm(agent, site)", "PASS"),
        ("return SmallVm(agent, site, alive=False)", "PASS"),
    ],
)
def test_a_snapshot_that_is_refused_is_not_rebuilt_well(suite: Suite, made: str, outcome: str) -> None:
    """Its item is red then; not so where host or profile are to blame."""
    suite.profile('name = "nowhere"\n[guest]\nrestore_health_s = 0.3')
    ended = asked(suite, "test_restored.py", "clone_resumes or snapshot_is_loaded", made)
    assert ended.outcome("guest.snapshot_is_loaded") == outcome
    assert ended.item("snapshot-rebuilt") == outcome


ASKED = ("health_says_what_is_documented", "unknown_path_is_a_json_404", "bad_json_is_a_json_400")
HEALTHY = "return SmallVm(agent, site, said=state('[FATAL] no JSON', restarts=1))"
LOST = "vm = SmallVm(agent, site); vm.answers['alive'] = TransportError('no custodian'); return vm"
GONE = "return SmallVm(agent, site, alive=False)"


def test_an_agent_that_dies_of_a_request_is_red(suite: Suite) -> None:
    """And only the check that it dies of: the next one asks an agent that is there again."""
    ended = asked(
        suite, "test_health.py", " or ".join(ASKED[1:]), HEALTHY, **{"POST /auth/codex": "0, {}, ''"}
    )
    assert ended.outcome("guest.unknown_path_is_a_json_404") == "PASS"
    assert ended.outcome("guest.bad_json_is_a_json_400") == "FAIL"
    for told in ("the connection was dropped", "systemd has restarted it 1 times", "[FATAL] no JSON"):
        assert told in ended.output


@pytest.mark.parametrize(("make", "outcome"), [(HEALTHY, "FAIL"), (GONE, "FAIL"), (LOST, "BROKEN")])
def test_silence_is_red_where_our_own_way_is_not_lost(suite: Suite, make: str, outcome: str) -> None:
    """Whether nobody listens, or the VM is gone, was asked and seen."""
    suite.profile('name = "nowhere"\n[guest]\nrestore_health_s = 0.3')
    nobody = dict.fromkeys(WELL, "0, {}, ''")
    ended = asked(suite, "test_health.py", " or ".join(ASKED), make, **nobody)
    assert {ended.outcome(f"guest.{check}") for check in ASKED} == {outcome}


def test_health_in_words_of_its_own_is_red(suite: Suite) -> None:
    """It is an answer, 200 and in time; what it says is another claim."""
    checks = "health_answers_in_time or health_says_what_is_documented"
    ended = asked(suite, "test_health.py", checks, HEALTHY, **{"/health": "200, {}, 'up'"})
    assert ended.outcome("guest.health_answers_in_time") == "PASS"
    assert ended.outcome("guest.health_says_what_is_documented") == "FAIL"
    assert '"activeSessions":<n>}; got 200 up' in ended.output


@pytest.mark.parametrize(("late_s", "outcome"), [(0, "PASS"), (60, "FAIL")])
def test_an_answer_that_comes_too_late_is_red(suite: Suite, late_s: int, outcome: str) -> None:
    """Though the wait for it ended well."""
    make = f"vm = SmallVm(agent, site); vm.restored_at -= {late_s}; return vm"
    ended = asked(suite, "test_health.py", "health_answers_in_time", make)
    assert ended.outcome("guest.health_answers_in_time") == outcome
    assert ("200 only 60" in ended.output) is (outcome == "FAIL")


def test_a_vmm_that_ends_is_seen_by_whoever_asks_for_health(suite: Suite) -> None:
    ended = asked(suite, "test_health.py", "health_answers_in_time", GONE, **{"/health": "0, {}, ''"})
    assert ended.outcome("guest.health_answers_in_time") == "FAIL"
    assert "is gone: it ended with status 0" in ended.output


IDENTITIES = """
import pytest
from harness.guest.identity import AgentLogin, CloneIdentity, Health

@pytest.fixture
def identities():
    logins = tuple(AgentLogin("codex", status, "") for status in {statuses})
    before, after = Health((0.0, 0.1), 4), Health((0.0, 0.1), 4 + {sessions})
    return tuple(CloneIdentity(f"vm-{{n}}", logins, (), (), "", (), before, after) for n in range(3))
"""


@pytest.mark.parametrize(
    ("statuses", "sessions", "outcome"),
    [
        ((200, 200), 0, "FAIL"),
        ((200, 200), 1, "PASS"),  # the second login ended the first
        ((200, 200), 2, "PASS"),
        ((200, 200), 3, "FAIL"),
        ((200, 502), 2, "FAIL"),
        ((0, 502), 0, "NOT PROVEN"),
    ],
)
def test_a_clone_knows_its_own_logins_and_no_others(
    suite: Suite, statuses: tuple[int, ...], sessions: int, outcome: str
) -> None:
    """At least the last one that was accepted; and what was not accepted tells nothing."""
    conftest = IDENTITIES.format(statuses=statuses, sessions=sessions)
    ended = run(suite, "test_clones.py", "clones_answer_for_themselves", conftest)
    assert ended.outcome("guest.clones_answer_for_themselves") == outcome


SOURCE = """
from pathlib import Path
import pytest
from harness.guest.look import look_at
from tests.unit.peers.small_guest import SmallGuest, lay_down

@pytest.fixture(scope="session")
def guest_look(site):
    folder = Path(site.agent.directory).parent
    lay_down(folder, listening={listening!r})
    Path(site.agent.entry).write_text({text!r})
    vm = SmallGuest(folder, site)
    yield look_at(vm.guest(remembers=True), site, born_at=vm.restored_at)
    vm.hang_up()
"""
TYPED = "enum Port { http = 8080 }\nconst port: number = Port.http;\n"
BROKEN_SOURCE = "const port = = 8080;\n"


@pytest.mark.parametrize(
    ("entry", "text", "listening", "outcome"),
    [
        ("server.js", BROKEN_SOURCE, LISTENING, "FAIL"),
        ("server.ts", TYPED, LISTENING, "PASS"),
        ("server.ts", TYPED, LISTENING.partition("\n")[2], "NOT PROVEN"),
    ],
)
def test_what_node_cannot_read_is_proven_by_running(
    suite: Suite, entry: str, text: str, listening: str, outcome: str
) -> None:
    """TypeScript is read by its loader: an agent that runs was read."""
    machine = suite.root / "machine"
    machine.mkdir()
    profile = site_of(machine)
    profile["agent"]["entry"] = str(machine / "agent" / entry)
    suite.profile(tomli_w.dumps(profile))
    conftest = SOURCE.format(listening=listening, text=text)
    ended = run(suite, "test_source.py", "server_source_parses", conftest)
    assert ended.outcome("guest.server_source_parses") == outcome


RUNTIME = """
import pytest
from harness.guest.handler_claims import Finding
from tests.unit.guest.test_handler_claims import anew, running, seen, NOTHING

@pytest.fixture
def agent_runtime():
    return seen({now}, {then})
"""


@pytest.mark.parametrize(
    ("now", "then", "outcome"),
    [
        ("running(1)", "anew(1)", "PASS"),
        ("running(0)", "anew(1)", "FAIL"),
        ("None", "NOTHING", "NOT PROVEN"),
    ],
)
def test_what_the_runtime_told_is_judged(suite: Suite, now: str, then: str, outcome: str) -> None:
    ended = run(suite, "test_source.py", "handler_is_registered_first", RUNTIME.format(now=now, then=then))
    assert ended.outcome("guest.handler_is_registered_first[uncaughtException]") == outcome


BANNERS = """
import contextlib, socket, tempfile, threading
from pathlib import Path
import pytest
from types import SimpleNamespace

def say(listening, banner):
    while True:
        try:
            with listening.accept()[0] as one:
                one.sendall(banner)
        except OSError:
            return

@pytest.fixture(scope="session")
def clone(site):
    with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as undo:
        ways = {{}}
        for name, banner in {banners}.items():
            listening = socket.socket(socket.AF_UNIX)
            ways[name] = Path(folder) / name
            listening.bind(str(ways[name]))
            listening.listen()
            thread = threading.Thread(target=say, args=(listening, banner))
            thread.start()
            undo.callback(thread.join)
            undo.callback(listening.shutdown, socket.SHUT_RDWR)
        yield SimpleNamespace(
            name="acc-000000-1", restored_at=0.0, health_s=0.0, reached=lambda port: "refused",
            forward=lambda port: ways["outside"], local_forward=lambda port: ways["inside"],
        )
"""


@pytest.mark.parametrize(
    ("ports", "where", "outcome"),
    [
        ([22, 5901, 6080, 8080], "outside", "PASS"),
        ([22, 5901, 6080, 8080], "inside", "FAIL"),
        ([22, 6080, 8080], "inside", "PASS"),
        ([22, 6080, 8080], "outside", "FAIL"),
    ],
)
def test_vnc_is_asked_from_inside_where_it_is_for_websockify_alone(
    suite: Suite, ports: list[int], where: str, outcome: str
) -> None:
    suite.profile(tomli_w.dumps({"name": "nowhere", "guest": {"listening_ports": ports, "request_s": 60}}))
    banners = {"outside": b"SSH-2.0\n", "inside": b"SSH-2.0\n", where: b"RFB 003.008\n"}
    ended = run(suite, "test_window.py", "vnc_speaks_rfb", BANNERS.format(banners=banners))
    assert ended.outcome("guest.vnc_speaks_rfb") == outcome
