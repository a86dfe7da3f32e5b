"""The database cannot be asked, or its answers mean nothing."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager

from lab.faults import database
from lab.faults.fault import behind, fault
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


@fault(reds={"db.connection_is_private"}, asks=("db",))
@contextmanager
def plain_connection(patient: Patient) -> Iterator[None]:
    """The connection leaves a machine unencrypted: it is to an address of the bridge, and asks for no TLS.

    Whoever listens there reaches the server by loopback, so the server sees nothing of it.
    """
    url = keys.database_url(patient.paths, "acceptance_ro").replace(
        "127.0.0.1:5432", f"{_ON_THE_BRIDGE}:5433"
    )
    relay = f"socat TCP-LISTEN:5433,bind={_ON_THE_BRIDGE},fork,reuseaddr TCP:127.0.0.1:5432"
    with _relayed(patient, relay), database.reached_by(patient, f"{url}?sslmode=disable"):
        yield


_FORGETFUL = """
import asyncio

async def carry(source, sink):
    while said := await source.read(65536):
        sink.write(said.replace(b"READ ONLY", b"         "))
    sink.close()

async def serve(*client):
    server = await asyncio.open_connection("127.0.0.1", 5432)
    await asyncio.gather(carry(client[0], server[1]), carry(server[0], client[1]))

async def main():
    await (await asyncio.start_server(serve, "127.0.0.1", 5433)).serve_forever()

asyncio.run(main())
"""


@fault(reds={"db.session_is_read_only"})
@contextmanager
def writable_session(patient: Patient) -> Iterator[None]:
    """Our own session can write: a pooler begins transactions as it likes, not read-only as it was asked to.

    Nor does our role begin them so.
    """
    forget = f"ALTER ROLE acceptance_ro IN DATABASE {database.NAME} SET default_transaction_read_only = off"
    url = keys.database_url(patient.paths, "acceptance_ro").replace("5432/postgres", f"5433/{database.NAME}")
    with (
        database.copied(patient, forget),
        _relayed(patient, f"python3 -c {shlex.quote(_FORGETFUL)}"),
        database.reached_by(patient, f"{url}?sslmode=disable"),
    ):
        yield


def _relayed(patient: Patient, program: str) -> AbstractContextManager[None]:
    """With this program running on the host."""
    start = f"systemd-run --quiet --collect --unit=fa017-relay {program}"
    return patient.on_host(do=start, undo="systemctl stop fa017-relay")


@fault(
    reds={"db.tables_and_columns_are_there"},
    behind=behind("db.tables_and_columns_are_there", {"db.sees_every_row", *SESSION_CLAIMS}),
)
def missing_column(patient: Patient) -> AbstractContextManager[None]:
    """The table of sessions has no error_message, a column that the service uses: it has another name.

    So no claim about sessions can be asked.
    """
    return database.copied(patient, "ALTER TABLE auth_sessions RENAME error_message TO reason")


@fault(reds={"db.words_that_are_written_are_admitted"}, asks=("db",))
def narrow_constraint(patient: Patient) -> AbstractContextManager[None]:
    """A constraint refuses sessions of a provider that the service writes; it was added beside the rows."""
    only = (
        "ALTER TABLE auth_sessions ADD CONSTRAINT fa017 CHECK (provider IN ('codex', 'gemini_cli')) NOT VALID"
    )
    return database.copied(patient, only)


@fault(reds={"db.tables_and_columns_are_there"})
def no_users_table(patient: Patient) -> AbstractContextManager[None]:
    """The table of users is not there: it has another name."""
    return database.copied(patient, "ALTER TABLE users RENAME TO people")


@fault(
    broken={"db.sees_every_row"},
    behind=behind("db.sees_every_row", SESSION_CLAIMS | VM_CLAIMS),
    asks=("db",),
)
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


@fault(
    reds={"db.session_age_is_known"},
    behind=behind("db.session_age_is_known", {"db.sees_every_row", *SESSION_CLAIMS}),
)
def ageless_sessions(patient: Patient) -> AbstractContextManager[None]:
    """Sessions have neither created_at nor started_at, so that their age is not known.

    Nor can any claim about sessions be asked.
    """
    return database.copied(
        patient, "ALTER TABLE auth_sessions DROP COLUMN created_at, DROP COLUMN started_at"
    )
