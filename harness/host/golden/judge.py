"""Judging the golden snapshot from facts about its files. Pure: facts in, findings out."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import PurePosixPath
from typing import Any

from harness.clocks import utc_text
from harness.errors import TransportError
from harness.findings import Finding
from harness.host.golden.files import DiskFile, FileFact, Manifest
from harness.host.parts import Vmm
from harness.mend import Words
from harness.site.profile import Site
from harness.text import ending
from harness.values import moment

REBUILD = (Words("rebuild the golden snapshot: ./scripts/build-golden-snapshot-complete.sh browser"),)
MIB = 1 << 20
_UNOPENED = {
    "debugfs (package": "install e2fsprogs on the host",
    "debugfs (for ext2": "is snapshot.disk a whole file system of that kind? What lies in another one is told"
    " by the booted guest alone: list this check in not_applicable, with that reason",
}
"""What debugfs may say before it has looked for a file, and what to do."""
_SNAPSHOT_VERSION = (1, 7)
"""The first Firecracker that tells its snapshots' format."""


def missing_files(files: Mapping[str, FileFact]) -> list[Finding]:
    """Files that are not there, cannot be looked at, or are empty."""
    found = []
    for role, fact in files.items():
        why = fact.error or ("" if fact.exists else "does not exist")
        if not why and fact.size == 0:
            why = "is empty"
        if why:
            found.append(Finding(f"file {fact.path}", f"{role} {fact.path}", why, REBUILD))
    return found


def unlike_manifest(
    files: Mapping[str, FileFact], manifest: Manifest, digests: Mapping[str, str]
) -> list[Finding]:
    """Files whose size or digest is not the manifest's, and files of the snapshot that it does not list."""
    found = [_file(manifest.path, fault) for fault in manifest.faults]
    if found:
        return found
    for role, fact in files.items():
        declared = manifest.files.get(PurePosixPath(fact.path).name)
        if role == "manifest":
            continue
        if declared is None:
            found.append(_file(fact.path, "the manifest does not list it"))
        elif fact.size != declared["size"]:
            found.append(_file(fact.path, f"{fact.size} bytes, and the manifest says {declared['size']}"))
        elif digests.get(fact.path) != declared["sha256"]:
            told = f"sha256 {digests.get(fact.path, 'unknown')[:16]}…, and the manifest says"
            found.append(_file(fact.path, f"{told} {declared['sha256'][:16]}…"))
    return found


def wrong_memory_size(files: Mapping[str, FileFact], memory_mib: int) -> list[Finding]:
    """A memory file that does not hold exactly the configured memory."""
    fact = files.get("memory")
    if fact is None or fact.size == memory_mib * MIB:
        return []
    return [_file(fact.path, f"{fact.size} bytes, and {memory_mib} MiB of memory are {memory_mib * MIB}")]


def built_at(files: Mapping[str, FileFact], manifest: Manifest | None) -> float:
    """When the snapshot was made: what the manifest says, else the age of its oldest own file."""
    if manifest is not None and not manifest.faults:
        return moment(manifest.created_at, whose=manifest.path)
    own = ("vmstate", "memory") if "vmstate" in files else ("disk",)
    return min(files[role].mtime for role in own if role in files)


def newer_inputs(
    inputs: Mapping[str, FileFact], made: float, manifest: Manifest | None, digests: Mapping[str, str]
) -> list[Finding]:
    """Inputs that the snapshot was not built from: by digest where the manifest has one, else by time."""
    declared = {} if manifest is None or manifest.faults else manifest.inputs
    found = []
    for path, fact in inputs.items():
        digest = _declared_digest(path, inputs, declared)
        if digest is not None and digests.get(path) != digest:
            found.append(_file(path, "is not the file that the snapshot was built from (sha256)"))
        elif digest is None and fact.mtime > made:
            found.append(_file(path, f"changed {utc_text(fact.mtime)}, the snapshot is of {utc_text(made)}"))
    return found


