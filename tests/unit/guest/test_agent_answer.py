"""One request to an agent: what it said, what became of it, and when it is our own way that is lost."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.errors import TransportError
from harness.guest.agent_answer import ask_agent
from harness.site.profile import Site
from tests.unit.peers.fake_peer import mute_peer
from tests.unit.peers.small_vm import SmallVm, state
from tests.unit.peers.web_peer import web_peer

SITE = Site.model_validate({"name": "nowhere", "guest": {"request_s": 60, "recovery_s": 60}})
HURRIED = Site.model_validate({"name": "nowhere", "guest": {"request_s": 0.3, "recovery_s": 0.4}})
JSON = {"Content-Type": "application/json"}
CRASHED = state("[FATAL] Uncaught Exception: no JSON", pid=9, restarts=1)


@pytest.mark.parametrize(
    ("headers", "body", "is_json", "read"),
    [
        (JSON, '{"status": "ok"}', True, {"status": "ok"}),
        (JSON, "null", True, None),
        (JSON, "up", False, None),
        ({}, '{"status": "ok"}', False, {"status": "ok"}),
    ],
)
def test_an_answer_is_json_where_it_says_so_and_is(
    tmp_path: Path, headers: dict[str, str], body: str, is_json: bool, read: object
) -> None:
    with web_peer(tmp_path / "a", {"/health": (200, headers, body)}):
        answer = ask_agent(SmallVm(tmp_path / "a", SITE), "GET", "/health")
    assert (answer.status, answer.is_json, answer.body) == (200, is_json, read)
    assert str(answer) == f"200 {body}"


def test_a_crash_is_told_with_the_restart_and_waited_out(tmp_path: Path) -> None:
    """Whoever asks next asks an agent that is there again."""
    with web_peer(tmp_path / "a", {"/health": (200, {}, ""), "POST /x": (0, {}, "")}) as asked:
        vm = SmallVm(tmp_path / "a", SITE, said=CRASHED)
        vm.wait_healthy()
        answer = ask_agent(vm, "POST", "/x", content=b"{")
    assert answer.status == 0
    assert asked[-1] == "/health"
    for told in ("the connection was dropped", "the guest took the connection", "the agent is healthy again"):
        assert told in answer.text
    assert "main process is 9, and systemd has restarted it 1 times" in answer.text
    assert "[FATAL] Uncaught Exception: no JSON" in answer.text


def test_no_answer_in_time_is_told_with_the_time(tmp_path: Path) -> None:
    with mute_peer(tmp_path / "a"):
        vm = SmallVm(tmp_path / "a", HURRIED, said=state())
        vm.timings["healthy"] = 1.0
        answer = ask_agent(vm, "GET", "/x")
    assert answer.status == 0
    assert answer.text.startswith("no answer within 0.3 s; ")
    assert "not healthy again within 0.4 s" in answer.text


def test_a_refused_port_is_the_agents(tmp_path: Path) -> None:
    """The host's end of the way drops a connection for which it found nobody. No use in waiting for him."""
    refused = "192.168.100.2:8080: Connection refused"
    with web_peer(tmp_path / "a", {"/x": (0, {}, "")}) as asked:
        vm = SmallVm(tmp_path / "a", SITE, said=state(pid=0), relay_error=refused)
        answer = ask_agent(vm, "GET", "/x")
    assert answer.status == 0
    assert asked == ["/x"]
    assert f"towards the guest: {refused}; the agent is not waited for (it never was healthy)" in answer.text


def test_a_vm_that_is_gone_is_told_with_its_last_words(tmp_path: Path) -> None:
    with web_peer(tmp_path / "a", {"/x": (0, {}, "")}):
        answer = ask_agent(SmallVm(tmp_path / "a", SITE, alive=False), "GET", "/x")
    assert answer.text.endswith("the VM is gone: it ended with status 0")


@pytest.mark.parametrize("listens", [False, True])
def test_our_own_way_that_is_lost_says_nothing_of_the_agent(tmp_path: Path, listens: bool) -> None:
    """A socket of ours that nobody listens on; or one that still is there, and leads to no custodian."""
    with web_peer(tmp_path / ("a" if listens else "b"), {"/x": (0, {}, "")}):
        vm = SmallVm(tmp_path / "a", SITE, alive=TransportError("the custodian is gone"))
        with pytest.raises(TransportError, match="is gone" if listens else "is lost"):
            ask_agent(vm, "GET", "/x")
