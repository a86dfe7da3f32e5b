"""Every line of the agent's unit says something else than the runbook's, and the unit is not enabled."""

from __future__ import annotations

from contextlib import AbstractContextManager

from lab.faults.edit import UNIT, unit_edited
from lab.faults.patient import Patient
from lab.faults.variant import golden_variant

REDS = {"guest.directive", "guest.unit_is_enabled"}
LAYERS = ("guest/test_unit.py",)
_SCRIPT = f"""
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
    ("MemoryLimit=512M", "MemoryLimit=256M"),
)


def inject(patient: Patient) -> AbstractContextManager[None]:
    """A unit in which nothing is as the runbook has it."""
    return golden_variant(patient, _SCRIPT)
