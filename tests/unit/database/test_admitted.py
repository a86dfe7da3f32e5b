"""What a catalogue refuses of what is written: a constraint, an enum, a length; and what cannot be told."""

from __future__ import annotations

import contextlib
from collections.abc import Callable

import pytest

from harness.database.admitted import Admitted, admitted, written
from harness.database.connection import read_only_session
from harness.database.scratch import ScratchPostgres
from harness.site.profile import Site

URL, SCHEMA = "ACCEPTANCE_TEST_URL", "admitted"
Ask = Callable[..., Admitted]


@pytest.fixture
def ask(scratch_database: ScratchPostgres, monkeypatch: pytest.MonkeyPatch) -> Ask:
    """Holds tables that were changed so against the runbook's words."""
    monkeypatch.setenv(URL, scratch_database.url())
    site = Site.model_validate({"name": "x", "database": {"url_env": URL, "schema_name": SCHEMA}})

    def changed(*statements: str) -> Admitted:
        with contextlib.closing(scratch_database.connect()) as connection, connection.transaction():
            connection.execute(f"DROP SCHEMA IF EXISTS {SCHEMA} CASCADE".encode())
        scratch_database.add_schema(SCHEMA, created_at=True, references=False)
        with contextlib.closing(scratch_database.connect()) as connection, connection.transaction():
            for statement in (f"SET LOCAL search_path = {SCHEMA}", *statements):
                connection.execute(statement.encode())
        with read_only_session(site, run_id="abcdef") as database:
            return admitted(database, site)

    return changed


VMS, SESSIONS = "ALTER TABLE vms", "ALTER TABLE auth_sessions"
ENUM = "CREATE TYPE words AS ENUM"
ENDED = "'completed', 'failed', 'timeout', 'cancelled'"
LATER = f"'url_captured', 'awaiting_user_auth', 'user_authenticating', {ENDED}"
ADMITTING = {
    "nothing": (),
    "the words themselves": (f"{VMS} ADD CHECK (vm_type IN ('browser', 'cli'))",),
    "an expression": (f"{SESSIONS} ADD CHECK (provider ~ '^[a-z_%]+$' AND length(provider) < 20)",),
    "NULL, which a CHECK admits": (f"{VMS} ADD CHECK (nullif(vm_type, vm_type) = 'x')",),
    "a constraint of no such column": (f"{VMS} ADD CHECK (vcpu_count < 0) NOT VALID",),
    "an enum": (
        f"{ENUM} ('started', 'vm_created', 'ready', {LATER})",
        f"{SESSIONS} ALTER status TYPE words USING status::words",
    ),
    "room enough": (f"{SESSIONS} ALTER status TYPE varchar(19)",),
    "a column that is not there": (f"{SESSIONS} DROP provider",),
}


@pytest.mark.parametrize("changes", ADMITTING.values(), ids=ADMITTING.keys())
def test_what_is_admitted_is_no_finding(ask: Ask, changes: tuple[str, ...]) -> None:
    assert ask(*changes) == Admitted([], [])


REFUSING = {
    "a status": (
        (f"{VMS} ADD CONSTRAINT c CHECK (status NOT IN ('hibernated', 'stopping'))",),
        ["c on vms.status: refuses hibernated, stopping"],
    ),
    "a provider, of rows to come": (
        (f"{SESSIONS} ADD CONSTRAINT c CHECK (provider <> 'codex') NOT VALID",),
        ["c on auth_sessions.provider: refuses codex"],
    ),
    "a word that a varchar cannot hold": (
        (f"{SESSIONS} ALTER status TYPE varchar(18)",),
        ["auth_sessions.status is character varying(18): refuses user_authenticating"],
    ),
    "a word that an enum lacks, and a constraint the rest": (
        (
            f"{ENUM} ('started', 'vm_created', {LATER})",
            f"{SESSIONS} ALTER status TYPE words USING status::words",
            f"{SESSIONS} ADD CONSTRAINT c CHECK (status <> 'started'::words)",
        ),
        [
            "auth_sessions.status is admitted.words: refuses ready",
            "c on auth_sessions.status: refuses started",
        ],
    ),
}


@pytest.mark.parametrize(("changes", "refused"), REFUSING.values(), ids=REFUSING.keys())
def test_what_is_refused_is_told_by_name(ask: Ask, changes: tuple[str, ...], refused: list[str]) -> None:
    assert ask(*changes) == Admitted(refused, [])


UNTOLD = {
    "of several columns": (
        f"{VMS} ADD CHECK (status <> 'destroyed' OR destroyed_at IS NOT NULL)",
        "other columns",
    ),
    "that fails": (f"{VMS} ADD CHECK (1 / length(replace(vm_type, 'cli', '')) > 0)", "could not be tried"),
}


@pytest.mark.parametrize(("change", "why"), UNTOLD.values(), ids=UNTOLD.keys())
def test_a_constraint_that_cannot_be_tried_is_said(ask: Ask, change: str, why: str) -> None:
    seen = ask(change)
    assert seen.refused == []
    assert [why in line for line in seen.untold] == [True]


def test_a_domain_is_not_tried(ask: Ask) -> None:
    seen = ask("CREATE DOMAIN kind AS text CHECK (VALUE = 'cli')", f"{VMS} ALTER vm_type TYPE kind")
    assert ["domain" in line for line in seen.untold] == [True]


def test_every_word_of_the_profile_is_written_somewhere() -> None:
    words = written(Site(name="x"))
    assert sum(map(len, words.values())) == 7 + 2 + 10 + 3
