"""The unit is not what its file says: a drop-in, an edit that was never read, and an agent that died once."""

from __future__ import annotations

from contextlib import AbstractContextManager

from lab.faults.edit import UNIT, UNIT_FILE, edited
from lab.faults.patient import Patient
from lab.faults.variant import golden_variant

REDS = {
    "guest.unit_is_active",
    "guest.no_drop_in_changes_the_unit",
    "guest.no_reload_is_pending",
    "guest.unit_file_is_sound",
}
LAYERS = ("guest/test_unit.py",)
_SCRIPT = f"""
mkdir {UNIT_FILE}.d
printf '[Service]\\nLimitNOFILE=65536\\n' >{UNIT_FILE}.d/10-fault.conf
systemctl daemon-reload
systemctl kill --kill-whom=main --signal=KILL {UNIT}
""" + edited(UNIT_FILE, ("Type=simple", "Type=simple\nRestartSecs=5"))


def inject(patient: Patient) -> AbstractContextManager[None]:
    """The drop-in sets what the file sets, so that no directive differs."""
    return golden_variant(patient, _SCRIPT)
