"""Judging the golden snapshot's files from facts."""

from __future__ import annotations

import hashlib
from contextlib import nullcontext
from dataclasses import replace

import pytest

from harness.errors import TransportError
from harness.findings import Finding, report
from harness.host.golden.files import DiskFile, FileFact, Manifest
from harness.host.golden.judge import (
    built_at,
    declared_content,
    format_fault,
    missing_files,
    newer_inputs,
    unlike_manifest,
    vmm_version,
    wrong_content,
    wrong_memory_size,
)
from harness.host.parts import Answer, Vmm
from harness.site.profile import Site, SnapshotSection

AGENT, UNIT = "/root/vm-browser-agent/server.js", "/etc/systemd/system/browser-vm-auth.service"
FOLDER = "/var/lib/firecracker/snapshots/"
FILES = {
    "vmstate": FileFact(f"{FOLDER}golden.snap", True, size=10, mtime=1000),
    "memory": FileFact(f"{FOLDER}golden.mem", True, size=128 << 20, mtime=1000),
    "disk": FileFact(f"{FOLDER}golden.ext4", True, size=30, mtime=1200),
}
DIGESTS = {fact.path: f"{role:0<64}" for role, fact in FILES.items()}
MANIFEST = Manifest(
    path=f"{FOLDER}manifest.json",
    format=1,
    created_at="1970-01-01T00:16:40+00:00",
    files={f.path.rpartition("/")[2]: {"sha256": DIGESTS[f.path], "size": f.size} for f in FILES.values()},
    inputs={"agent/server.js": {"sha256": hashlib.sha256(b"agent").hexdigest(), "guest_path": AGENT}},
)


def told(found: list[Finding]) -> str:
    return report(found, "found") if found else ""


def test_a_whole_snapshot_has_no_fault() -> None:
    assert missing_files(FILES) == []
    assert unlike_manifest(FILES, MANIFEST, DIGESTS) == []
    assert wrong_memory_size(FILES, 128) == []


@pytest.mark.parametrize(
    ("fact", "why"),
    [
        (FileFact("/x", False), "does not exist"),
        (FileFact("/x", True), "is empty"),
        (FileFact("/x", False, error="Permission denied"), "Permission denied"),
    ],
)
def test_a_missing_file(fact: FileFact, why: str) -> None:
    assert why in told(missing_files({**FILES, "vmstate": fact}))


def test_a_truncated_memory_file() -> None:
    short = {**FILES, "memory": replace(FILES["memory"], size=(128 << 20) - 4096)}
    assert "134213632 bytes" in told(wrong_memory_size(short, 128))
    assert "the manifest says 134217728" in told(unlike_manifest(short, MANIFEST, DIGESTS))


def test_an_altered_a_foreign_and_an_unlisted_file() -> None:
    altered = {**DIGESTS, FILES["disk"].path: "f" * 64}
    assert "sha256 ffffffffffffffff…, and the manifest says disk" in told(
        unlike_manifest(FILES, MANIFEST, altered)
    )
    more = {**FILES, "kernel": FileFact(f"{FOLDER}vmlinux", True, size=5)}
    assert "the manifest does not list it" in told(unlike_manifest(more, MANIFEST, DIGESTS))
    bad = replace(MANIFEST, faults=("not JSON",))
    assert "not JSON" in told(unlike_manifest(FILES, bad, DIGESTS))


def test_when_it_was_built() -> None:
    assert built_at(FILES, MANIFEST) == 1000
    assert built_at(FILES, None) == 1000
    assert built_at({"disk": FILES["disk"]}, None) == 1200


def test_an_input_counts_by_digest_where_there_is_one_and_else_by_time() -> None:
    path, late = "/src/server.js", FileFact("/src/server.js", True, size=5, mtime=2000)
    same = {path: MANIFEST.inputs["agent/server.js"]["sha256"]}
    assert newer_inputs({path: late}, 1000, MANIFEST, same) == []
    assert "is not the file" in told(newer_inputs({path: late}, 1000, MANIFEST, {path: "0" * 64}))
    assert "1970-01-01 00:33:20 UTC" in told(newer_inputs({path: late}, 1000, None, same))
    assert newer_inputs({path: replace(late, mtime=900)}, 1000, None, {}) == []


TWO = replace(
    MANIFEST,
    inputs={
        "agent/package.json": {"sha256": "a" * 64, "guest_path": "/root/vm-browser-agent/package.json"},
        "tool/package.json": {"sha256": "b" * 64, "guest_path": "/usr/lib/login/package.json"},
        "unit": {"sha256": "c" * 64, "guest_path": UNIT},
    },
)


