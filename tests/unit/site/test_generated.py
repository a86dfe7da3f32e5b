"""Profiles made from the model itself: each is a site, or one message that says what is wrong with it.

The strategy walks the model, so that a new field is tried from the day it is there; a field of a type that is
not known here fails the test.
"""

from __future__ import annotations

import functools
import tomllib
import types
import typing
from datetime import date
from ipaddress import IPv4Address, IPv4Interface
from pathlib import Path
from typing import Any

import pytest
import tomli_w
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic.fields import FieldInfo

from harness.errors import SiteError
from harness.site.docs import site_values
from harness.site.faults import MOST
from harness.site.kinds import Hidden, Untold, marked
from harness.site.load import load_site
from harness.site.profile import Section, Site
from harness.text import plain
from harness.transport.ssh import SshDestination
from tests.unit.site.hostile import PASSWORD, URL

Table = dict[str, Any]
Place = tuple[str, ...]

TEXTS = st.one_of(
    st.text(st.characters(codec="utf-8"), max_size=30),
    st.sampled_from(
        [
            *("", " ", "none", "-x", "--", "~", "~nosuchuser/x", "/", "//", "/..", "/a/../b", "a" * 5000),
            *(
                "\0",
                "a\nb",
                "/a\nb",
                "\x1b]52;c;x\x07",
                "\u202e",
                "\u2028",
                "\u200b",
                "$(reboot)",
                "`x`",
                "a'b\"c\\",
            ),
            *("(", "(" * 5000, "[", ".*", ".+", "(a+)+$", "(?=a)", "x{1001}", "\\", "(?P<a>b)", "\\pL{1000}"),
            *(
                "http://h:99999",
                "http://[::1",
                "http://h:x",
                "http://",
                "//h",
                "http://\uff0e",
                "h:1",
                "::1",
                "1.2.3",
            ),
            *(
                "2024-01-01",
                "inf",
                "nan",
                "true",
                "1e5",
                "\u0663",
                "\u00b2",
                "fc-",
                "vm-",
                "/var/lib/firecracker/vms",
            ),
        ]
    ),
)
HIDING = st.sampled_from(
    [
        URL,
        f"{URL}\n",
        f"https://x:{PASSWORD}@h/",
        f"host=h password={PASSWORD} dbname=x",
        f"token = {PASSWORD}",
    ]
)
"""A secret as no field quotes it."""
NUMBERS = st.one_of(
    st.integers(-(2**70), 2**70), st.integers(-3, 70_000), st.just(10**4000), st.floats(), st.booleans()
)
DATES = st.one_of(st.dates(), st.datetimes(), st.times().map(lambda time: time.replace(tzinfo=None)))
LEAVES = st.one_of(TEXTS, HIDING, NUMBERS, DATES)
ODD = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=5,
)
RAW = st.just(PASSWORD) | HIDING
"""A secret by itself, where a secret may have been written by mistake."""


def right(kind: Any) -> st.SearchStrategy[Any]:
    """Values of a field's type, as TOML has them; most of them wrong in some other way."""
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if origin is typing.Annotated:
        return right(arguments[0])
    if origin in (typing.Union, types.UnionType):
        return st.one_of(*map(right, arguments))
    if origin is typing.Literal:
        return st.sampled_from(arguments)
    if origin is tuple:
        return st.lists(right(arguments[0]), max_size=3)
    if origin is dict:
        return st.dictionaries(TEXTS, right(arguments[1]), max_size=3)
    if isinstance(kind, type) and issubclass(kind, Section):
        inner = {name: right(field.annotation) for name, field in kind.model_fields.items()}
        return st.fixed_dictionaries({}, optional=inner)
    return _LEAVES_OF[kind]


_LEAVES_OF: dict[Any, st.SearchStrategy[Any]] = {
    str: TEXTS,
    Path: TEXTS,
    int: st.integers(-1, 70_000),
    float: st.floats(0, 4000) | st.integers(0, 4000),
    bool: st.booleans(),
    date: DATES | TEXTS,
    IPv4Address: st.ip_addresses(v=4).map(str),
    IPv4Interface: st.tuples(st.ip_addresses(v=4), st.integers(-1, 33)).map(lambda of: f"{of[0]}/{of[1]}"),
    type(None): st.just("none"),
}


def section_of(field: FieldInfo) -> type[Section] | None:
    """The model of a field that is a table."""
    kind = field.annotation
    return kind if isinstance(kind, type) and issubclass(kind, Section) else None


def fields_of(model: type[Section]) -> dict[Place, FieldInfo]:
    """Every field that is no table, by its full name."""
    found: dict[Place, FieldInfo] = {}
    for name, field in model.model_fields.items():
        inside = section_of(field)
        inner = fields_of(inside) if inside else {(): field}
        found.update({(name, *place): one for place, one in inner.items()})
    return found


FIELDS = fields_of(Site)


