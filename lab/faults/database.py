"""A copy of the database that a fault may break as it likes: nobody else sees it, the controller included."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from lab.faults.patient import Patient
from lab.minipc import keys

NAME = "fa017"
_OWNER = "runuser -u postgres -- "
_DROP = f"{_OWNER} dropdb --if-exists --force {NAME}"
_COPY = f"""{_DROP} 2>/dev/null
{_OWNER} createdb {NAME}
{_OWNER} pg_dump --file=/tmp/{NAME}.sql postgres
{_OWNER} psql -Xq -v ON_ERROR_STOP=1 -d {NAME} -f /tmp/{NAME}.sql >/dev/null
rm /tmp/{NAME}.sql"""


@contextmanager
def copied(patient: Patient, *statements: str) -> Iterator[None]:
    """Judge the lab by a copy of its database in which these statements were run."""
    try:
        patient.host(_COPY)
        patient.sql(";".join(statements), database=NAME)
        with reached_by(
            patient, keys.database_url(patient.paths, "acceptance_ro").rpartition("/")[0] + f"/{NAME}"
        ):
            yield
    finally:
        patient.host(_DROP)


@contextmanager
def reached_by(patient: Patient, url: str) -> Iterator[None]:
    """Judge the lab by the database at this address."""
    file = patient.folder / "database.url"
    keys.write_private(file, f"{url}\n")
    with patient.profile(database={"url_file": str(file)}):
        yield


def replaced(function: str, body: str) -> str:
    """SQL that replaces a function of PostgreSQL's own; ``body`` may call the real one, ``real_<name>``.

    :param function: its signature with names and types, and what it returns.
    """
    name, _, rest = function.partition("(")
    arguments = rest.partition(")")[0]
    return (
        f"ALTER FUNCTION pg_catalog.{name}({arguments}) RENAME TO real_{name};"
        f"CREATE FUNCTION pg_catalog.{function} LANGUAGE sql AS $${body}$$"
    )
