"""A session is cancelled: nothing of its VM is left, and all else is as it was before."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from harness.database.whole_rows import is_destroyed
from harness.errors import ConsequenceError
from harness.findings import report
from harness.session.control_api import table_of
from harness.session.launch import Session, answer_text
from harness.session.life import Lived, SessionEnd
from harness.session.told import how
from harness.site.profile import Site
from harness.world.company import company_of
from harness.world.difference import changed_bridge, changed_firewall, changed_golden, changed_rows
from harness.world.look import World
from harness.world.things import THINGS, missing

pytestmark = [
    pytest.mark.acceptance,
    pytest.mark.item("session-launches"),
    pytest.mark.look(
        "curl -X POST {controller.url}/api/auth/session/<session id>/cancel",
        "pgrep -a {vmm.process_name}",
        "ls {state.vms_dir}",
        "ls {state.sockets_dir}",
        "ls -d {state.jails_dir}/*/*",
        "ip -br link",
    ),
]


@pytest.mark.mend(step=6, how="cancel one from the dashboard, and follow the controller's journal")
def test_cancel_is_answered_in_time(ended: SessionEnd, site: Site) -> None:
    """A request to cancel a session is answered 200 in time."""
    assert not isinstance(ended.answer, str), ended.answer
    assert ended.answer.status_code == 200, f"cancel: {answer_text(ended.answer)}; expected 200"
    assert ended.took_s <= site.session.end_s, (
        f"cancel: answered after {ended.took_s:.1f} s; expected at most {site.session.end_s:g} s"
    )


@pytest.mark.mend(step=1, how="remove what is left of the VM as the runbook says")
@pytest.mark.parametrize("kind", THINGS)
def test_nothing_of_the_vm_is_left(kind: str, ended: SessionEnd, site: Site) -> None:
    """Of a cancelled session's VM, process, socket, TAP and folder are gone within its deadline."""
    left = ended.vm_end.remains.get(kind)
    assert not left, f"{site.session.end_s:g} s after the request to cancel there is still: {left}"


@pytest.mark.mend(step=2, how="mark the VM destroyed in the database")
def test_cancelled_vm_is_destroyed(ended: SessionEnd, lived: Lived, site: Site) -> None:
    """The row of a cancelled session's VM says that it was destroyed, and when."""
    row = ended.vm_end.rows.vm
    assert row is not None, f"the row of {lived.vm.vm_id} is gone"
    assert is_destroyed(row, site.database), (
        f"{lived.vm.vm_id}: status {row.get('status')!r}, destroyed_at {row.get('destroyed_at')}; "
        f"expected {site.database.destroyed_vm_status!r} and a time"
    )


@pytest.mark.mend(step=2, how="mark the session in the database")
def test_cancelled_session_is_over(ended: SessionEnd, session: Session, site: Site) -> None:
    """The row of a cancelled session says so, and when it ended."""
    row = ended.vm_end.rows.session
    assert row is not None, f"the row of session {session.id} is gone"
    seen = (row.get("status"), bool(row.get("completed_at")))
    assert seen == (site.session.cancelled_status, True), (
        f"session {session.id}: status {row.get('status')!r}, completed_at {row.get('completed_at')}; "
        f"expected {site.session.cancelled_status!r} and a time"
    )


@pytest.mark.mend(step="troubleshooting", how="have the controller answer 409 for a session that is over")
def test_second_cancel_is_a_json_409(ended: SessionEnd, site: Site) -> None:
    """A request to cancel a session that is over is answered as documented: 409, or what the profile says."""
    assert not isinstance(ended.again, str), ended.again
    expected = site.session.second_cancel_status
    said = f"second cancel: {answer_text(ended.again)}"
    assert ended.again.status_code == expected, f"{said}; expected {expected}"
    assert table_of(ended.again), f"{said}; expected JSON"
    if ended.again.is_error:
        assert table_of(ended.again).get("error"), f'{said}; expected JSON with an "error"'


@pytest.mark.behind("session.nothing_of_the_vm_is_left")
@pytest.mark.mend(step=1, how="remove what is left of VMs as the runbook says")
def test_host_is_as_before(ended: SessionEnd, world_before: World, advice: Callable[[str], None]) -> None:
    """After a session, folders, sockets, TAP devices and processes of VMs are as before, but for live VMs."""
    company = company_of(world_before, ended.world)
    for vm_id, kind in company.stays.items():
        advice(f"{vm_id} ({kind}) came with a session and stays, by the deployment (session.stays)")
    told = report(ended.changed, "things of VMs that are not as before")
    remains = [name.partition(":")[0] for names in ended.vm_end.remains.values() for name in names]
    if ended.changed and all(any(f" {name} " in f" {one.key} " for name in remains) for one in ended.changed):
        raise ConsequenceError(told, behind="session.nothing_of_the_vm_is_left")
    assert not ended.changed, told
    assert not company.left, (
        f"VMs that came with a session and are still there when it is over: {dict(company.left)}\n"
        "where they stay by design, name their vm_type in session.stays of the profile"
    )


@pytest.mark.mend(step=5, how="rebuild the golden snapshot, and find out who writes to it")
def test_golden_snapshot_is_untouched(ended: SessionEnd, world_before: World) -> None:
    """After a session, the golden snapshot's files have the size, time and inode that they had."""
    changed = changed_golden(world_before, ended.world)
    assert not changed, "\n".join(changed)


@pytest.mark.mend(step="troubleshooting", how="bring the bridge up with its address again")
def test_bridge_is_as_before(ended: SessionEnd, world_before: World) -> None:
    """After a session, the bridge is up with the addresses that it had."""
    changed = changed_bridge(world_before, ended.world)
    assert not changed, "\n".join(changed)


@pytest.mark.mend(step="troubleshooting", how="compare the rules: sudo iptables -L -n, sudo nft list ruleset")
def test_firewall_is_as_before(ended: SessionEnd, world_before: World, lived: Lived) -> None:
    """After a session, the firewall's rules about VMs are as before, but for those about single other VMs."""
    changed = changed_firewall(world_before, ended.world, lived.vm)
    assert not changed, "\n".join(changed)


@pytest.mark.mend(step=2, how="see which rows changed, and correct them")
def test_other_rows_are_as_before(ended: SessionEnd, world_before: World) -> None:
    """After a session, rows of destroyed VMs and finished sessions are as before, or old and cleaned up."""
    changed = changed_rows(world_before, ended.world)
    assert not changed, "\n".join(changed[:20])


@pytest.mark.mend(step=6, how="cancel one of two sessions, and follow the controller's journal")
def test_other_session_goes_on(
    ended: SessionEnd, second_session: Session, second_lived: Lived, site: Site
) -> None:
    """Cancelling a session leaves another user's session as it is: ready, with all that its VM has."""
    row, world = second_session.row(), ended.world.inventory
    whys = [missing(world, second_lived.vm, kind) for kind in THINGS]
    if row.get("status") not in site.session.ready_statuses:
        whys.append(f"it is {how(row)}")
    assert not any(whys), f"session {second_session.id}: " + "; ".join(filter(None, whys))
