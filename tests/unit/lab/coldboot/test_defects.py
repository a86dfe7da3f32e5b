"""The defects of the lab's faults, in the Node controller: it comes up with each, and does what is wrong."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import httpx
import pytest
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from harness.wait import wait_until
from lab.faults.fault import Fault, all_faults
from lab.faults.session import unreached
from tests.unit.lab.coldboot.chart import program_of
from tests.unit.lab.coldboot.host import USER, Host
from tests.unit.lab.coldboot.test_sessions import alive

SECOND_USER = f"{USER[:-1]}3"
START = {"userId": USER, "provider": "codex"}


@pytest.fixture
def defective(idle_host: Host, fault: Fault) -> Host:
    """A host whose controller runs with the defect of ``fault``, and whose programs are on record."""
    idle_host.preload = program_of(fault, idle_host.folder)
    for name in ("chroot", "ip", "nft", "sh", "sleep"):
        program = idle_host.folder / "programs" / name
        program.write_text(f'#!/bin/sh\nprintf "%s\\n" "$*" >> {idle_host.folder}/{name}.asked\n')
        program.chmod(0o755)
    with idle_host.postgres.connect() as connection:
        connection.execute(
            "INSERT INTO users (user_id, email) VALUES (%s, 'b@example.com') ON CONFLICT DO NOTHING",
            [SECOND_USER],
        )
    idle_host.start()
    return idle_host


def asked(host: Host, program: str) -> str:
    """What a program was told, one line for each run of it."""
    return (host.folder / f"{program}.asked").read_text()


def cancelled(host: Host) -> None:
    """A session was launched and cancelled."""
    session_id = host.launch()
    assert host.ask("POST", f"/session/{session_id}/cancel")[0] == 200


def no_health(host: Host) -> None:
    status, body = host.ask("POST", "/start", json=START)
    assert (status, body["error"]) == (500, "VM health check timeout after 0 s")


def start_answer_incomplete(host: Host) -> None:
    _, body = host.ask("POST", "/start", json=START)
    assert body["success"] is not True
    assert body["novncURL"] == "/novnc"


def session_seems_started(host: Host) -> None:
    session_id = host.launch()
    assert host.rows("SELECT status FROM auth_sessions") != [("started",)]
    assert host.session(session_id)["status"] == "started"


def marker_missing(host: Host) -> None:
    host.comes_to(host.launch(), "awaiting_user_auth")
    assert b"VM ready!" in host.journal
    assert b"Attempting health" not in host.journal


def marker_late(host: Host) -> None:
    host.launch()
    assert asked(host, "sleep") == "2\n"
    assert b"Starting Browser VM" in host.journal


def refusals_wrong(host: Host) -> None:
    session_id = host.launch()
    assert host.ask("POST", f"/session/{session_id}/cancel") == (200, {"success": True})
    url = f"{host.base_url}/api/auth"
    for answer in (
        httpx.post(f"{url}/session/{session_id}/cancel", timeout=60),
        httpx.post(f"{url}/start", json={"userId": USER}, timeout=60),
        httpx.get(f"{url}/session/{SECOND_USER}", timeout=60),
    ):
        assert (answer.status_code, answer.text) == (200, "no")


def refused_launch_is_kept(host: Host) -> None:
    assert host.ask("POST", "/start", json={**START, "provider": "x"})[0] == 400
    assert host.rows("SELECT status FROM auth_sessions") == [("started",)]


def heart_stands_still(host: Host) -> None:
    session_id = host.launch()
    os.kill(host.vms("browser")[0][2], signal.SIGKILL)
    host.comes_to(session_id, "failed")  # so there was a look
    query = "SELECT last_heartbeat = started_at FROM vms WHERE vm_type = 'browser'"
    assert host.rows(query) == [(True,)]


def vm_in_pieces(host: Host) -> None:
    session_id = host.launch()
    told = host.session(session_id)
    assert f"sh {told['browserVMId']} {told['browserIP']} {host.state}/users {host.state}/sockets" in asked(
        host, "sh"
    )


def second_user_refused(host: Host) -> None:
    host.launch()
    status, body = host.ask("POST", "/start", json={**START, "userId": SECOND_USER})
    assert (status, body) == (500, {"error": "one session at a time"})
    ((session,),) = host.rows("SELECT status FROM auth_sessions WHERE user_id = %s", SECOND_USER)
    assert session == "cancelled"


def cancel_takes_long(host: Host) -> None:
    url = f"{host.base_url}/api/auth/session/{host.launch()}/cancel"
    with pytest.raises(httpx.ReadTimeout):
        httpx.post(url, timeout=1)
    assert httpx.post(url, timeout=60).status_code == 200


def nothing_removed(host: Host) -> None:
    cancelled(host)
    ((vm_id, status, pid),) = host.vms("browser")
    assert status == "destroyed"
    assert alive(pid)
    assert (host.state / "users" / vm_id / "rootfs.ext4").exists()


def leaves_a_file(host: Host) -> None:
    cancelled(host)
    assert (host.state / "users/fa017-note").exists()


def touches_golden(host: Host) -> None:
    cancelled(host)
    assert (host.state / "vmlinux").exists()


def changes_bridge(host: Host) -> None:
    cancelled(host)
    assert "address replace 192.168.101.1/24 dev fcbr0\n" in asked(host, "ip")


def leaves_a_rule(host: Host) -> None:
    cancelled(host)
    assert asked(host, "nft").startswith("add table inet fa017;")


def window_page_gone(host: Host) -> None:
    assert httpx.get(f"{host.base_url}/api/auth/session/{host.launch()}/novnc", timeout=60).status_code == 404


def window_websocket_refused(host: Host) -> None:
    url = f"ws://127.0.0.1:{host.port}/api/auth/session/{host.launch()}/novnc/websock"
    with pytest.raises(InvalidStatus) as refused, connect(url):
        pass
    assert refused.value.response.status_code == 502
    assert b"Window not shown" not in host.journal  # it was not so much as tried


def window_blank(host: Host) -> None:
    page = httpx.get(f"{host.base_url}/api/auth/session/{host.launch()}/novnc", timeout=60)
    assert page.text.startswith("<!doctype html><canvas")


def window_of_novnc(host: Host) -> None:
    session_id = host.launch()
    answer = httpx.get(f"{host.base_url}/api/auth/session/{session_id}/novnc", timeout=60)
    assert answer.headers["location"] == (
        f"/novnc/vnc_lite.html?password=s3cret99&path=api/auth/session/{session_id}/novnc/websock"
    )
    assert httpx.get(f"{host.base_url}/health", timeout=60).json()["status"] == "ok"


def opened(host: Host, session_id: str, url: str = "http://127.0.0.1:9/") -> tuple[int, Any]:
    """What a request to open a page is answered; port 9 is nobody's."""
    return host.ask("POST", f"/session/{session_id}/open-url", json={"url": url})


