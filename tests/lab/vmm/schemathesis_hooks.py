"""What schemathesis is told of Firecracker beyond its API description; it runs in its own environment."""

from __future__ import annotations

import copy
import json
from typing import Any

import schemathesis

LET_THROUGH = {"Metrics", "TokenBucket", "NetworkOverride", "VsockOverride"}
"""Bodies in which Firecracker takes fields that it does not know."""
FREE = {"MmdsContentsObject", "CpuConfig", "CpuTemplate", "FullVmConfiguration"}
"""What has no fields of its own, or is in answers alone."""
REFUSED = (400, 413)


def before_load_schema(_: Any, schema: dict[str, Any]) -> None:
    """Fields that may be left out may be null as well; fields that nobody described are refused.

    PATCH /machine-config takes any of the fields, though its description is that of the PUT. Metadata may be
    any JSON, not objects alone: the original takes ``[1]`` as well.
    """
    definitions = schema["definitions"]
    definitions["MmdsContentsObject"] = {"description": "Any JSON."}
    for status, answer in schema["paths"]["/mmds"]["get"]["responses"].items():
        if str(status) == "200":
            answer["schema"] = {"description": "Any JSON."}
    definitions["MachineConfigurationPatch"] = patch = copy.deepcopy(definitions["MachineConfiguration"])
    del patch["required"]
    body = schema["paths"]["/machine-config"]["patch"]["parameters"][0]
    body["schema"] = {"$ref": "#/definitions/MachineConfigurationPatch"}
    for name, definition in definitions.items():
        for field, shape in definition.get("properties", {}).items():
            if field not in definition.get("required", ()):
                definition["properties"][field] = nullable(shape)
        if name not in LET_THROUGH | FREE and "properties" in definition:
            definition["additionalProperties"] = False


def nullable(shape: dict[str, Any]) -> dict[str, Any]:
    """What is beside a reference does not count: so the reference goes into a shape of its own."""
    if "$ref" in shape:
        return {"allOf": [shape], "x-nullable": True}
    words = {"enum": [*shape["enum"], None]} if "enum" in shape else {}
    return {**shape, **words, "x-nullable": True}


def answers_as_firecracker_does(_: Any, response: Any, case: Any) -> None:
    """200 with JSON to GET, 204 with nothing to the rest, a refusal with its reason; nothing else."""
    status, body = response.status_code, response.content
    done = 200 if case.method == "GET" else 204
    assert status in (done, *REFUSED), f"{status} to {case.method}"
    if status == 204:
        assert not body, f"204 with a body: {body[:200]!r}"
    elif not body.startswith(b'{ "error": "'):  # below the API's own level, where no body is whole JSON
        assert response.headers["content-type"] == ["application/json"]
        answer = json.loads(body)
        assert status == 200 or list(answer) == ["fault_message"], f"{status} with {body[:200]!r}"


schemathesis.hook(before_load_schema)
schemathesis.check(answers_as_firecracker_does)
