"""Every query held against the plain Python of ``oracle.py``, and the runbook's clean-up tried."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from harness.database.cleanup import delete_stale_sessions, delete_stale_vms, destroy_vms, fail_sessions
from harness.database.records import Records, gather_within
from harness.database.scratch import ScratchPostgres
from harness.site.profile import Site
from tests.unit.database.oracle import expected
from tests.unit.database.populations import NOW, Population, contents, load, populations

INCIDENT = ("vm-1", "00000000-0000-0000-0000-000000000001")
LIGHT = settings(
    max_examples=10,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


@dataclass(frozen=True)
class Variant:
    """One shape that deployments have."""

    connection: psycopg.Connection
    schema: str
    created_at: bool
    references: bool

    @property
    def site(self) -> Site:
        """Its profile."""
        base = {
            "schema_name": self.schema,
            "heartbeat_limit_s": 60,
            "incident_vm": INCIDENT[0],
            "incident_session": INCIDENT[1],
        }
        return Site.model_validate({"name": self.schema, "database": base})

    @contextlib.contextmanager
    def holding(self, population: Population) -> Iterator[None]:
        """With these rows in, and out again."""
        with self.connection.transaction(force_rollback=True):
            load(self.connection, self.schema, population)
            yield

    def gather(self) -> Records:
        """All claims, at NOW."""
        return gather_within(self.connection, self.site, now=NOW)

    def run(self, *statements: str) -> None:
        """The runbook's SQL, as if it were NOW."""
        for statement in statements:
            self.connection.execute(statement.replace("NOW()", f"timestamptz '{NOW.isoformat()}'").encode())


@pytest.fixture(
    scope="module",
    params=[(True, False), (False, False), (True, True), (False, True)],
    ids=["created_at", "started_at", "created_at-references", "started_at-references"],
)
def variant(request: pytest.FixtureRequest, scratch_database: ScratchPostgres) -> Iterator[Variant]:
    """A schema with the tables in one shape."""
    created_at, references = request.param
    schema = f"oracle_{created_at}_{references}"
    scratch_database.add_schema(schema, created_at=created_at, references=references)
    with contextlib.closing(scratch_database.connect()) as connection:
        yield Variant(connection, schema, created_at, references)


def found(records: Records) -> dict[str, set[str]]:
    """Claim -> keys of the rows that break it."""
    counted = {name: records.breaking(name) for name in records.answers}
    assert all(one.count == len(one.ids) for one in counted.values()), counted
    return {name: set(one.ids) for name, one in counted.items() if one.count}


@settings(LIGHT, max_examples=25)
@given(data=st.data())
def test_queries_agree_with_the_oracle(variant: Variant, data: st.DataObject) -> None:
    """Each query finds exactly the rows that the oracle finds."""
    population = data.draw(populations(created_at=variant.created_at, references=variant.references))
    with variant.holding(population):
        wanted = expected(population, NOW, created_at=variant.created_at, incident=INCIDENT)
        assert found(variant.gather()) == wanted


@LIGHT
@given(data=st.data())
def test_clean_up_deletes_the_stale_and_nothing_else(variant: Variant, data: st.DataObject) -> None:
    """Step 7 leaves no stale row; every other row stays as it was, but for references to what was deleted."""
    population = data.draw(populations(created_at=variant.created_at, references=variant.references))
    base = variant.site.database
    with variant.holding(population):
        records, rows = variant.gather(), contents(variant.connection, variant.schema)
        stale = {
            *records.breaking("no_old_destroyed_vms").ids,
            *records.breaking("no_old_failed_sessions").ids,
        }
        variant.run(delete_stale_vms(base).line, delete_stale_sessions(base, records.tables).line)
        left = {key: row for key, row in rows.items() if key not in stale}
        for row in left.values():
            if variant.references and row.get("browser_vm_id") in stale:
                row["browser_vm_id"] = None
        assert contents(variant.connection, variant.schema) == left
        after = found(variant.gather())
        assert not {"no_old_destroyed_vms", "no_old_failed_sessions"} & after.keys()


@LIGHT
@given(data=st.data())
def test_marking_mends_what_it_names_and_nothing_else(variant: Variant, data: st.DataObject) -> None:
    """Step 2 mends each row it is shown for, and changes no other row."""
    population = data.draw(populations(created_at=variant.created_at, references=variant.references))
    base = variant.site.database
    vm_claims = ("live_vms_are_alive", "destroyed_vms_say_when", "incident_vm_is_destroyed")
    session_claims = (
        *("unfinished_sessions_are_in_time", "live_sessions_have_a_live_vm"),
        *("failed_sessions_say_why", "incident_session_is_failed"),
    )
    with variant.holding(population):
        records, rows = variant.gather(), contents(variant.connection, variant.schema)
        vms = sorted({key for name in vm_claims for key in records.breaking(name).ids})
        if vms:
            variant.run(destroy_vms(base, vms).line)
        # A session on a VM that was marked just now has lost its VM: it is looked for after that.
        records = variant.gather()
        sessions = sorted({key for name in session_claims for key in records.breaking(name).ids})
        if sessions:
            variant.run(fail_sessions(base, sessions).line)
        assert not {*vm_claims, *session_claims} & found(variant.gather()).keys()
        changed = {
            key for key, row in contents(variant.connection, variant.schema).items() if row != rows[key]
        }
        assert changed <= {*vms, *sessions}


def test_clean_up_is_the_runbooks(variant: Variant) -> None:
    """The SQL shown is the runbook's, in the site's schema and by the column that the sessions have."""
    base, column = variant.site.database, "created_at" if variant.created_at else "started_at"
    schema = f'"{variant.schema}".'
    tables = variant.gather().tables
    plain = [delete_stale_vms(base), delete_stale_sessions(base, tables)]
    assert [mend.line.replace(schema, "").replace('"', "") for mend in plain] == [
        "DELETE FROM vms WHERE vm_type = 'browser' AND status = 'destroyed' "
        "AND destroyed_at < NOW() - INTERVAL '24 hours';",
        "DELETE FROM auth_sessions WHERE status IN ('failed', 'timeout') "
        "AND COLUMN < NOW() - INTERVAL '24 hours';".replace("COLUMN", column),
    ]