def newer(seen: dict[str, str], *, mtime: float = 2000) -> list[str]:
    """Which of these inputs, by path with their digests' letter, count as newer."""
    inputs = {path: FileFact(path, True, size=5, mtime=mtime) for path in seen}
    found = newer_inputs(inputs, 1000, TWO, {path: letter * 64 for path, letter in seen.items()})
    return [one.thing for one in found]


AGENTS, TOOLS = "/src/agent/package.json", "/src/tool/package.json"


@pytest.mark.parametrize(
    "seen",
    [
        {AGENTS: "a", TOOLS: "b"},
        {TOOLS: "b", AGENTS: "a"},
        {"/src/vm-browser-agent/root/vm-browser-agent/package.json": "a", TOOLS: "b"},
        {"/src/browser-vm-auth.service": "c"},
    ],
)
def test_inputs_of_one_name_are_told_apart_by_their_folders(seen: dict[str, str]) -> None:
    assert newer(seen) == []
    assert newer(dict.fromkeys(seen, "f"), mtime=900) == list(seen)


def test_an_input_whose_name_is_not_the_only_one_counts_by_time() -> None:
    assert newer({AGENTS: "b", TOOLS: "a"}, mtime=900) == [AGENTS, TOOLS]
    assert newer({"/src/dashboard/package.json": "d"}, mtime=900) == []
    assert newer({"/src/dashboard/package.json": "a"}) == ["/src/dashboard/package.json"]
    two_units = {"/src/a/browser-vm-auth.service": "c", "/src/b/browser-vm-auth.service": "d"}
    assert newer(two_units, mtime=900) == []
    assert newer(two_units) == list(two_units)


def on_disk(path: str, content: bytes) -> DiskFile:
    return DiskFile(path, hashlib.sha256(content).hexdigest(), len(content))


def test_the_disk_holds_what_was_declared() -> None:
    declared = declared_content(Site(name="test"), MANIFEST, {})
    good = {
        AGENT: on_disk(AGENT, b"agent"),
        UNIT: on_disk(UNIT, b"anything"),
    }
    assert wrong_content("disk", declared, good) == []
    assert "another sha256" in told(wrong_content("disk", declared, {AGENT: on_disk(AGENT, b"agent ")}))
    assert "no such file" in told(
        wrong_content("disk", declared, {UNIT: DiskFile(UNIT, "", error="no such file")})
    )


def test_without_a_manifest_the_profile_declares_it() -> None:
    site = Site(name="test", snapshot=SnapshotSection(disk_files={UNIT: "/src/unit"}))
    assert declared_content(site, None, {"/src/unit": "abc"}) == {UNIT: "abc"}


def vmm(own: str, file: str, *, status: int = 0, stderr: str = "") -> Vmm:
    answers = {
        "version": Answer(0, "Firecracker v1.16.1\n\nexiting", ""),
        "snapshot_version": Answer(0, f"{own}\n\nexiting", ""),
        "describe": Answer(status, file, stderr),
    }
    return Vmm("/usr/bin/firecracker", answers)


@pytest.mark.parametrize(
    ("own", "file", "fault"),
    [
        ("v10.0.0", "v10.0.0\n", ""),
        ("v10.2.0", "v10.1.7", ""),
        ("v10.0.0", "v10.1.0", "has format v10.1.0"),
        ("v10.0.0", "v9.0.0", "has format v9.0.0"),
        ("v10.0.0", "what?", "--describe-snapshot ended with status 0"),
        ("unknown", "v9.0.0", "--snapshot-version ended with status 0"),
    ],
)
def test_firecrackers_rule_of_loading(own: str, file: str, fault: str) -> None:
    assert fault in format_fault(vmm(own, file))
    assert bool(fault) == bool(format_fault(vmm(own, file)))


@pytest.mark.parametrize(("version", "too_old"), [("1.6.0", True), ("0.25.2", True), ("1.7.0", False)])
def test_a_vmm_that_cannot_tell_its_format_is_too_old_to_ask(version: str, too_old: bool) -> None:
    """Whether the snapshot is of it is not known: nobody is to rebuild it for that."""
    old = vmm("error: unexpected argument", "v1.0.0")
    answers = {**old.answers, "version": Answer(0, f"Firecracker v{version}\n", "")}
    with pytest.raises(TransportError, match=r"since 1\.7") if too_old else nullcontext():
        assert "--snapshot-version ended" in format_fault(replace(old, answers=answers))


def test_a_snapshot_that_cannot_be_described_and_the_version() -> None:
    assert "CRC64" in format_fault(vmm("v10.0.0", "", status=1, stderr="Error: CRC64"))
    assert vmm_version(vmm("v10.0.0", "v10.0.0")) == "1.16.1"
