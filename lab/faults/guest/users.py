"""VMs that users get are others than the golden snapshot, which is sound."""

from __future__ import annotations

from contextlib import AbstractContextManager

from lab.faults.edit import AGENT, UNIT, UNIT_FILE, edited, unit_edited
from lab.faults.fault import fault
from lab.faults.guest.boot import HANG, RESTORED
from lab.faults.guest.clones import STOPPED_CLOCK
from lab.faults.guest.network import UNREADY
from lab.faults.guest.unit import ANOTHER_UNIT, DRIFT
from lab.faults.patient import Patient
from lab.faults.variant import users_variant

_OLD_AGENT = edited(
    f"{AGENT}/server.js",
    ("process.on('uncaughtException'", "process.on('never'"),
    ("process.on('unhandledRejection'", "process.on('never'"),
) + unit_edited(("After=network-online.target", "After=network.target"))


@fault(
    reds={
        "guest.directive[session-After]",
        "guest.launch_breaks_nothing",
        "guest.handler_is_registered_first",
        "guest.handler_exits",
        "guest.uncaught_exception_is_logged",
        "guest.unhandled_rejection_is_logged",
    },
    asks=(
        *("guest/test_unit.py", "guest/test_source.py", "guest/test_crash.py"),
        "guest/test_launch_difference.py",
    ),
)
def users_have_an_old_agent(patient: Patient) -> AbstractContextManager[None]:
    """The controller gives users VMs whose agent has no handlers, and whose unit waits for no network.

    The golden snapshot has both fixes. Node ends an agent without handlers, too, but logs it in other words.
    """
    return users_variant(patient, _OLD_AGENT)


@fault(
    reds={"guest.directive[session]", "guest.unit_is_enabled[session]"},
    asks=("guest/test_unit.py",),
)
def users_have_another_unit(patient: Patient) -> AbstractContextManager[None]:
    """Every line of the unit in users' VMs says something else than the runbook's; it is not enabled."""
    return users_variant(patient, ANOTHER_UNIT)


_AGAIN = """
sleep 3
until curl -sf -o /dev/null http://127.0.0.1:8080/health; do sleep 1; done
"""
_WORN = (
    edited(f"{AGENT}/server.js", ("PORT, '0.0.0.0'", "PORT, '::'"))
    + f"systemctl restart {UNIT}\n{_AGAIN}{DRIFT}{_AGAIN}{UNREADY}"
    + STOPPED_CLOCK
    + f"systemctl stop novnc vnc\nsystemd-run --quiet --unit=broken false\ntouch {UNIT_FILE}\n"
    + edited(f"{AGENT}/server.js", ("const PORT =", "const PORT = ="))
)


@fault(
    reds={
        f"guest.{check}[session]"
        for check in (
            *("unit_is_active", "no_drop_in_changes_the_unit", "no_reload_is_pending", "unit_file_is_sound"),
            *("wait_online_is_enabled_and_succeeded", "network_online_was_reached"),
            *("agent_started_after_the_network", "no_other_port_listens", "port_is_the_agents"),
            *("no_unit_failed", "clock_is_right", "window_is_listened_for", "server_source_parses"),
        )
    },
    asks=(
        *("guest/test_unit.py", "guest/test_network.py", "guest/test_restored.py"),
        *("guest/test_clock.py", "guest/test_health.py::test_port_is_the_agents"),
        "guest/test_window.py::test_window_is_listened_for",
        "guest/test_source.py::test_server_source_parses",
    ),
)
def users_have_a_worn_vm(patient: Patient) -> AbstractContextManager[None]:
    """Users' VMs are not what the golden snapshot is: the unit drifted, a stranger listens, nothing waited.

    A unit has failed, the agent listens at ``::``, too, nobody sets the clock, the desktop is down, and the
    agent would not start again.
    """
    return users_variant(patient, _WORN)


@fault(reds={"guest.no_watchdog_fired[session]"}, asks=RESTORED)
def users_have_a_vm_with_a_watchdog(patient: Patient) -> AbstractContextManager[None]:
    """In users' VMs a service with a watchdog was silent for longer than that is patient."""
    return users_variant(patient, HANG)
