"""The agent's unit, and what systemd does by it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager

from lab.faults.edit import UNIT, UNIT_FILE, edited, unit_edited
from lab.faults.fault import fault
from lab.faults.patient import Patient
from lab.faults.variant import golden_variant

ANOTHER_UNIT = f"""
chmod 711 /root  # so that another user may run it
systemctl disable {UNIT}
""" + unit_edited(
    ("After=network-online.target\n", ""),
    ("Wants=network-online.target\n", ""),
    ("StartLimitIntervalSec=0", "StartLimitIntervalSec=30"),
    ("Type=simple", "Type=exec"),
    ("Restart=always", "Restart=on-failure"),
    ("RestartSec=5", "RestartSec=1"),
    ("User=root", "User=browser"),
    ("WorkingDirectory=/root/vm-browser-agent", "WorkingDirectory=/tmp"),
    ("NODE_ENV=production", "NODE_ENV=development"),
    ("/bin/sleep 2", "/bin/sleep 0"),
    ("/usr/bin/node /root", "/usr/bin/node --no-warnings /root"),
    ("StandardOutput=journal", "StandardOutput=null"),
    ("StandardError=journal", "StandardError=null"),
    ("SyslogIdentifier=browser-vm-auth", "SyslogIdentifier=agent"),
    ("LimitNOFILE=65536", "LimitNOFILE=1024"),
    ("=512M", "=256M"),
)


@fault(reds={"guest.directive[golden]", "guest.unit_is_enabled[golden]"}, asks=("guest/test_unit.py",))
def unit_directives(patient: Patient) -> AbstractContextManager[None]:
    """Every line of the agent's unit says something else than the runbook's, and the unit is not enabled."""
    return golden_variant(patient, ANOTHER_UNIT)


DRIFT = f"""
mkdir {UNIT_FILE}.d
printf '[Service]\\nLimitNOFILE=65536\\n' >{UNIT_FILE}.d/10-fault.conf
systemctl daemon-reload
systemctl kill --kill-whom=main --signal=KILL {UNIT}
""" + edited(UNIT_FILE, ("Type=simple", "Type=simple\nRestartSecs=5"))


@fault(
    reds={
        "guest.unit_is_active[golden]",
        "guest.no_drop_in_changes_the_unit[golden]",
        "guest.no_reload_is_pending[golden]",
        "guest.unit_file_is_sound[golden]",
    },
    asks=("guest/test_unit.py",),
)
def unit_drift(patient: Patient) -> AbstractContextManager[None]:
    """The unit is not what its file says: a drop-in, an edit never read, and an agent that died once.

    The drop-in sets what the file sets, so that no directive differs.
    """
    return golden_variant(patient, DRIFT)


@fault(
    reds={"guest.killed_agent_is_recovered_from", "guest.taken_port_is_never_given_up"},
    behind={
        "guest.killed_agent_is_restarted_after_its_delay": "guest.killed_agent_is_recovered_from",
        "guest.taken_port_is_recovered_from": "guest.taken_port_is_never_given_up",
    },
    alone={"guest.killed_agent_is_restarted_after_its_delay", "guest.taken_port_is_recovered_from"},
    asks=(
        "guest/test_crash.py::test_killed_agent_is_recovered_from",
        "guest/test_crash.py::test_killed_agent_is_restarted_after_its_delay",
        "guest/test_taken_port.py",
    ),
)
@contextmanager
def no_restart(patient: Patient) -> Iterator[None]:
    """systemd never restarts the agent; what never comes need not be waited for long."""
    with (
        golden_variant(patient, unit_edited(("Restart=always", "Restart=no"))),
        patient.profile(guest={"recovery_s": 15}),
    ):
        yield