def window_pages_lost(host: Host) -> None:
    host.agent.answers["/open-url"] = (500, {"error": "asked"})
    assert opened(host, host.launch()) == (200, {"success": True})


def window_second_page_lost(host: Host) -> None:
    session_id = host.launch()
    host.agent.answers["/open-url"] = (500, {"error": "asked"})
    assert opened(host, session_id) == (502, {"error": "asked"})
    assert opened(host, session_id) == (200, {"success": True})


def window_pages_previewed(host: Host) -> None:
    session_id = host.launch()
    assert opened(host, session_id, f"{host.base_url}/health") == (200, {"success": True})
    assert opened(host, session_id)[0] == 500


def oauth_no_address(host: Host) -> None:
    assert host.ask("GET", f"/session/{host.launch()}/oauth-url") == (409, {})


_ADDRESS = "https://idp/a?state=a&code_challenge=b&code_challenge_method=S256&redirect_uri=http://localhost/"


def oauth_careless_address(host: Host) -> None:
    host.agent.answers["/oauth-url"] = (200, {"oauthUrl": _ADDRESS})
    _, body = host.ask("GET", f"/session/{host.launch()}/oauth-url")
    assert body["oauthUrl"].endswith("code_challenge_method=plain&redirect_uri=http://192.168.100.1/")


