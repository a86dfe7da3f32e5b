"""The golden snapshot's manifest: what it is, and what it was made of."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from harness.run import run
from lab import debian, npm
from lab.digest import digest_of_file, digest_of_text, digest_of_tree
from lab.image import disk, golden, kernel, packages
from lab.paths import LabPaths

FORMAT = 1
VMM = Path(__file__).parents[1] / "vmm"

Inputs = dict[str, dict[str, str]]


@dataclass(frozen=True)
class Facts:
    """What only the running VM and its VMM can tell."""

    vmm_version: str
    snapshot_version: str
    kernel_release: str
    boot_id: str


def current_inputs(paths: LabPaths, vmm: Path | None = None) -> Inputs:
    """Everything a golden snapshot is made of, now; what lies on its disk has a ``guest_path``.

    :param vmm: the program that makes it; default the lab's own, over this machine's QEMU.

    The packages of the agent's login tool are what its lock file says.
    """
    agent = {
        f"agent/{file.name}": {
            "sha256": digest_of_file(file),
            "guest_path": str(disk.AGENT_IN_GUEST / file.name),
        }
        for file in sorted([*disk.AGENT.glob("*.js"), disk.AGENT / npm.LOCK])
    }
    unit = debian.chosen(paths).unit
    beside = ((unit, disk.UNIT_IN_GUEST), (disk.AGENT_SETTINGS, disk.AGENT_SETTINGS_IN_GUEST))
    return {
        **agent,
        **{file.name: {"sha256": digest_of_file(file), "guest_path": str(place)} for file, place in beside},
        "image": {"sha256": digest_of_tree(disk.HERE)},
        **(_look_alike() if vmm is None else {"vmm": {"sha256": digest_of_file(vmm)}}),
        "packages": {"sha256": packages.recipe_digest(paths)},
        "kernel": _text(kernel.newest_release()),
        "node": _text(npm.node_version()),
    }


def _look_alike() -> Inputs:
    qemu = run(["qemu-system-x86_64", "--version"], timeout_s=30, hint="install qemu-system-x86")
    return {"vmm": {"sha256": digest_of_tree(VMM)}, "qemu": _text(qemu.stdout.splitlines()[0])}


def _text(value: str) -> dict[str, str]:
    return {"sha256": digest_of_text(value), "value": value}


def why_rebuild(folder: Path, inputs: Mapping[str, Mapping[str, str]]) -> str:
    """Why the snapshot in ``folder`` is not the one that ``inputs`` would make; empty where it is.

    Sizes are compared, contents are not: that takes seconds, and is a check's business.
    """
    try:
        built = json.loads((folder / "manifest.json").read_text())
        sizes = {name: entry["size"] for name, entry in built["files"].items()}
        known: Mapping[str, Any] = built["inputs"]
    except FileNotFoundError:
        return "there is none yet"
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        return f"its manifest cannot be read ({type(error).__name__}: {error})"
    damaged = [name for name, size in sizes.items() if _size(folder / name) != size]
    if damaged:
        return f"missing or of another size: {', '.join(damaged)}"
    return why_changed(known, inputs)


def why_changed(known: Mapping[str, Any], inputs: Mapping[str, Any]) -> str:
    """What of these inputs is another one than was known; empty where all are the same."""
    names = sorted(known.keys() | inputs.keys())
    changed = [name for name in names if known.get(name) != inputs.get(name)]
    return f"changed since: {', '.join(changed)}" if changed else ""


def _size(file: Path) -> int:
    return file.stat().st_size if file.exists() else -1


def write(folder: Path, *, facts: Facts, inputs: Mapping[str, Mapping[str, str]]) -> None:
    """Write ``manifest.json`` over the files in ``folder``."""
    files = {
        file.name: {"sha256": digest_of_file(folder / file.name), "size": _size(folder / file.name)}
        for file in golden.FILES
    }
    document = {
        "format": FORMAT,
        "created_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "vmm_version": facts.vmm_version,
        "snapshot_version": facts.snapshot_version,
        "kernel_release": facts.kernel_release,
        "vcpus": golden.VCPUS,
        "memory_mib": golden.MEMORY_MIB,
        "guest_address": f"{golden.GUEST}/{golden.PREFIX}",
        "boot_id": facts.boot_id,
        "boot_args": golden.BOOT_ARGS,
        "files": files,
        "inputs": inputs,
    }
    (folder / "manifest.json").write_text(json.dumps(document, indent=2) + "\n")
