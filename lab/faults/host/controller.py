"""The controller's unit, journal and API."""

from __future__ import annotations

import contextlib
import shlex
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager

from harness.errors import CommandError
from lab.faults.fault import fault
from lab.faults.live_vm import login
from lab.faults.patient import Patient

_UNIT_FILE = "/etc/systemd/system/master-controller.service"


@fault(reds={"host.controller_loaded"}, behind={"host.controller_enabled": "host.controller_loaded"})
def controller_unit_gone(patient: Patient) -> AbstractContextManager[None]:
    """The controller's unit file is gone; its process runs on."""
    return patient.on_host(
        do=f"mv {_UNIT_FILE} /run/fa017.service; systemctl daemon-reload",
        undo=f"mv /run/fa017.service {_UNIT_FILE}; systemctl daemon-reload",
    )


@fault(
    reds={"host.controller_active"},
    behind={"host.controller_api_answers": "host.controller_active"},
    cause="controller.down",
)
def controller_stopped(patient: Patient) -> AbstractContextManager[None]:
    """The controller is stopped, by systemctl."""
    return patient.on_host(
        do="systemctl stop master-controller",
        undo="systemctl start master-controller",
    )


@fault(reds={"host.controller_enabled"})
def controller_disabled(patient: Patient) -> AbstractContextManager[None]:
    """The controller runs, and would not come back after a reboot."""
    return patient.on_host(
        do="systemctl disable --quiet master-controller",
        undo="systemctl enable --quiet master-controller",
    )


_KILL = """pid() { systemctl show --value -p MainPID master-controller; }
before=$(pid)
kill -KILL $before
timeout 30 sh -c "until systemctl show -p MainPID master-controller | grep -vqxE 'MainPID=(0|$before)' &&
    systemctl is-active --quiet master-controller; do sleep 0.1; done"
"""


@fault(reds={"host.controller_not_restarting"})
def controller_restarted(patient: Patient) -> AbstractContextManager[None]:
    """systemd had to restart the controller a moment ago: it was killed, and runs again."""
    return patient.on_host(do=_KILL, undo="systemctl restart master-controller")


@fault(reds={"host.controller_logs_no_errors"})
@contextmanager
def controller_logs_error(patient: Patient) -> Iterator[None]:
    """The controller has logged an error since it started.

    It could not read the users when one of them wanted to log in; now it can again.
    """
    deny = "REVOKE SELECT ON users FROM controller"
    grant = "GRANT SELECT ON users TO controller"
    try:
        with patient.rows(insert=deny, remove=grant), contextlib.suppress(CommandError):
            login(patient)  # answered 500, as it should be
        yield
    finally:
        patient.host("systemctl restart master-controller")


@fault(reds={"host.controller_api_answers"}, cause="controller.hangs")
def controller_hangs(patient: Patient) -> AbstractContextManager[None]:
    """The controller hangs: it is stopped in its tracks, which systemd does not notice."""
    return patient.on_host(
        do="systemctl kill --kill-whom=main -s STOP master-controller",
        undo="systemctl kill --kill-whom=main -s CONT master-controller; systemctl restart master-controller",
    )


_LOOP = """[Service]
ExecStart=
ExecStart=/bin/sh -c 'echo "Error: DATABASE_URL is not set"; exit 1'
Restart=always
RestartSec=2
"""
_LOOP_FILE = "/run/systemd/system/master-controller.service.d/fa017.conf"


@fault(
    reds={"host.controller_active", "host.controller_not_restarting"},
    behind={"host.controller_api_answers": "host.controller_active"},
    asks=(
        "host/test_controller.py::test_controller_active",
        "host/test_controller.py::test_controller_api_answers",
        "host/test_controller.py::test_controller_not_restarting",
    ),
    cause="controller.crash_loop",
)
def controller_crash_loop(patient: Patient) -> AbstractContextManager[None]:
    """The controller ends at each start, and says why; systemd starts it again and again."""
    again = "systemctl daemon-reload; systemctl reset-failed master-controller; systemctl restart"
    count = "$(systemctl show --value -p NRestarts master-controller)"
    loops = f"timeout 60 sh -c 'until [ {count} -ge 3 ]; do sleep 0.2; done'"
    return patient.on_host(
        do=f"mkdir -p {_LOOP_FILE.rpartition('/')[0]}; printf %s {shlex.quote(_LOOP)} >{_LOOP_FILE}; {again}"
        f" --no-block master-controller; {loops}",
        undo=f"rm -f {_LOOP_FILE}; {again} master-controller",
    )
