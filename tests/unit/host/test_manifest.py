"""A manifest is parsed, or its faults are told."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from harness.host.golden.files import Manifest, parse_manifest

GOOD: dict[str, Any] = {
    "format": 1,
    "created_at": "2026-01-01T00:00:00Z",
    "boot_id": "x",
    "files": {"a.snap": {"sha256": "0" * 64, "size": 3}},
    "inputs": {"server.js": {"sha256": "1" * 64, "guest_path": "/root/server.js"}},
}


def parsed(document: object) -> Manifest:
    """What becomes of a document."""
    text = document if isinstance(document, str) else json.dumps(document)
    return parse_manifest("/m.json", {"content": base64.b64encode(text.encode()).decode()})


def test_a_good_manifest_has_no_faults() -> None:
    manifest = parsed(GOOD)
    assert manifest.faults == ()
    assert manifest.files["a.snap"] == {"sha256": "0" * 64, "size": 3}
    assert manifest.inputs["server.js"]["guest_path"] == "/root/server.js"
    assert manifest.raw["boot_id"] == "x"


@pytest.mark.parametrize(
    ("document", "fault"),
    [
        ("{", "not JSON"),
        ([], "document: "),
        ({**GOOD, "files": {"a": {"sha256": "short", "size": 1}}}, "files.a.sha256"),
        ({**GOOD, "files": {"a": {"sha256": "0" * 64, "size": -1}}}, "files.a.size"),
        ({key: value for key, value in GOOD.items() if key != "inputs"}, "inputs: Field required"),
        ({**GOOD, "created_at": "last Tuesday"}, "created_at: Value error, not a time"),
        ({**GOOD, "created_at": 1767225600}, "created_at: Input should be a valid string"),
    ],
)
def test_a_bad_manifest_tells_its_faults(document: object, fault: str) -> None:
    assert fault in "; ".join(parsed(document).faults)


def test_a_missing_manifest_is_a_fault() -> None:
    assert parse_manifest("/m.json", {"error": "No such file or directory"}).faults == (
        "/m.json: No such file or directory",
    )
