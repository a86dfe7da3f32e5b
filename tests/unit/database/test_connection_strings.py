"""A connection string has one meaning, or is refused with what to do; what it keeps secret is never shown."""

from __future__ import annotations

import contextlib
import itertools
import traceback

import pytest

from harness.database import connection
from harness.database.connection import read_only_session
from harness.database.connection_string import connection_string_of
from harness.errors import DatabaseError, HarnessError, SiteError
from harness.site.profile import Site

URL = "ACCEPTANCE_TEST_URL"
SITE = Site.model_validate({"name": "strings", "database": {"url_env": URL, "connect_timeout_s": 1}})

WORDS = ("quokka", "wombat", "dingo")
"""What passwords are made of here, so that any part of one is recognised."""
RESERVED = ("@", "/", "?", "#", "@@", "/?", "#@", "@/", "?x=", ":", "%")
SHAPES = ("{0}{r}{1}", "{r}{0}{1}", "{0}{1}{r}", "{0}{r}{1}{r}{2}")
FORMS = (
    "postgresql://me:{}@127.0.0.1:1/db",
    "postgres://me:{}@127.0.0.1:1/db",
    "postgresql://me:{}@127.0.0.1/db?port=1",
    "postgresql://me:{}@[::1]:1/db?sslmode=disable",
    "postgresql://:{}@127.0.0.1:1",
    "postgresql://me:{}@127.0.0.1:1/db?application_name=x",
    "me:{}@127.0.0.1:1/db",
    "mysql://me:{}@127.0.0.1:1/db",
    "host=127.0.0.1 port=1 user=me password={} dbname=db",
    "host=127.0.0.1 port=1 user=me dbname=db password='{}",
    "host=postgresql://me:{}@127.0.0.1:1/db user=me",
    "dbname=postgresql://me:{}@127.0.0.1:1/db",
)
PASSWORDS = [shape.format(*WORDS, r=reserved) for shape, reserved in itertools.product(SHAPES, RESERVED)]
SPELLINGS = [form.format(password) for form, password in itertools.product(FORMS, PASSWORDS)]


def _said(error: BaseException) -> str:
    hint = error.hint if isinstance(error, HarnessError) else ""
    return f"{''.join(traceback.format_exception(error))}{hint}{error!r}"


def test_there_are_as_many_spellings_as_were_tried() -> None:
    assert len(set(SPELLINGS)) == 528


@pytest.mark.parametrize("form", FORMS)
def test_no_part_of_a_password_is_ever_shown(form: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whether the string is refused, or leads to a port where nobody listens."""
    for password in PASSWORDS:
        monkeypatch.setenv(URL, form.format(password))
        with pytest.raises((SiteError, DatabaseError)) as caught, read_only_session(SITE, run_id="abcdef"):
            pass
        said = _said(caught.value)
        assert not [word for word in WORDS if word in said], (password, said)


@pytest.mark.parametrize("reserved", ["@", "/", "?", "#"])
@pytest.mark.parametrize("shape", SHAPES)
def test_a_raw_reserved_character_is_refused_with_what_to_do(
    shape: str, reserved: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    password = shape.format(*WORDS, r=reserved)
    monkeypatch.setenv(URL, f"postgresql://me:{password}@127.0.0.1:1/db")
    with pytest.raises(SiteError) as caught:
        connection_string_of(SITE.database)
    assert f"{reserved} as %{ord(reserved):X}" in caught.value.hint


@pytest.mark.parametrize("password", ["%40quokka", "quo%2Fkka", "%3F%23", "quo:kka", "quo%20kka", "q%25"])
def test_a_password_that_is_written_as_it_should_be_is_taken(
    password: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(URL, f"postgresql://me%40tenant:{password}@db.example:5433/base?sslmode=require")
    taken = connection_string_of(SITE.database)
    assert (taken.host, taken.port, taken.parameters["user"]) == ("db.example", "5433", "me@tenant")
    assert str(taken) == f"database me@tenant@db.example:5433/base (from {URL})"


@pytest.mark.parametrize(
    "text",
    [
        "postgresql://me@one,two/db",
        "hostaddr=127.0.0.1,127.0.0.2 user=me",
        "postgresql://me@host:port/db",
        "postgresql://me@host:99999999/db",
        "postgresql://me@ho\nst/db",
        "postgresql://me@host/d\x1b[2Jb",
        "postgresql://me@%zz/db",
    ],
)
def test_what_names_no_one_server_is_refused(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(URL, text)
    with pytest.raises(SiteError):
        connection_string_of(SITE.database)


@pytest.mark.parametrize(
    ("text", "local"),
    [
        ("host=/run/postgresql", True),
        ("host=@abstract", True),
        ("host=localhost", True),
        ("host=127.0.0.1", True),
        ("host=127.8.9.10", True),
        ("host=::1", True),
        ("postgresql://me@[::1]:5432/db", True),
        ("host=::ffff:127.0.0.1", True),
        ("host=db.example hostaddr=127.0.0.1", True),
        ("host=localhost hostaddr=10.0.0.5", False),
        ("host=::ffff:10.0.0.5", False),
        ("host=10.0.0.5", False),
        ("host=127.example", False),
        ("host=localhost.example", False),
        ("dbname=db", False),
        ("service=somewhere", False),
    ],
)
def test_what_stays_on_the_machine_by_its_own_word(
    text: str, local: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that names no host may lead anywhere: libpq has an environment."""
    monkeypatch.setenv(URL, text)
    assert connection_string_of(SITE.database).local is local


@pytest.mark.parametrize(
    ("text", "variable", "asked"),
    [
        ("host=db.example", "", True),
        ("host=db.example", "PGSSLMODE", False),
        ("host=db.example sslmode=disable", "", False),
        ("service=prod", "", False),
        ("dbname=d", "PGSERVICE", False),
        ("dbname=d", "", True),
        ("host=127.0.0.1", "", False),
    ],
)
def test_tls_is_asked_for_where_nobody_has_chosen(
    text: str, variable: str, asked: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A parameter of ours would overrule a service of libpq's, and what that says of certificates."""
    for name in ("PGSSLMODE", "PGSERVICE"):
        monkeypatch.delenv(name, raising=False)
    if variable:
        monkeypatch.setenv(variable, "verify-full")
    monkeypatch.setenv(URL, text)
    with contextlib.ExitStack() as stack:
        route = connection._route(stack, SITE, connection_string_of(SITE.database), None)
    assert route == ({"sslmode": "require"} if asked else {})


def test_bytes_go_to_the_address_and_a_certificate_is_held_to_the_name(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv(URL, "host=db.example hostaddr=10.0.0.5")
    conninfo = connection_string_of(SITE.database)
    assert (conninfo.address, conninfo.host, conninfo.local) == ("10.0.0.5", "db.example", False)