def oauth_constant_state(host: Host) -> None:
    host.agent.answers["/oauth-url"] = (200, {"oauthUrl": _ADDRESS})
    _, body = host.ask("GET", f"/session/{host.launch()}/oauth-url")
    same = "x" * 43
    assert f"?state={same}&code_challenge={same}&code_challenge_method=S256&" in body["oauthUrl"]


def next_heartbeat(host: Host) -> None:
    """Wait for a look at VMs that run."""
    query = "SELECT last_heartbeat FROM vms WHERE vm_type = 'browser'"
    before = host.rows(query)
    wait_until(
        lambda: host.rows(query),
        what="the VM's next heartbeat",
        timeout_s=60,
        interval_s=0.02,
        until=lambda rows: rows != before,
    )


def oauth_completed_vm_stays(host: Host) -> None:
    host.agent.answers["/credentials/status"] = (200, {"authenticated": True})
    host.comes_to(host.launch(), "completed")
    for _ in range(3):  # each look tells that it runs
        next_heartbeat(host)
    assert [status for _, status, _ in host.vms("browser")] == ["running"]


def oauth_completed_tap_stays(host: Host) -> None:
    """There are no TAPs here: it comes up, and a login completes."""
    host.agent.answers["/credentials/status"] = (200, {"authenticated": True})
    host.comes_to(host.launch(), "completed")


def oauth_credentials_go_with_the_vm(host: Host) -> None:
    session_id = host.launch()
    asked_for = f"/session/{session_id}/credentials/status"
    assert host.ask("GET", asked_for)[0] == 200
    host.agent.answers["/credentials/status"] = (200, {"authenticated": True})
    host.comes_to(session_id, "completed")
    wait_until(
        lambda: host.ask("GET", asked_for),
        what="credentials that are gone with their VM",
        timeout_s=60,
        interval_s=0.02,
        until=lambda answer: answer == (409, {"error": "the VM is gone"}),
    )


def oauth_login_holds_up_the_agent(host: Host) -> None:
    host.launch()
    assert "Atomics.wait" in asked(host, "chroot")


def oauth_everybody_logged_in(host: Host) -> None:
    host.comes_to(host.launch(), "completed")


def users_have_an_old_agent(host: Host) -> None:
    host.launch()
    assert "/mnt sh -euc" in asked(host, "chroot")
    assert "After=network.target" in asked(host, "chroot")


SEEN: Mapping[str, Callable[[Host], None]] = {
    f"{'guest' if seen is users_have_an_old_agent else 'session'}.{seen.__name__}": seen
    for seen in (
        *(no_health, start_answer_incomplete, session_seems_started, marker_missing, marker_late),
        *(refused_launch_is_kept, heart_stands_still),
        *(oauth_credentials_go_with_the_vm, oauth_login_holds_up_the_agent),
        *(refusals_wrong, vm_in_pieces, second_user_refused, cancel_takes_long, nothing_removed),
        *(leaves_a_file, touches_golden, changes_bridge, leaves_a_rule),
        *(window_page_gone, window_websocket_refused, window_blank, window_of_novnc),
        *(window_pages_lost, window_second_page_lost, window_pages_previewed),
        *(oauth_no_address, oauth_careless_address, oauth_constant_state, oauth_completed_vm_stays),
        *(oauth_completed_tap_stays, oauth_everybody_logged_in, users_have_an_old_agent),
    )
}
"""Fault -> how its defect is seen."""


@pytest.mark.parametrize(
    "fault", [pytest.param(one, id=one.name) for one in all_faults() if one.name in SEEN]
)
def test_a_defect_is_seen(fault: Fault, defective: Host) -> None:
    """The controller comes up with it, and does as it says."""
    SEEN[fault.name](defective)


def test_every_defect_of_the_controller_is_seen(tmp_path: Path) -> None:
    """Each fault of a session that changes the controller is in the table; but for those that only hold it
    up, while somebody harms the VM: the causes' own proof sees them."""
    held_up = {one.name for one in vars(unreached).values() if isinstance(one, Fault)}
    of_sessions = [one for one in all_faults() if one.name.startswith("session.") and one.name not in held_up]
    found = {one.name for one in of_sessions if program_of(one, tmp_path)}
    assert found == {name for name in SEEN if name.startswith("session.")}