def values(place: Place) -> st.SearchStrategy[tuple[Place, Any]]:
    """A field with a value: of its type, of any type, and a secret where one may be expected."""
    field = FIELDS[place]
    tried = [right(field.annotation), ODD]
    if marked(field, Untold):
        tried += [RAW, RAW.map(lambda text: [text]), st.dictionaries(RAW, RAW, max_size=2)]
    return st.tuples(st.just(place), st.one_of(*tried))


NAMES = RAW | TEXTS
TABLES = sorted(name for name, field in Site.model_fields.items() if section_of(field))
UNKNOWN = st.tuples(st.one_of(st.tuples(NAMES), st.tuples(st.sampled_from(TABLES), NAMES)), ODD | RAW)
WHOLE = st.tuples(st.sampled_from([(name,) for name in Site.model_fields if name != "name"]), RAW | ODD)
CHANGES = st.lists(st.sampled_from(sorted(FIELDS)).flatmap(values) | UNKNOWN | WHOLE, min_size=1, max_size=5)


def profile(changes: list[tuple[Place, Any]]) -> str:
    """A profile that was right before it was changed."""
    table: Table = {"name": "x", "host": {"address": "h", "user": "u"}}
    for place, value in changes:
        inner: Any = table
        for name in place[:-1]:
            inner = inner.setdefault(name, {})
            if not isinstance(inner, dict):
                break
        else:
            inner[place[-1]] = value
    return tomli_w.dumps(table)


def in_the_open(path: Path) -> bool:
    """Whether a field that anybody may see holds the secret: nobody can know that it is one there."""
    try:
        table: Any = tomllib.loads(path.read_text("utf-8"))
    except ValueError:
        return False
    for place, field in FIELDS.items():
        value = table
        for name in place:
            value = value.get(name) if isinstance(value, dict) else None
        if not marked(field, Untold) and PASSWORD in str(value):
            return True
    return False


def hold(path: Path, *, torn: bool = False) -> None:
    """A profile is a site, or one message; neither shows the secret, nor moves a cursor.

    :param torn: bytes may have gone from between a field that anybody may see and another one's secret.
    """
    try:
        said = _of_site(load_site(path))
    except SiteError as error:
        said = _of_refusal(error, path)
    assert PASSWORD not in said or (torn and in_the_open(path))
    assert plain(said) == said


def _of_site(site: Site) -> str:
    host = site.host
    config = SshDestination(
        address=host.address,
        user=host.user,
        identity_file=host.identity_file,
        known_hosts_file=host.known_hosts_file,
        host_key_alias=host.host_key_alias,
        proxy_command=host.proxy_command,
    ).config("alias", Path("/control"))
    assert all(line[2:3].isupper() for line in config.splitlines()[1:])
    assert len(config.splitlines()) <= 30
    said = site_values(site)
    again = Site.model_validate(tomllib.loads(said))
    assert visible(again) == visible(site)
    return said


def visible(site: Site) -> Table:
    """What is shown of a site, and so can be read back."""
    return {
        ".".join(place): functools.reduce(getattr, place, site)
        for place, field in FIELDS.items()
        if not marked(field, Hidden)
    }


def _of_refusal(error: SiteError, path: Path) -> str:
    said = str(error)
    assert said.startswith(f"site profile {path}:")
    assert said.count("\n  next: ") == 1
    assert len(said.splitlines()) <= MOST + 3
    assert len(said) < 10_000
    return said


def _held_for(examples: int, path: Path) -> None:
    unhurried = settings(
        max_examples=examples, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
    )

    @unhurried
    @given(CHANGES)
    def whole(changes: list[tuple[Place, Any]]) -> None:
        path.write_text(profile(changes), "utf-8")
        hold(path)

    @settings(unhurried, max_examples=examples // 4)
    @given(CHANGES, st.integers(0, 500), st.integers(0, 20), st.binary(max_size=6))
    def torn(changes: list[tuple[Place, Any]], at: int, gone: int, new: bytes) -> None:
        content = profile(changes).encode()
        path.write_bytes(content[:at] + new + content[at + gone :])
        hold(path, torn=True)

    whole()
    torn()


def test_every_profile_is_a_site_or_one_message(tmp_path: Path) -> None:
    """Some hundreds of them."""
    _held_for(200, tmp_path / "site.toml")


@pytest.mark.slow
def test_every_one_of_many_profiles_is(tmp_path: Path) -> None:
    """Ten thousand, and a quarter as many with bytes lost or added."""
    _held_for(10_000, tmp_path / "site.toml")


@pytest.mark.parametrize("place", sorted(FIELDS), ids=".".join)
def test_no_field_tells_a_login(tmp_path: Path, place: Place) -> None:
    """Whatever it is for: a connection string in its place is refused, and not shown."""
    path = tmp_path / "site.toml"
    for value in (URL, [URL], {"A": URL}, {URL: "x"}, [[URL]]):
        path.write_text(profile([(place, value)]), "utf-8")
        with pytest.raises(SiteError):
            load_site(path)
        hold(path)