def _declared_digest(
    path: str, inputs: Iterable[str], declared: Mapping[str, Mapping[str, Any]]
) -> str | None:
    """The manifest's digest of an input: of the entry in whose name or guest_path, folders and all, the path
    of the input ends; else of the entry with its file name, where one entry and one input alone have that."""
    names = [
        (_parts(name), key) for key, one in declared.items() for name in (key, one.get("guest_path", ""))
    ]
    own = _parts(path)
    whole = [(len(name), key) for name, key in names if len(name) > 1 and own[-len(name) :] == name]
    if whole:
        return str(declared[max(whole)[1]]["sha256"])
    alike = {key for name, key in names if name[-1:] == own[-1:]}
    alone = sum(_parts(one)[-1:] == own[-1:] for one in inputs) == 1
    return str(declared[alike.pop()]["sha256"]) if alone and len(alike) == 1 else None


def _parts(path: str) -> tuple[str, ...]:
    return PurePosixPath(path.lstrip("/")).parts


def declared_content(site: Site, manifest: Manifest | None, digests: Mapping[str, str]) -> dict[str, str]:
    """What the disk should hold: path in the guest -> sha256, from the manifest and the profile."""
    declared = {}
    if manifest is not None and not manifest.faults:
        declared = {
            str(one["guest_path"]): str(one["sha256"])
            for one in manifest.inputs.values()
            if one.get("guest_path")
        }
    given = site.snapshot.disk_files
    return {**declared, **{path: digests[host] for path, host in given.items() if host in digests}}


def wrong_content(disk: str, declared: Mapping[str, str], seen: Mapping[str, DiskFile]) -> list[Finding]:
    """Files in the disk that are not there, or are not what was declared."""
    found = []
    for path, file in seen.items():
        if not file.sha256 and file.error.startswith(tuple(_UNOPENED)):
            hint = next(hint for error, hint in _UNOPENED.items() if file.error.startswith(error))
            raise TransportError(f"cannot look into {disk}: {file.error}", hint=hint)
        if not file.sha256:
            found.append(Finding(f"disk {path}", f"{disk}:{path}", file.error or "not there", REBUILD))
        elif path in declared and file.sha256 != declared[path]:
            why = f"another file than was built in: {file.size} bytes, another sha256"
            found.append(Finding(f"disk {path}", f"{disk}:{path}", why, REBUILD))
    return found


def vmm_version(vmm: Vmm) -> str:
    """The VMM's version without the v; empty where it does not say."""
    said = vmm.said("version")
    told = re.search(r"\bv([0-9]{1,9}\.[0-9]{1,9}\.[0-9]{1,9}\S*)", said.first_line)
    return told[1] if told and said.status == 0 else ""


def format_fault(vmm: Vmm) -> str:
    """Why the VMM would not load the snapshot, by its own words; empty where it would.

    Firecracker's rule: the same major number, and no newer minor number than its own.

    :raises TransportError: it is too old to say.
    """
    version = vmm_version(vmm)
    if version and _leading(version) < _SNAPSHOT_VERSION:
        raise TransportError(
            f"{vmm.path} is version {version}, and Firecracker tells its snapshots' format since 1.7",
            hint="install 1.7 or newer, or list this check in not_applicable, with that reason",
        )
    own, file = (vmm.said(name) for name in ("snapshot_version", "describe"))
    for what, answer in (("--snapshot-version", own), ("--describe-snapshot", file)):
        if answer.status != 0 or not _numbers(answer.first_line):
            said = ending((answer.stderr or answer.stdout).strip(), 300) or "nothing"
            return f"{vmm.path} {what} ended with status {answer.status} and said: {said}"
    able, wanted = _numbers(own.first_line), _numbers(file.first_line)
    if wanted[0] != able[0] or wanted[1] > able[1]:
        return f"the file has format {file.first_line}, and {vmm.path} loads {own.first_line}"
    return ""


def _leading(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split(".")[:2])


def _numbers(text: str) -> tuple[int, ...]:
    told = re.fullmatch(r"v?([0-9]{1,9})\.([0-9]{1,9})\.([0-9]{1,9})", text)
    return tuple(int(part) for part in told.groups()) if told else ()


def _file(path: str, why: str) -> Finding:
    return Finding(f"file {path}", path, why, REBUILD)
