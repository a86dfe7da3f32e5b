"""What the checks of the database ask, at 1,000 and 1,000,000 rows a table.

In a PostgreSQL of our own, with primary keys only.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Iterator

from bench.report import Figure
from harness.database.connection import read_only_session
from harness.database.records import gather
from harness.database.scratch import ScratchPostgres, scratch_postgres
from harness.site.profile import Site

FEW, MANY = 1_000, 1_000_000
ROUNDS = 3
_URL = "BENCH_DATABASE_URL"

# As a service that has run for long: nearly all rows are of the last day and over, a few hundred are alive,
# one in a thousand breaks a claim.
_FILL = """
INSERT INTO vms (vm_id, vm_type, status, ip_address, tap_device, firecracker_pid, socket_path, created_at,
                 started_at, stopped_at, destroyed_at, last_heartbeat)
SELECT 'vm-' || n, CASE n % 4 WHEN 0 THEN 'cli' ELSE 'browser' END,
       CASE WHEN n <= 200 THEN 'running' ELSE 'destroyed' END, '192.168.100.' || n % 253 + 2,
       'fc-vm-' || n, n,
       '/var/run/firecracker/vm-' || n || '.sock', at, at + interval '1 s',
       CASE WHEN n > 200 THEN at + interval '10 min' END, CASE WHEN n > 200 THEN at + interval '10 min' END,
       at + interval '9 min'
FROM (SELECT n, now() - interval '1 h' - n % 80000 * interval '1 s'
                - (n % 1000 = 0)::int * interval '2 days' AS at
      FROM generate_series(1, %(rows)s) AS n) AS rows;
INSERT INTO auth_sessions (session_id, browser_vm_id, provider, status, created_at, started_at, completed_at,
                           timeout_at, error_message)
SELECT gen_random_uuid(), 'vm-' || n, 'codex',
       CASE WHEN n <= 200 THEN 'ready' WHEN n % 10 = 0 THEN 'failed' ELSE 'completed' END, at, at,
       CASE WHEN n > 200 THEN at + interval '5 min' END,
       CASE WHEN n <= 200 THEN now() ELSE at END + interval '30 min', CASE WHEN n % 10 = 0 THEN 'it broke' END
FROM (SELECT n, now() - interval '1 h' - n % 80000 * interval '1 s'
                - (n % 1000 = 0)::int * interval '2 days' AS at
      FROM generate_series(1, %(rows)s) AS n) AS rows
"""


def measure() -> list[Figure]:
    """Wall time of all queries at both sizes, and how it grows with the rows."""
    with scratch_postgres() as scratch:
        few, many = (_asking_time(scratch, rows) for rows in (FEW, MANY))
    how = "connect, two round trips, all claims; best of three"
    return [
        Figure(f"all queries, {FEW:,} rows a table", few, "s", how=how),
        Figure(f"all queries, {MANY:,} rows a table", many, "s", how=how),
        Figure(
            f"{MANY // FEW:,} times the rows take",
            many / few,
            "x",
            aim=MANY / FEW,
            how="no worse than linear",
        ),
    ]


def _asking_time(scratch: ScratchPostgres, rows: int) -> float:
    schema = f"rows_{rows}"
    scratch.add_schema(schema, created_at=True, references=True)
    with contextlib.closing(scratch.connect()) as connection:
        connection.execute(f"SET search_path TO {schema}")
        for statement in _FILL.replace("%(rows)s", str(rows)).split(";"):
            connection.execute(statement.encode())
        connection.commit()
        connection.autocommit = True
        connection.execute(f"VACUUM ANALYZE {schema}.vms, {schema}.auth_sessions")
    base = {"url_env": _URL, "schema_name": schema}
    site = Site.model_validate({"name": schema, "database": base})
    with _environment(_URL, scratch.url()):
        return min(_once(site) for _ in range(ROUNDS))


def _once(site: Site) -> float:
    began = time.perf_counter()
    with read_only_session(site, run_id="bench0") as database:
        records = gather(database, site)
    seconds = time.perf_counter() - began
    for claim in records.answers:
        records.breaking(claim)  # a claim that could not be asked must not make it faster
    return seconds


@contextlib.contextmanager
def _environment(name: str, value: str) -> Iterator[None]:
    os.environ[name] = value
    try:
        yield
    finally:
        del os.environ[name]
