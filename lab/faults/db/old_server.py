"""The database is PostgreSQL 14."""

from __future__ import annotations

from contextlib import AbstractContextManager

from lab.faults import database
from lab.faults.patient import Patient

REDS = {"db.reachable"}
LAYERS = ("db", "host/test_inventory.py")


def inject(patient: Patient) -> AbstractContextManager[None]:
    """By its own word."""
    return database.copied(
        patient,
        database.replaced(
            "current_setting(text) RETURNS text",
            "SELECT CASE $1 WHEN 'server_version_num' THEN '140011' ELSE real_current_setting($1) END",
        ),
    )
