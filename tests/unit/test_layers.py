"""Who may import whom: the layout of the project, kept by reading every import in it."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.unit.peers.small_suite import ROOT

OURS = {"bench", "conftest", "fixtures", "harness", "lab", "tests"}

MAY_IMPORT = {
    "harness": {"harness"},
    "fixtures": {"fixtures", "harness"},
    "lab/vmm": {"lab.vmm"},
    "lab": {"lab", "harness"},
    "bench": {"bench", "lab", "harness"},
    "tests/host": {"fixtures", "harness", "tests.host"},
    "tests/guest": {"fixtures", "harness", "tests.guest"},
    "tests/db": {"fixtures", "harness", "tests.db"},
    "tests/session": {"fixtures", "harness", "tests.session"},
    "tests/unit": {"harness", "lab", "tests.unit"},
    "tests/lab": {"fixtures", "harness", "lab", "tests.lab", "tests.unit"},
    "conftest.py": set(),
}

# Runs inside the guest, where it is a package of its own under another name.
IN_THE_GUEST = ROOT / "lab" / "image" / "guard"

FOREIGN = {"harness": {"pytest", "_pytest"}, "lab": {"pytest", "_pytest"}, "lab/vmm": {"pytest", "_pytest"}}


def layer_of(file: Path) -> str:
    """The longest part of the layout that a file is in."""
    path = file.relative_to(ROOT)
    return next(
        (layer for layer in sorted(MAY_IMPORT, key=len, reverse=True) if path.is_relative_to(layer)), ""
    )


def imports_of(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Every module a file imports, wherever in it, with the line."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, name.name) for name in node.names)
        elif isinstance(node, ast.ImportFrom):
            # Each name may be a module, too: `from lab import image`.
            yield from ((node.lineno, f"{node.module or ''}.{name.name}") for name in node.names)


def sources() -> list[Path]:
    """Every Python file of ours."""
    folders = [ROOT / name for name in sorted(OURS - {"conftest"})]
    return [ROOT / "conftest.py", *(path for folder in folders for path in sorted(folder.rglob("*.py")))]


def _within(module: str, allowed: set[str]) -> bool:
    return any(module == one or module.startswith(f"{one}.") for one in allowed)


@pytest.mark.parametrize("file", sources(), ids=lambda file: str(file.relative_to(ROOT)))
def test_imports_go_downwards_only(file: Path) -> None:
    """A file imports nothing of ours but what its layer may."""
    layer = layer_of(file)
    assert layer, f"{file} is in no layer of the layout"
    seen = list(imports_of(ast.parse(file.read_text(encoding="utf-8"))))
    wrong = [
        f"line {line}: {module}"
        for line, module in seen
        if (module.split(".")[0] in OURS and not _within(module, MAY_IMPORT[layer]))
        or module.split(".")[0] in FOREIGN.get(layer, set())
    ]
    assert not wrong, f"{layer} may import {sorted(MAY_IMPORT[layer])} of ours"


def test_no_import_is_relative() -> None:
    """A relative import would go around the rules above."""
    relative = [
        f"{file.relative_to(ROOT)}:{node.lineno}"
        for file in sources()
        if not file.is_relative_to(IN_THE_GUEST)
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        if isinstance(node, ast.ImportFrom) and node.level
    ]
    assert not relative


def test_the_root_conftest_stays_small() -> None:
    """Options and plugins, nothing else."""
    assert len((ROOT / "conftest.py").read_text().splitlines()) < 60
