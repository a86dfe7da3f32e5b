"""docs/site-profile.schema.json: what an editor is told of a profile is what the profile's reader holds."""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path
from typing import Any

import pytest

from harness.site.profile import Section, Site
from harness.site.schema import site_schema
from tests.unit.peers.small_suite import ROOT

SCHEMA = json.loads(site_schema())
PAGE = ROOT / "docs" / "site-profile.schema.json"


def test_the_file_is_the_models() -> None:
    assert PAGE.read_text("utf-8") == site_schema(), (
        "python -m harness site schema > docs/site-profile.schema.json"
    )


@pytest.mark.parametrize("profile", sorted((ROOT / "sites").glob("*.toml")), ids=lambda path: path.name)
def test_each_profile_names_it(profile: Path) -> None:
    """In the way that editors look for, and so that it is found."""
    first = profile.read_text("utf-8").splitlines()[0]
    assert first.startswith("#:schema ")
    assert (profile.parent / first.removeprefix("#:schema ")).resolve() == PAGE
    assert set(tomllib.loads(profile.read_text("utf-8"))) <= set(SCHEMA["properties"])


def _fields(section: type[Section], schema: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    assert schema["additionalProperties"] is False
    assert set(schema["properties"]) - {"extends"} == set(section.model_fields)
    return list(schema["properties"].items())


def test_every_field_is_there_with_its_meaning() -> None:
    for name, field in _fields(Site, SCHEMA):
        told = SCHEMA["$defs"][field["$ref"].rpartition("/")[2]] if "$ref" in field else field
        assert told.get("description"), name
        if "$ref" in field:
            kind = Site.model_fields[name].annotation
            assert isinstance(kind, type)
            assert issubclass(kind, Section)
            assert all(one.get("description") for _, one in _fields(kind, told)), name


def test_none_is_said_as_toml_can() -> None:
    manifest = SCHEMA["$defs"]["SnapshotSection"]["properties"]["manifest"]
    assert manifest["anyOf"][1] == {"const": "none"}
    assert manifest["default"] == "none"
    assert "null" not in site_schema()


def test_a_name_has_its_shape() -> None:
    unit = SCHEMA["$defs"]["AgentSection"]["properties"]["unit"]
    assert re.search(unit["pattern"], "a@b.service")
    assert not re.search(unit["pattern"], "a b")


def test_nothing_is_required_that_another_profile_may_give() -> None:
    assert "required" not in SCHEMA
