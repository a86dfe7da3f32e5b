"""All that a look at a host comes to, table by table, in the profile's order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from harness.database.survey import SeenDatabase
from harness.site.profile import SessionSection
from harness.survey import rows as of_rows
from harness.survey.agent import agent
from harness.survey.answer import Answer, Answers, Draft, Found, Open
from harness.survey.controller import controller, marks
from harness.survey.desktop import guest, keys_told
from harness.survey.golden import snapshot
from harness.survey.network import gateway, network
from harness.survey.seen import GuestDisk, HostSeen, Rows
from harness.survey.vmms import state, vmm

MARKERS: Sequence[str] = SessionSection().markers


@dataclass(frozen=True)
class Asked:
    """What was typed."""

    host: Answers
    key: str = ""
    """The private key that guests let in, as the profile will name it."""
    public: str = ""
    """Its public half, where that is known."""
    url_env: str = ""


def draft(asked: Asked, host: HostSeen, disk: GuestDisk, database: SeenDatabase | str) -> Draft:
    """What each table of the profile would say.

    :param database: what it said, or why it was not asked.
    """
    seen = database if isinstance(database, SeenDatabase) else SeenDatabase()
    rows = Rows(seen.rows)
    bridge, service = network(host, rows), controller(host)
    inside = agent(disk, of_rows.providers(seen))
    return {
        "host": asked.host,
        "vmm": vmm(host),
        "state": state(host, rows),
        "network": bridge,
        "snapshot": {**snapshot(host), "gateway": gateway(bridge)},
        "controller": service,
        "agent": inside,
        "guest": {**_key(asked, disk), **guest(disk, inside.get("port"))},
        "database": _database(asked, database),
        "session": {
            "user_id": Open("a user of the suite's own, in whose name it launches sessions: a UUID"),
            "second_user_id": Open("another such user, for two sessions at once"),
            "test_user": Open("a user of the provider who may log in unattended; his password is set apart"),
            "markers": marks(host, service["unit"], tuple(MARKERS)),
        },
    }


def _key(asked: Asked, disk: GuestDisk) -> dict[str, Answer]:
    look = "a private key whose public half is in the golden snapshot's authorized_keys"
    if not asked.key:
        return {"identity_file": Open(f"{look}: give --guest-key")}
    let_in = keys_told(disk, "root", asked.public) if asked.public else None
    if let_in is False:
        return {"identity_file": Open(f"{look}; that of {asked.key} is not in /root/.ssh/authorized_keys")}
    seen = (
        "its public half is in /root/.ssh/authorized_keys of the golden disk" if let_in else "as it was given"
    )
    return {"identity_file": Found(asked.key, seen)}


def _database(asked: Asked, database: SeenDatabase | str) -> Answers:
    if isinstance(database, SeenDatabase):
        return {
            "url_env": Found(asked.url_env, "as it was given; it holds the string"),
            **of_rows.database(database),
        }
    look = "an environment variable with the connection string of a role that may read"
    answers: dict[str, Answer] = {"url_env": Open(f"{look}; {database}")}
    if asked.url_env:
        answers["url_env"] = Found(
            asked.url_env, f"it was looked for there, and the database was not seen: {database}"
        )
    for name in ("vms_table", "sessions_table", "users_table", "live_vm_statuses"):
        answers[name] = Open("in the database, once it can be asked")
    return answers
