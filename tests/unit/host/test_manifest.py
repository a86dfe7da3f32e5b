"""A manifest is parsed, or its faults are told."""

from __future__ import annotations

import base64
import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import pytest

from harness.host.golden.files import FileFact, GoldenSnapshot, Manifest, parse_manifest
from harness.host.golden.judge import built_at, newer_inputs
from harness.site.profile import Site, SnapshotSection
from tests.unit.peers.this_machine import Here

if TYPE_CHECKING:
    from harness.host.hypervisor import Hypervisor

GOOD: dict[str, Any] = {
    "format": 1,
    "created_at": "2026-01-01T00:00:00Z",
    "boot_id": "x",
    "files": {"a.snap": {"sha256": "0" * 64, "size": 3}},
    "inputs": {"server.js": {"sha256": "1" * 64, "guest_path": "/root/server.js"}},
}


NOW = 1_800_000_000.0  # 2027-01-15 08:00:00 UTC


def parsed(document: object) -> Manifest:
    """What becomes of a document."""
    text = document if isinstance(document, str | bytes) else json.dumps(document)
    raw = text.encode() if isinstance(text, str) else text
    return parse_manifest("/m.json", {"content": base64.b64encode(raw).decode(), "now": NOW}, skew_s=2)


def changed(**fields: object) -> str:
    return json.dumps({**GOOD, **fields})


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
        (
            {**GOOD, "created_at": "9998-01-01T00:00:00Z"},
            "is in the future: by the host's clock it is 2027-01",
        ),
        ({**GOOD, "created_at": "2027-01-15T08:00:03Z"}, "is in the future"),
        ({**GOOD, "created_at": "2027-01-15T22:00:03"}, "is in the future"),  # in whatever zone it is
        ({**GOOD, "created_at": "2027-01-15T08:00:00-23:59"}, "is in the future"),
        ({**GOOD, "created_at": "0000-01-01T00:00:00Z"}, "not a time"),
        ({**GOOD, "created_at": "2026-01-01T00:00:00+99:00"}, "not a time"),
        ({**GOOD, "created_at": "٢٠٢٦-01-01T00:00:00Z"}, "not a time"),
        ({**GOOD, "created_at": "\ud800"}, "not a time"),
        ({**GOOD, "created_at": ""}, "not a time"),
        ({**GOOD, "created_at": None}, "created_at"),
        (changed(created_at=1e308), "created_at"),
        (changed(format=True), "format"),
        (changed(format="1"), "format"),
        (changed(format=None), "format"),
        (changed(format=float("nan")), "not JSON: NaN is no number"),
        (changed(format=float("inf")), "not JSON: Infinity is no number"),
        (changed(format=0).replace(": 0,", ": 1e999,"), "not JSON: a number without bounds"),
        (changed(format=0).replace(": 0,", f": {'1' * 5000},"), "not JSON: a number of 5000 characters"),
        ({**GOOD, "files": {"a": {"sha256": "0" * 64, "size": 1 << 63}}}, "files.a.size"),
        ({**GOOD, "files": {"a": {"sha256": "0" * 64, "size": True}}}, "files.a.size"),
        ({**GOOD, "files": {"a": {"sha256": "0" * 64, "size": 1.5}}}, "files.a.size"),
        ({**GOOD, "files": {"a": {"sha256": "0" * 64 + "\n", "size": 1}}}, "files.a.sha256"),
        ({**GOOD, "files": []}, "files"),
        ({**GOOD, "files": None}, "files"),
        ({**GOOD, "inputs": {"a": None}}, "inputs.a"),
        ({**GOOD, "inputs": {"a": {"sha256": "0" * 64, "guest_path": 5}}}, "inputs.a.guest_path"),
        ("", "not JSON"),
        ("null", "document: "),
        ("7", "document: "),
        ('"text"', "document: "),
        ("[" * 200_000, "not JSON: nested more than 100 deep"),
        ('{"a":' * 200 + "1" + "}" * 200, "not JSON: nested more than 100 deep"),
        (
            changed().replace('"format": 1', '"format": 1, "format": 2'),
            "not JSON: the name 'format' is there twice",
        ),
        (changed().encode("utf-16"), "not JSON"),
        (changed().encode("utf-8-sig"), "not JSON"),
        (b"\xff" + changed().encode(), "not JSON"),
        (changed().encode() + b"\0", "not JSON"),
        (b" " * (5 << 20), "more than 4 MiB"),
        ({**GOOD, "files": {f"{n}": 1 for n in range(100_000)}}, "files.19"),
    ],
)
def test_a_bad_manifest_tells_its_faults(document: object, fault: str) -> None:
    faults = parsed(document).faults
    assert fault in "; ".join(faults)
    assert len("; ".join(faults)) < 10_000


def test_a_missing_manifest_is_a_fault() -> None:
    read = {"error": "No such file or directory", "now": NOW}
    assert parse_manifest("/m.json", read).faults == ("/m.json: No such file or directory",)


SOUND = {
    "a boot id that is a list": {"boot_id": ["x"]},
    "no boot id": {"boot_id": None},
    "another zone": {"created_at": "2026-01-01T00:00:00-11:00"},
    "the year 1": {"created_at": "0001-01-01T00:00:00+23:59"},
    "a time without a zone": {"created_at": "2026-01-01T00:00:00"},
    "half a character in a name": {"inputs": {"\ud800": {"sha256": "0" * 64}}},
    "more than is asked for": {"vmm_version": {"a": [1.5, None, "\x1b"]}},
}


@pytest.mark.parametrize("fields", SOUND.values(), ids=SOUND)
def test_an_odd_manifest_is_judged_all_the_same(fields: dict[str, Any]) -> None:
    manifest = parsed({**GOOD, **fields})
    assert manifest.faults == ()
    assert isinstance(manifest.boot_id, str | None)
    facts = {"disk": FileFact("/d", True, 1, 5e18)}
    found = newer_inputs({"/in": FileFact("/in", True, 1, 5e18)}, built_at(facts, manifest), manifest, {})
    assert "5e+18 s after 1970" in found[0].why


@pytest.mark.parametrize("kind", ["a pipe", "a folder", "a device without an end", "nothing", "a file"])
def test_what_is_no_file_is_no_manifest_and_is_not_waited_for(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "m.json"
    if kind == "a pipe":
        os.mkfifo(path)
    elif kind == "a folder":
        path.mkdir()
    elif kind == "a device without an end":
        path.symlink_to("/dev/zero")
    elif kind == "a file":
        path.write_text(changed())
    host = Here()
    host.site = Site(name="here", snapshot=SnapshotSection(manifest=str(path)))
    snapshot = GoldenSnapshot(cast("Hypervisor", host))
    manifest = snapshot.manifest()
    assert manifest is not None
    assert bool(manifest.faults) == (kind != "a file")
    digest = snapshot.sha256([str(path)])[str(path)]
    assert digest.startswith("error: ") == (kind != "a file")


def test_a_time_without_a_zone_may_be_ahead_by_one() -> None:
    """Whoever writes `datetime.now().isoformat()` east of Greenwich has made it a moment ago."""
    assert parsed({**GOOD, "created_at": "2027-01-15T10:00:00"}).faults == ()
