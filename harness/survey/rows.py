"""The database, as its own catalogue and a few of its rows have it."""

from __future__ import annotations

from collections.abc import Sequence

from harness.database.survey import SeenDatabase, SeenTable, Values
from harness.site.profile import DatabaseSection
from harness.survey.answer import Answer, Answers, Found, Open, several, the_one

_USUAL = DatabaseSection()
_LATER = ("vm_ip", "vnc_url", "last_heartbeat")
"""Columns of sessions that a service may write beside the runbook's."""
_VM_LISTS = ("live_vm_statuses", "other_vm_statuses")
_SESSION_LISTS = ("vmless_session_statuses", "unfinished_session_statuses", "finished_session_statuses")


def database(seen: SeenDatabase) -> Answers:
    """Tables, statuses and kinds."""
    vms = the_one(_names(seen.vms), "the table with one row per VM (vm_id, tap_device, socket_path)")
    sessions = the_one(
        _names(seen.sessions), "the table with one row per session (session_id, browser_vm_id)"
    )
    answers: dict[str, Answer] = {
        "through_host": Found(seen.through_host, "how it answered"),
        "schema_name": the_one(
            (Found(one.schema, f"database, table {one.name}") for one in (*seen.vms, *seen.sessions)),
            "the schema of the tables",
        ),
        "vms_table": vms,
        "sessions_table": sessions,
        "users_table": the_one(
            (
                Found(one.users, f"database, {one.name}.user_id refers to it")
                for one in (*seen.vms, *seen.sessions)
                if one.users
            ),
            "the table with one row per user",
        ),
    }
    return {**answers, **_kinds(seen), **_statuses(seen), **_columns(seen), **_incident(seen)}


def providers(seen: SeenDatabase) -> Sequence[str]:
    """Those that sessions were for."""
    told = seen.values.get("sessions.provider", Values())
    return list(dict.fromkeys((*told.seen, *told.admitted)))


def _names(tables: Sequence[SeenTable]) -> list[Found]:
    return [Found(one.name, f"database, its columns in schema {one.schema}") for one in tables]


def _kinds(seen: SeenDatabase) -> Answers:
    told = seen.values.get("vms.vm_type", Values())
    kinds = told.admitted or told.seen
    if _USUAL.browser_vm_type not in kinds:
        there = several(list(kinds))
        return {"browser_vm_type": Open(f"vm_type of a Browser VM{f'; there are {there}' if there else ''}")}
    where = f"database, vms.vm_type: {_where(told)}"
    if not told.admitted:  # a kind of the runbook's may have no row yet
        kinds = tuple(dict.fromkeys((*kinds, *_USUAL.other_vm_types)))
    return {
        "browser_vm_type": Found(_USUAL.browser_vm_type, where),
        "other_vm_types": Found([one for one in kinds if one != _USUAL.browser_vm_type], where),
    }


def _where(told: Values) -> str:
    return "a CHECK or enum lists all" if told.admitted else f"its first rows have {several(list(told.seen))}"


def _statuses(seen: SeenDatabase) -> Answers:
    """The runbook's lists, where every status is one of the runbook's: what another means, no row says."""
    known_vms = {*_USUAL.live_vm_statuses, *_USUAL.other_vm_statuses, _USUAL.destroyed_vm_status}
    known_sessions = {one for name in _SESSION_LISTS for one in getattr(_USUAL, name)}
    return {
        **_lists(seen.values.get("vms.status", Values()), "vms.status", _VM_LISTS, known_vms),
        **_lists(
            seen.values.get("sessions.status", Values()), "sessions.status", _SESSION_LISTS, known_sessions
        ),
    }


def _lists(told: Values, column: str, names: Sequence[str], known: set[str]) -> Answers:
    values = {*told.seen, *told.admitted}
    if not values:
        return {
            one: Open(f"which of {column} belong here; the table has no row, and no CHECK says")
            for one in names
        }
    if strange := sorted(values - known):
        look = f"where {several(strange)} of {column} belongs: the runbook has no such status"
        return {one: Open(look) for one in names}
    found: dict[str, Answer] = {}
    for name in names:
        usual = getattr(_USUAL, name)
        kept = [one for one in usual if one in told.admitted] if told.admitted else list(usual)
        found[name] = Found(kept, f"database, {column}: {_where(told)}")
    return found


def _columns(seen: SeenDatabase) -> Answers:
    if len(seen.sessions) != 1:
        return {}
    there = [one for one in _LATER if one in seen.sessions[0].columns]
    return {"written_session_columns": Found(there, f"database, columns of {seen.sessions[0].name}")}


def _incident(seen: SeenDatabase) -> Answers:
    """Rows of the runbook's incident; a database that has none of them is not where it was."""
    found: dict[str, Answer] = {}
    for name, there, tables in (
        ("incident_vm", seen.incident_vm, seen.vms),
        ("incident_session", seen.incident_session, seen.sessions),
    ):
        if len(tables) == 1:
            value = getattr(_USUAL, name) if there else "none"
            found[name] = Found(value, f"database, {tables[0].name}: {'its row' if there else 'no such row'}")
    return found
