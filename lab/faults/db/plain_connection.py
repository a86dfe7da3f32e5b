"""Our session crosses a network unencrypted."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from lab.faults import database
from lab.faults.patient import Patient
from lab.minipc import keys

REDS = {"db.connection_is_private"}
ADDRESS = "192.168.100.1"
_HBA = "/etc/postgresql/15/main/pg_hba.conf"
_RELOAD = "systemctl reload postgresql@15-main"
_RELAY = f"socat TCP-LISTEN:5433,bind=127.0.0.1,fork,reuseaddr TCP:127.0.0.1:5432,bind={ADDRESS}"
_DO = f"""echo 'hostnossl all acceptance_ro {ADDRESS}/32 scram-sha-256 # fa017' >>{_HBA}
{_RELOAD}
systemd-run --quiet --collect --unit=fa017-relay {_RELAY}"""
_UNDO = f"""sed -i '/# fa017$/d' {_HBA}
{_RELOAD}
systemctl stop fa017-relay"""


@contextmanager
def inject(patient: Patient) -> Iterator[None]:
    """The server sees it come from an address of the bridge, without TLS."""
    url = keys.database_url(patient.paths, "acceptance_ro").replace(":5432/", ":5433/")
    with (
        patient.on_host(do=_DO, undo=_UNDO),
        database.reached_by(patient, f"{url}?sslmode=disable"),
    ):
        yield
