"""What the contracts in pyproject.toml cannot see of who imports whom, and that they see all the rest."""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import grimp
import pytest

from tests.unit.peers.small_suite import ROOT

PACKAGES: list[str] = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"][
    "importlinter"
]["root_packages"]

# Sent to a host as they are, and in no package.
PROBES = ROOT / "harness" / "host" / "probes"

# Runs inside the guest, where it is a package of its own under another name.
IN_THE_GUEST = ROOT / "lab" / "image" / "guard"


def imports_of(file: Path) -> Iterator[str]:
    """Every module that a file imports, wherever in it; its own package is a dot."""
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield f"{'.' * node.level}{node.module or ''}"


def name_of(file: Path) -> str:
    """The name a file is imported by."""
    return ".".join(file.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


def test_the_contracts_see_every_file_but_the_probes() -> None:
    """A folder without __init__.py in a package would be out of their sight, as the probes are."""
    files = {file for package in PACKAGES for file in (ROOT / package).rglob("*.py")}
    seen = grimp.build_graph(*PACKAGES, cache_dir=None).modules
    assert {file for file in files if name_of(file) not in seen} == set(PROBES.glob("*.py"))


def test_the_rooms_are_drawn_as_they_are() -> None:
    """docs/architecture.md shows every room, no arrow that no import has, and a way for each import."""
    page = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    rooms = dict(re.findall(r'^    (\w+)\["<b>(\w+)</b>', page, re.MULTILINE))
    assert set(rooms.values()) >= {file.parent.name for file in (ROOT / "harness").glob("*/__init__.py")}
    arrows = {
        (rooms[knows], rooms[known])
        for left, right in re.findall(r"^    ([\w &]+) --> ([\w &]+)$", page, re.MULTILINE)
        for knows in left.split(" & ")
        for known in right.split(" & ")
        if {knows, known} <= rooms.keys()
    }
    graph = grimp.build_graph("harness", cache_dir=None)
    imports = {
        (one, other)
        for one in rooms.values()
        for other in set(rooms.values()) - {one}
        if graph.direct_import_exists(
            importer=f"harness.{one}", imported=f"harness.{other}", as_packages=True
        )
    }
    assert arrows <= imports
    ways = set(arrows)
    for middle in rooms.values():
        ways |= {(a, d) for a, b in ways for c, d in ways if b == c == middle}
    assert imports <= ways


@pytest.mark.parametrize("file", sorted(IN_THE_GUEST.glob("*.py")), ids=lambda file: file.stem)
def test_the_guard_needs_only_its_library_and_itself(file: Path) -> None:
    """It is copied into the guest; what it imports of itself is relative."""
    foreign = {name for name in imports_of(file) if name.split(".")[0] not in sys.stdlib_module_names}
    assert [name for name in foreign if not name.startswith(".") or name.startswith("..")] == []


def test_the_root_conftest_imports_nothing_of_ours() -> None:
    """Its plugins are imported by pytest, which explains their asserts."""
    assert {name.split(".")[0] for name in imports_of(ROOT / "conftest.py")}.isdisjoint(PACKAGES)


def test_the_root_conftest_stays_small() -> None:
    """Options and plugins, nothing else."""
    assert len((ROOT / "conftest.py").read_text().splitlines()) < 90
