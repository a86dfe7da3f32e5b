"""docs/site-profile.schema.json, written from the model: what an editor needs to help with a profile.

It knows types, choices, bounds and names; what a profile must be beyond that, ``site check`` tells.
"""

from __future__ import annotations

import json
from typing import Any

from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import core_schema

from harness.site.layers import EXTENDS
from harness.site.profile import Site

_NONE = "none"
_EXTENDS = {
    "type": "string",
    "description": "A profile whose values hold where this one says nothing; a relative path begins here.",
}


class _Toml(GenerateJsonSchema):
    """As TOML can say it: it has no null, and ``"none"`` is written for it."""

    def nullable_schema(self, schema: core_schema.NullableSchema) -> JsonSchemaValue:
        return {"anyOf": [self.generate_inner(schema["schema"]), {"const": _NONE}]}

    def field_title_should_be_set(self, schema: Any) -> bool:  # noqa: ARG002 - it is the name once more
        return False

    def encode_default(self, dft: Any) -> Any:
        return _NONE if dft is None else super().encode_default(dft)


def site_schema() -> str:
    """The whole file."""
    schema = Site.model_json_schema(schema_generator=_Toml)
    for section in schema["properties"].values():
        if "$ref" in section:
            del section["default"]  # the section's own fields have theirs
    schema["properties"] = {EXTENDS: _EXTENDS, **schema["properties"]}
    # What is not here may be in the profile that it extends.
    del schema["required"]
    head = {
        "$schema": GenerateJsonSchema.schema_dialect,
        "$comment": "Written by `python -m harness site schema > docs/site-profile.schema.json`.",
    }
    return json.dumps(_on_one_line({**head, **schema}), indent=2, ensure_ascii=False) + "\n"


def _on_one_line(schema: Any) -> Any:
    """Descriptions without the line breaks of their source."""
    if isinstance(schema, list):
        return [_on_one_line(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    return {
        key: " ".join(value.split())
        if key == "description" and isinstance(value, str)
        else _on_one_line(value)
        for key, value in schema.items()
    }
