"""What is sent to a host must run there: the standard library of Python 3.9, and nothing else."""

from __future__ import annotations

import ast
import sys
from importlib import resources

import pytest

from harness.host import bundle

PARTS = bundle.PARTS


def imported(tree: ast.Module) -> set[str]:
    """Every module that a source imports, with its first two names."""
    names = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module == "harness":
            names |= {f"harness.{alias.name}" for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names.add(str(node.module))
    return names


@pytest.mark.parametrize("part", PARTS)
def test_a_part_is_python_3_9_with_nothing_but_its_library(part: str) -> None:
    source = (resources.files("harness") / f"{part}.py").read_text()
    tree = ast.parse(source, feature_version=(3, 9))
    earlier = {f"harness.{name}" for name in PARTS[: PARTS.index(part)]}
    foreign = {name for name in imported(tree) if name.split(".")[0] not in sys.stdlib_module_names}
    assert foreign <= earlier


def test_the_program_holds_every_part() -> None:
    program = bundle.program().decode()
    ast.parse(program, feature_version=(3, 9))
    assert [part for part in PARTS if f'"{part}"' not in program] == []
