"""A session is launched: what is answered, and when the VM is healthy."""

from __future__ import annotations

from collections.abc import Mapping
from ipaddress import IPv4Address, ip_address
from typing import Any
from uuid import UUID

import httpx
import pytest

from fixtures.host_facts import Ails
from fixtures.session import BAD_STARTS, Launched
from fixtures.verdict.telling import CausedBy
from harness.errors import ConsequenceError, UnreadableError
from harness.host.journal import markers_in
from harness.host.parts import Line
from harness.session.control_api import ControlApi, path_of, table_of
from harness.session.launch import Session, answer_text
from harness.session.told import how
from harness.site.own import NOBODY
from harness.site.profile import Site
from harness.text import beginning, one_line
from harness.urls import read_url

pytestmark = [
    pytest.mark.acceptance,
    pytest.mark.item("session-launches"),
    pytest.mark.look(
        "curl --json @start.json {controller.url}/api/auth/start    (userId and provider)",
        "journalctl -f -u {controller.unit}",
    ),
]
API_ANSWERS = pytest.mark.behind("host.controller_api_answers")


@pytest.mark.smoke
@API_ANSWERS
@pytest.mark.mend(step=6, how="launch one from the dashboard, and follow the controller's journal")
def test_session_starts(launched: Launched, site: Site, launch_ails: Ails, caused_by: CausedBy) -> None:
    """A session that a user asks for is answered 200, and has a healthy VM in time."""
    session = launched.session
    if session is None:
        caused_by(launch_ails())
    if session is None and launched.behind:
        raise ConsequenceError(launched.error, behind=launched.behind)
    assert session is not None, launched.error
    assert session.took_s <= site.session.launch_s, (
        f"a session took {session.took_s:.1f} s from its request to be ready; expected at most"
        f" {site.session.launch_s:g} s"
    )


@pytest.mark.smoke
@pytest.mark.mend(step="troubleshooting", how="compare the controller's answer with its documentation")
def test_start_answer_is_complete(session: Session, site: Site) -> None:
    """The answer to a request for a session holds every documented field, each of its kind."""
    faults = _faults(session.answer, session.provider, site)
    assert not faults, f"POST /api/auth/start answered {session.answer}\n" + "\n".join(faults)


@pytest.mark.smoke
@pytest.mark.mend(step=6, how="read the session's error_message, and the controller's journal")
def test_session_is_ready(session: Session, site: Site) -> None:
    """The session is ready once it is launched, or is further on already."""
    row = session.row()
    assert row.get("status") in site.session.ready_statuses, (
        f"session {session.id} is {how(row)}; expected one of {', '.join(site.session.ready_statuses)}"
    )


@pytest.mark.smoke
@pytest.mark.mend(step="troubleshooting", how="on the host: curl http://<browserIP>:8080/health")
def test_health_passes_from_the_host(
    session: Session, session_health: tuple[int, str], session_ails: Ails, caused_by: CausedBy
) -> None:
    """The agent of the session's VM answers its health request from the host with 200."""
    status, text = session_health
    if status != 200:
        caused_by(session_ails())
    assert status == 200, (
        f"GET /health at {session.address} (from the host): {status}: {beginning(text, 300)}"
    )


@pytest.mark.mend(step=6, how="follow the launch: journalctl -u master-controller -f")
def test_launch_markers_come_in_order(launch_journal: list[Line], session: Session, site: Site) -> None:
    """The controller's journal shows the launch of the session's VM step by step, in order."""
    markers = markers_in(launch_journal, site.session.markers)
    missing = [marker.pattern for marker in markers if marker.line is None]
    assert not missing, f"{session.vm_id}: no line matches {missing}\n{_shown(launch_journal, session)}"
    places = [marker.place for marker in markers]
    assert places == sorted(set(places)), (
        f"{session.vm_id}: expected, in this order, {list(site.session.markers)}\n"
        f"{_shown(launch_journal, session)}"
    )


