"""What is sent to a host must run there: the standard library of Python 3.9, and nothing else."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

from harness import custodian
from harness.host import bundle
from harness.transport.ssh_errors import explain

ROOM = Path(custodian.__file__).parent
PROBES = ROOM.parent / "host" / "probes"


def imported(tree: ast.Module) -> set[str]:
    """Every module that a source imports; of our own, its name in the room."""
    names = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import) or (
            isinstance(node, ast.ImportFrom) and node.module == "harness.custodian"
        ):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names.add(str(node.module).removeprefix("harness.custodian."))
    return names


def foreign(file: Path) -> set[str]:
    """What it imports beside the standard library, read as Python 3.9 reads it."""
    tree = ast.parse(file.read_text(encoding="utf-8"), feature_version=(3, 9))
    return {name for name in imported(tree) if name.split(".")[0] not in sys.stdlib_module_names}


@pytest.mark.parametrize("part", bundle.MODULES)
def test_a_part_needs_only_its_library_and_the_parts_before(part: str) -> None:
    assert foreign(ROOM / f"{part}.py") <= set(bundle.MODULES[: bundle.MODULES.index(part)])


@pytest.mark.parametrize("probe", sorted(PROBES.glob("*.py")), ids=lambda file: file.stem)
def test_a_probe_needs_only_its_library(probe: Path) -> None:
    assert foreign(probe) == set()


def test_the_program_holds_the_whole_room() -> None:
    assert set(bundle.MODULES) == {file.stem for file in ROOM.glob("*.py")} - {"__init__"}
    program = bundle.program().decode()
    ast.parse(program, feature_version=(3, 9))
    assert [part for part in bundle.MODULES if f'"{part}"' not in program] == []


def test_a_host_whose_python_is_too_old_says_so_before_it_reads_the_program() -> None:
    """In words that ``transport.ssh_errors`` knows."""
    python, *options, boot, size, run, disks = bundle.command(1 << 20, "acc-000000", "/disks")
    old = f"import sys; sys.version_info = (3, 8); sys.version = '3.8.10'; {boot}"
    done = subprocess.run(
        [python, *options, old, size, run, disks],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "the suite needs Python 3.9 or newer, and this is 3.8.10\n"
    assert "python3 is too old" in explain(done.stderr, address="minipc").message
