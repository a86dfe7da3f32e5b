"""The database cannot be asked, or its answers mean nothing."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager

from lab.faults import database
from lab.faults.fault import fault
from lab.faults.patient import Patient
from lab.minipc import keys

SESSION_CLAIMS = {
    f"db.{claim}"
    for claim in (
        *("session_statuses_are_known", "live_sessions_have_a_live_vm", "unfinished_sessions_are_in_time"),
        *("failed_sessions_say_why", "no_old_failed_sessions", "session_times_are_possible"),
        *("live_sessions_do_not_share_a_vm", "incident_session_is_failed"),
    )
}
"""Checks that read rows of sessions."""

VM_CLAIMS = {
    f"db.{claim}"
    for claim in (
        *("vm_states_are_known", "live_vms_are_alive", "destroyed_vms_say_when", "no_old_destroyed_vms"),
        *("vm_times_are_possible", "live_vms_do_not_share", "incident_vm_is_destroyed"),
        "live_sessions_have_a_live_vm",
    )
}
"""Checks that read rows of VMs."""


@fault(others_broken=True, asks=("db",))
def nothing_listens(patient: Patient) -> AbstractContextManager[None]:
    """The database does not answer: nothing listens at its port."""
    url = keys.database_url(patient.paths, "acceptance_ro").replace(":5432/", ":1/")
    return database.reached_by(patient, url)


@fault(reds={"db.reachable"})
def old_server(patient: Patient) -> AbstractContextManager[None]:
    """The database answers, and is PostgreSQL 14 by its own word."""
    version = "SELECT CASE $1 WHEN 'server_version_num' THEN '140011' ELSE real_current_setting($1) END"
    return database.copied(patient, database.replaced("current_setting(text) RETURNS text", version))


_ON_THE_BRIDGE = "192.168.100.1"
_HBA = "/etc/postgresql/15/main/pg_hba.conf"
_RELOAD = "systemctl reload postgresql@15-main"
_RELAY = f"socat TCP-LISTEN:5433,bind=127.0.0.1,fork,reuseaddr TCP:127.0.0.1:5432,bind={_ON_THE_BRIDGE}"
_LET_IN = f"""echo 'hostnossl all acceptance_ro {_ON_THE_BRIDGE}/32 scram-sha-256 # fa017' >>{_HBA}
{_RELOAD}
systemd-run --quiet --collect --unit=fa017-relay {_RELAY}"""
_KEEP_OUT = f"""sed -i '/# fa017$/d' {_HBA}
{_RELOAD}
systemctl stop fa017-relay"""


@fault(reds={"db.connection_is_private"}, asks=("db",))
@contextmanager
def plain_connection(patient: Patient) -> Iterator[None]:
    """The connection leaves a machine unencrypted: the server sees it come from an address of the bridge."""
    url = keys.database_url(patient.paths, "acceptance_ro").replace(":5432/", ":5433/")
    with (
        patient.on_host(do=_LET_IN, undo=_KEEP_OUT),
        database.reached_by(patient, f"{url}?sslmode=disable"),
    ):
        yield


@fault(reds={"db.session_is_read_only"})
def writable_session(patient: Patient) -> AbstractContextManager[None]:
    """Our own session can write: what it sets about itself is dropped, as some poolers do.

    Nor does its role begin transactions read-only.
    """
    return database.copied(
        patient,
        f"ALTER ROLE acceptance_ro IN DATABASE {database.NAME} SET default_transaction_read_only = off",
        database.replaced("set_config(text, text, boolean) RETURNS text", "SELECT $2"),
    )


@fault(reds={"db.tables_and_columns_are_there"}, broken={"db.sees_every_row", *SESSION_CLAIMS})
def missing_column(patient: Patient) -> AbstractContextManager[None]:
    """The table of sessions has no error_message, a column that the service uses: it has another name.

    So no claim about sessions can be asked.
    """
    return database.copied(patient, "ALTER TABLE auth_sessions RENAME error_message TO reason")


@fault(reds={"db.tables_and_columns_are_there"})
def no_users_table(patient: Patient) -> AbstractContextManager[None]:
    """The table of users is not there: it has another name."""
    return database.copied(patient, "ALTER TABLE users RENAME TO people")


@fault(broken={"db.sees_every_row", *SESSION_CLAIMS, *VM_CLAIMS}, asks=("db",))
@contextmanager
def hidden_rows(patient: Patient) -> Iterator[None]:
    """Row-level security hides every row from our role: it may SELECT, and no policy lets it see anything."""
    role = "fa017"
    password = keys.password(patient.paths, "acceptance_ro")
    _, _, where = keys.database_url(patient.paths, "acceptance_ro").rpartition("@")
    create = (
        f"CREATE ROLE {role} LOGIN PASSWORD '{password}';"
        f"GRANT SELECT ON ALL TABLES IN SCHEMA public TO {role}"
    )
    with (
        patient.rows(insert=create, remove=f"DROP OWNED BY {role}; DROP ROLE {role}"),
        database.reached_by(patient, f"postgresql://{role}:{password}@{where}"),
    ):
        yield


@fault(reds={"db.session_age_is_known"}, broken={"db.sees_every_row", *SESSION_CLAIMS})
def ageless_sessions(patient: Patient) -> AbstractContextManager[None]:
    """Sessions have neither created_at nor started_at, so that their age is not known.

    Nor can any claim about sessions be asked.
    """
    return database.copied(
        patient, "ALTER TABLE auth_sessions DROP COLUMN created_at, DROP COLUMN started_at"
    )
