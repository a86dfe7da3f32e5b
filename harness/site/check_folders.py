"""Folders with checks of the operator's own: held to what can be told before anything in them is run."""

from __future__ import annotations

import ast
import os
import warnings
from collections.abc import Iterable
from pathlib import Path

from harness.check_names import LAYERS, TEST_FILES
from harness.errors import UsageError
from harness.site.reading import shown
from harness.suite import ROOT
from harness.text import one_line

_NAMES = "--checks=DIR, or checks of the profile, names a folder that holds host/, guest/, db/ or session/"
_NEW = "python -m harness check new NAME --layer=host writes a first one"


def check_folders(given: Iterable[Path]) -> tuple[Path, ...]:
    """Each of them once, by its real path.

    :raises UsageError: one is none, holds no checks, or a file that Python cannot read; or holds another.
    """
    folders = tuple(dict.fromkeys(Path(os.path.realpath(one)) for one in given))
    for folder in folders:
        _refuse_place(folder, folders)
        _refuse_content(folder)
    return folders


def is_the_suites(folder: Path) -> bool:
    """Whether the suite lies in a folder, or that in the suite."""
    ours = (ROOT, *(ROOT / name for name in ("tests", "harness", "fixtures", "lab")))
    return any(one.is_relative_to(folder) for one in ours) or any(
        folder.is_relative_to(one) for one in ours[1:]
    )


def _refuse_place(folder: Path, folders: Iterable[Path]) -> None:
    if not folder.is_dir():
        why = "not a folder" if folder.exists() else "there is no such folder"
        raise UsageError(f"checks in {shown(folder)}: {why}", hint=_NAMES)
    if is_the_suites(folder):
        raise UsageError(
            f"checks in {shown(folder)}: the suite itself lies there, or it lies in the suite", hint=_NAMES
        )
    inner = next((one for one in folders if one != folder and one.is_relative_to(folder)), None)
    if inner is not None:
        raise UsageError(
            f"checks in {shown(folder)}: {shown(inner)} lies in it, and is named as well", hint="name one"
        )


def _refuse_content(folder: Path) -> None:
    """Python's own files are read, and nothing of them is run."""
    tests = [path for layer in LAYERS for name in TEST_FILES for path in (folder / layer).glob(name)]
    if not tests:
        places = ", ".join(f"{layer}/" for layer in LAYERS)
        raise UsageError(f"checks in {shown(folder)}: no test_*.py in any of {places}", hint=_NEW)
    inside = [path for layer in LAYERS for path in (folder / layer).rglob("*.py")]
    for path in sorted({*inside, *folder.glob("*.py")}):
        if fault := _fault_of(path):
            raise UsageError(
                f"checks in {shown(folder)}: {one_line(str(path.relative_to(folder)))}{fault}",
                hint="mend that line",
            )


def _fault_of(path: Path) -> str:
    """Why Python cannot read a file."""
    if path.exists() and not path.is_file():  # nobody would end a pipe
        return ": not a file"
    try:
        with warnings.catch_warnings(action="ignore"):  # they are told where it is imported
            ast.parse(path.read_bytes(), str(path))
    except SyntaxError as error:
        return f", line {error.lineno}: {error.msg}"
    except (OSError, ValueError, RecursionError) as error:
        return f": {getattr(error, 'strerror', None) or error}"
    return ""
