"""docs/site-profile.md, written from the model: every field with its type, default and meaning."""

from __future__ import annotations

import datetime
import re
import types
import typing
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pydantic.fields import FieldInfo

from harness.site.implied import CONSEQUENCES
from harness.site.kinds import Hidden, marked
from harness.site.profile import Section, Site

_INTRO = """# The site profile

Everything a check knows about a deployment is in one TOML file. What a profile leaves out has the value given
here, which is the runbook's. Durations are in seconds, sizes in MiB. Secrets are never in the file: it names
the environment variable, or the file, that holds them.

    pytest -m acceptance --site=sites/minipc.toml     # or: export ACCEPTANCE_SITE=sites/minipc.toml
    python -m harness site init --host=me@host …      # a profile written from a look at a host
    python -m harness site check sites/minipc.toml    # is it valid, and does everything in it answer?
    python -m harness site show sites/minipc.toml     # every value in force, the defaults too, as a profile

Write `--site=FILE` with the equals sign: pytest takes a path that stands by itself for one with tests, and
where that is outside of this project it looks for its settings there.

A field that may be none is set to none by writing `"none"`: TOML has no word for it. `~` in a path on your
own machine is your home; a relative path is taken from where the command is started.

`extends = "base.toml"` at the top lays a profile over another: what it says holds, and what it leaves out is
as there, field by field; a list is replaced whole. A relative path begins at the file that says it. So what
many sites share is written once, and `site show` prints what is in force.

An editor that knows JSON Schema for TOML (Even Better TOML, Taplo) helps with names, choices and meanings
where a profile begins with the path to [site-profile.schema.json](site-profile.schema.json):

    #:schema ../docs/site-profile.schema.json

A profile that is wrong in any way is refused before anything is tried, with exit status 4 and one message
that names each field at fault, what was found and what was expected. No text may hold a line break or an
invisible character; what may be a secret in the wrong place is not shown. A profile has at most 1 MiB.

Patterns are regular expressions as [RE2](https://github.com/google/re2/wiki/Syntax) has them, and match
anywhere in a line: no text of a site can keep one busy. There is no looking ahead or behind, and no reference
back. A pattern that matches any text is refused.

This page is written by `python -m harness site docs > docs/site-profile.md`; a test holds it to the model.
"""


def site_docs() -> str:
    """The whole page."""
    return "\n".join([_INTRO, *_sections(), *_consequences()])


def site_values(site: Site) -> str:
    """Every value in force, one a line, as a profile has it; none that may be a secret."""
    return "\n".join(f"{name} = {value}" for name, value in _values(site, ""))


def _values(section: Section, prefix: str) -> Iterator[tuple[str, str]]:
    for name, field in type(section).model_fields.items():
        value = getattr(section, name)
        if isinstance(value, Section):
            yield from _values(value, f"{prefix}{name}.")
        elif marked(field, Hidden) and value != field.get_default():
            yield f"# {prefix}{name}", "(given, and not shown)"
        else:
            yield f"{prefix}{name}", '"none"' if value is None else toml_value(value)


def _sections() -> Iterator[str]:
    top = {name: field for name, field in Site.model_fields.items() if _section_of(field) is None}
    yield "## Top level\n"
    yield from _table(top)
    for name, field in Site.model_fields.items():
        model = _section_of(field)
        if model is not None:
            yield f"## [{name}]\n"
            yield f"{(model.__doc__ or '').strip()}\n"
            yield from _table(model.model_fields)
        elif row := _row_model(field):
            yield f"## [[{name}]]\n"
            yield f"{(row.__doc__ or '').strip()}\n"
            yield from _table(row.model_fields)


def _consequences() -> Iterator[str]:
    yield "## What follows from a field that is none\n"
    yield "These checks then cannot apply, as if they were listed under `[not_applicable]`.\n"
    yield "| field | why | checks |"
    yield "|---|---|---|"
    for one in CONSEQUENCES:
        fields = " and ".join(f"`{field}`" for field in one.fields)
        yield _row(fields, one.why, ", ".join(f"`{check}`" for check in one.checks))
    yield ""


def _table(fields: dict[str, FieldInfo]) -> Iterator[str]:
    yield "| field | type | default | meaning |"
    yield "|---|---|---|---|"
    for name, field in fields.items():
        default = "**required**" if _is_needed(field) else f"`{toml_value(field.get_default())}`"
        meaning = " ".join((field.description or "").split())
        yield _row(f"`{name}`", _type(field.annotation), default, meaning)
    yield ""


def _is_needed(field: FieldInfo) -> bool:
    return field.is_required() or field.get_default() == ""


def _row(*cells: str) -> str:
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"


def _section_of(field: FieldInfo) -> type[Section] | None:
    kind = field.annotation
    return kind if isinstance(kind, type) and issubclass(kind, Section) else None


def _row_model(field: FieldInfo) -> type[Section] | None:
    """The model of each table of a list of them."""
    (kind, *_) = typing.get_args(field.annotation) or (None,)
    return kind if isinstance(kind, type) and issubclass(kind, Section) else None


def _type(kind: Any) -> str:
    """A type in words that fit TOML."""
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if origin is typing.Annotated:
        return _type(arguments[0])
    if origin in (typing.Union, types.UnionType):
        known = [_type(one) for one in arguments if one is not type(None)]
        return f"{' or '.join(known)}, or none"
    if origin is typing.Literal:
        return " or ".join(f"`{one}`" for one in arguments)
    if origin is tuple:
        return f"list of {_type(arguments[0])}"
    if origin is dict:
        return f"table of {_type(arguments[1])}"
    if isinstance(kind, type) and issubclass(kind, Section):
        return "tables"
    return _TYPE_NAMES.get(kind) or str(kind.__name__)


_TYPE_NAMES: dict[Any, str] = {
    str: "string",
    int: "integer",
    float: "number",
    bool: "true or false",
    Path: "path",
    datetime.date: "date",
}


def toml_value(value: object) -> str:
    """A value as TOML has it; none is told for what has no word there."""
    if value is None:
        return "none"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int | float):
        short = f"{value:g}"
        return short if float(short) == value else repr(value)
    if isinstance(value, tuple | list):
        return f"[{', '.join(map(toml_value, value))}]"
    if isinstance(value, datetime.date):
        return value.isoformat()
    if isinstance(value, Section):
        return toml_value(dict(value))
    if isinstance(value, dict):
        return f"{{{', '.join(f'{toml_key(key)} = {toml_value(item)}' for key, item in value.items())}}}"
    text = str(value)
    if not any(character in text for character in '\\"'):
        return f'"{text}"'
    if "'" not in text:
        return f"'{text}'"
    escaped = text.replace("\\", r"\\").replace('"', r"\"")
    return f'"{escaped}"'


def toml_key(name: str) -> str:
    """A key as TOML has it."""
    return name if re.fullmatch(r"[A-Za-z0-9_-]+", name) else toml_value(name)