@pytest.mark.behind("session.launch_markers_come_in_order")
@pytest.mark.mend(step=6, how="see which step takes long: journalctl -u master-controller -f")
def test_launch_markers_come_in_time(launch_journal: list[Line], session: Session, site: Site) -> None:
    """Every step of the launch is in the controller's journal within its deadline."""
    markers = markers_in(launch_journal, site.session.markers)
    late = [
        (marker, f"{marker.pattern}: expected within {limit_s:g} s")
        for marker, limit_s in zip(markers, site.session.marker_s, strict=True)
        if marker.line is None or marker.line.time - session.asked_at > limit_s
    ]
    told = "\n".join([*(text for _, text in late), _shown(launch_journal, session)])
    if late and all(marker.line is None for marker, _ in late):
        raise ConsequenceError(told, behind="session.launch_markers_come_in_order")
    assert not late, told


@API_ANSWERS
@pytest.mark.mend(step="troubleshooting", how="have the controller check what it is asked")
@pytest.mark.parametrize("name", BAD_STARTS)
def test_bad_start_is_a_json_400(name: str, bad_starts: Mapping[str, httpx.Response]) -> None:
    """A request for a session without a user or a provider, or with an unknown one, is refused."""
    answer, body = bad_starts[name], BAD_STARTS[name]
    assert answer.status_code == 400, f"{body}: {answer_text(answer)}; expected 400"
    assert table_of(answer).get("error"), f'{body}: {answer_text(answer)}; expected JSON with an "error"'


@API_ANSWERS
@pytest.mark.mend(
    step=1, how="end what is left as the runbook says; have the controller clear up what a failed launch made"
)
def test_failed_launch_leaves_nothing(left_by_failed_launches: list[str]) -> None:
    """A request for a session that is refused, or fails, leaves no VM, and no session that goes on."""
    assert not left_by_failed_launches, "left by requests that came to nothing:\n  " + "\n  ".join(
        left_by_failed_launches
    )


@API_ANSWERS
@pytest.mark.mend(step="troubleshooting", how="have the controller answer 404 for what it does not know")
def test_unknown_session_is_a_json_404(control_api: ControlApi) -> None:
    """A session that there is not is answered 404."""
    answer = control_api.session(NOBODY)
    assert answer.status_code == 404, f"session {NOBODY}: {answer_text(answer)}; expected 404"
    assert table_of(answer).get("error"), f'{answer_text(answer)}; expected JSON with an "error"'


def _faults(answer: dict[str, Any], provider: str, site: Site) -> list[str]:
    window = path_of(site.session.window_path, str(answer.get("sessionId")))
    addresses = f"an address of {site.network.first_vm} to {site.network.last_vm}"
    holds = {
        "success": (answer.get("success") is True, "true"),
        "sessionId": (_is_uuid(answer.get("sessionId")), "a UUID"),
        "provider": (answer.get("provider") == provider, f'"{provider}"'),
        "novncURL": (_leads_to(answer.get("novncURL"), window), f"an http(s) URL of {window}"),
        "browserIP": (_is_vms(answer.get("browserIP"), site), addresses),
    }
    wrong = {name: wanted for name, (held, wanted) in holds.items() if not held}
    return [f"  {name}: {answer.get(name)!r}, expected {wanted}" for name, wanted in wrong.items()]


def _is_uuid(value: object) -> bool:
    try:
        return isinstance(value, str) and str(UUID(value)) == value.lower()
    except ValueError:
        return False


def _leads_to(value: object, path: str) -> bool:
    try:
        url = read_url(value, whose="novncURL")
    except UnreadableError:
        return False
    return url.scheme in ("http", "https") and url.path == path


def _is_vms(value: object, site: Site) -> bool:
    try:
        address = ip_address(value) if isinstance(value, str) else None
    except ValueError:
        return False
    return isinstance(address, IPv4Address) and site.network.first_vm <= address <= site.network.last_vm


def _shown(lines: list[Line], session: Session) -> str:
    """The journal's lines, each with its time since the request."""
    return "\n".join(
        f"  {line.time - session.asked_at:+8.3f} s  {one_line(beginning(line.text, 200))}" for line in lines
    )
