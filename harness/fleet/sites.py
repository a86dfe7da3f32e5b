"""The sites of a fleet: a folder of profiles, or a ``fleet.toml`` that says which, and on what terms."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from harness.errors import UsageError
from harness.fleet.shares import Shard
from harness.outward import told
from harness.site.reading import CannotReadError, read_text, shown
from harness.text import one_line

_FILE, _PROFILE = "fleet.toml", ".toml"
_LARGEST = 1 << 20
_SHOWN = 10  # names in a message
_HINT = "docs/fleet.md shows a fleet.toml"


@dataclass(frozen=True)
class FleetSite:
    """One of them."""

    key: str
    """What it is called in its fleet: its profile's path below the fleet's folder, without ``.toml``."""
    profile: Path
    group: str = ""


@dataclass(frozen=True)
class Fleet:
    """All of them, in the order of their groups and keys."""

    name: str
    sites: tuple[FleetSite, ...]
    limits: Mapping[str, int] = field(default_factory=dict)
    """How many of a group may be asked at once."""
    max_failing: int | None = None
    canary: str = ""

    def shard(self, which: Shard | None) -> Fleet:
        """The part of it that one of several jobs asks."""
        return replace(self, sites=which.of(self.sites)) if which else self


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class _Group(_Table):
    sites: Annotated[list[str], Field(min_length=1)]
    limit: Annotated[int, Field(ge=1)] | None = None


class _File(_Table):
    name: str = ""
    max_failing: Annotated[int, Field(ge=1)] | None = None
    canary: str = ""
    groups: Annotated[dict[str, _Group], Field(min_length=1)]


def read_fleet(path: Path) -> Fleet:
    """The fleet at a path: a ``fleet.toml``, a folder with one, or a folder of profiles.

    Profiles are not read here: what is wrong with one is that site's, and keeps nobody waiting.

    :raises UsageError: there is none, or it names no site, or one twice.
    """
    path = path.absolute()
    if not path.is_dir():
        return _by_file(path)
    if os.path.lexists(path / _FILE):
        return _by_file(path / _FILE)
    sites = [_site(one.stem, one) for one in sorted(path.glob(f"*{_PROFILE}")) if _is_one(one)]
    if not sites:
        raise UsageError(f"{shown(path)}: no profile in it", hint="--fleet= a folder of profiles (*.toml)")
    return Fleet(path.name, tuple(sites))


def _is_one(path: Path) -> bool:
    """Also where it leads nowhere, or cannot be read: that site is not forgotten, but BROKEN. What is hidden
    is an editor's."""
    return not path.name.startswith(".") and not path.is_dir()


def _site(key: str, profile: Path, group: str = "") -> FleetSite:
    """One that can be told of: its key names it in each line, file and folder."""
    if told(key) != key or one_line(key) != key:
        raise UsageError(f"{shown(profile)}: a name that cannot be told as it is", hint="name it otherwise")
    return FleetSite(key, profile, group)


def _by_file(path: Path) -> Fleet:
    said = _said(path)
    sites = tuple(
        site for group in sorted(said.groups) for site in _of_group(group, said.groups[group], path)
    )
    keys = [site.key for site in sites]
    if twice := sorted({key for key in keys if keys.count(key) > 1}) if len(set(keys)) < len(keys) else []:
        told = ", ".join(map(one_line, twice[:_SHOWN]))
        raise UsageError(f"{shown(path)}: in more than one group: {told}", hint="name each site once")
    limits = {name: group.limit for name, group in said.groups.items() if group.limit is not None}
    return Fleet(said.name or path.parent.name, sites, limits, said.max_failing, said.canary)


def _said(path: Path) -> _File:
    try:
        return _File.model_validate(tomllib.loads(read_text(path, limit=_LARGEST)))
    except CannotReadError as error:
        raise UsageError(f"{shown(path)}: {error}", hint="--fleet= a folder of profiles, or FILE") from None
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = one_line(".".join(map(str, first["loc"])) or "all of it")
        raise UsageError(f"{shown(path)}: {where}: {first['msg']}", hint=_HINT) from None
    except (ValueError, RecursionError):
        raise UsageError(f"{shown(path)}: not TOML", hint=_HINT) from None


def _of_group(name: str, group: _Group, file: Path) -> Iterator[FleetSite]:
    """Its profiles; a pattern that finds none was mistyped, or a site is gone that somebody counts on."""
    found: dict[str, FleetSite] = {}
    for pattern in group.sites:
        parts = PurePosixPath(pattern)
        if parts.is_absolute() or ".." in parts.parts or not parts.parts:
            raise UsageError(
                f"{shown(file)}: groups.{one_line(name)}.sites: {one_line(pattern)}: expected a path in the "
                "folder of this file, or below it",
                hint=_HINT,
            )
        if not (files := _found(file, pattern)):
            raise UsageError(
                f"{shown(file)}: groups.{one_line(name)}.sites: {one_line(pattern)}: no such profile",
                hint=_HINT,
            )
        for one in files:
            key = one.relative_to(file.parent).as_posix().removesuffix(_PROFILE)
            if found.setdefault(key, _site(key, one, name)).profile != one:
                raise UsageError(
                    f"{shown(one)}: another file of its group is called {key}, too",
                    hint=f"patterns that end with {_PROFILE}",
                )
    yield from (found[key] for key in sorted(found))


def _found(file: Path, pattern: str) -> list[Path]:
    try:
        return [one for one in file.parent.glob(pattern) if _is_one(one) and one != file]
    except ValueError:  # ** beside other letters
        return []
