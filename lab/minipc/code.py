"""The lab's own code for the twin: the VMM, the controller, and the third-party packages of both.

It lies beside the tree and is bind-mounted, so that a change reaches a running twin: ``current`` is a link
that is swapped. What a running process still imports from stays until the twin is down.
"""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

from harness.run import run
from lab.image.inputs import digest_of_file, digest_of_text, digest_of_tree
from lab.minipc.tree import CODE_IN_TWIN
from lab.paths import LabPaths

LAB = Path(__file__).parent.parent
LOCK = LAB / "requirements.lock"
PARTS = ("vmm", "controller", "minipc/database", "image/agent")
"""Folders of ``lab`` that the twin needs; the agent's source is what its golden snapshot was built from."""

_PLATFORMS = ("manylinux_2_28_x86_64", "manylinux_2_17_x86_64", "manylinux2014_x86_64")


def folder(paths: LabPaths) -> Path:
    """What the twin sees as :data:`CODE_IN_TWIN`."""
    return paths.store / "code"


def install(paths: LabPaths) -> bool:
    """Have the present code in place; says whether a running controller must be restarted for it.

    A running VM keeps the VMM that it has; the next one is started from the new code.
    """
    if is_current(paths):
        return False
    before = _controller(paths)
    home = folder(paths)
    home.mkdir(exist_ok=True)
    python, fresh = _wanted(paths)
    if not python.exists():
        _install_packages(paths, python)
    if not fresh.exists():
        _copy(paths, fresh, python)
    link = home / "current.new"
    link.unlink(missing_ok=True)
    link.symlink_to(fresh.name)
    link.replace(home / "current")
    return _controller(paths) != before


def is_current(paths: LabPaths) -> bool:
    """Whether the present code is in place."""
    python, fresh = _wanted(paths)
    current = folder(paths) / "current"
    in_place = current.is_symlink() and current.readlink() == Path(fresh.name)
    return in_place and fresh.exists() and python.exists()


def forget_old(paths: LabPaths) -> None:
    """Delete what ``current`` does not use; only while the twin is down."""
    home = folder(paths)
    current = (home / "current").resolve()
    used = {current, (current / "python").resolve(), home / "current"}
    for entry in home.iterdir():
        if entry not in used:
            shutil.rmtree(entry)


def _controller(paths: LabPaths) -> tuple[str, str]:
    """What the controller in place is made of."""
    current = folder(paths) / "current"
    python = current / "python"
    packages = python.readlink().name if python.is_symlink() else ""
    return packages, digest_of_tree(current / "lab/controller")


def _wanted(paths: LabPaths) -> tuple[Path, Path]:
    """Where the packages and the code that are wanted now have their place."""
    python = folder(paths) / f"python-{digest_of_file(LOCK)[:16]}"
    parts = (python.name, *(digest_of_tree(LAB / part) for part in PARTS))
    return python, folder(paths) / f"lab-{digest_of_text(chr(10).join(parts))[:16]}"


def _copy(paths: LabPaths, target: Path, python: Path) -> None:
    fresh = target.with_suffix(".new")
    shutil.rmtree(fresh, ignore_errors=True)
    for part in PARTS:
        shutil.copytree(LAB / part, fresh / "lab" / part, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copyfile(LAB / "__init__.py", fresh / "lab/__init__.py")
    (fresh / "python").symlink_to(Path("..", python.name))
    _compile(paths, fresh)
    fresh.rename(target)


def _install_packages(paths: LabPaths, target: Path) -> None:
    """For the twin's Python, whichever one runs here."""
    fresh = target.with_suffix(".new")
    shutil.rmtree(fresh, ignore_errors=True)
    words: list[str | Path] = [sys.executable, "-m", "pip", "install", "--quiet", "--no-compile"]
    words += ["--no-deps", "--require-hashes", "--only-binary", ":all:", "--target", fresh]
    words += ["--python-version", "3.11", "--implementation", "cp"]
    words += [word for abi in ("cp311", "abi3", "none") for word in ("--abi", abi)]
    words += [word for platform in _PLATFORMS for word in ("--platform", platform)]
    settings = {name: os.environ[name] for name in os.environ if name.startswith("PIP_")}
    run([*words, "-r", LOCK], timeout_s=600, env=settings, hint="pip's own words are above")
    _compile(paths, fresh)
    fresh.rename(target)


def _compile(paths: LabPaths, code: Path) -> None:
    """By the twin's own Python, since start-up time is what a VM waits for."""
    inside = CODE_IN_TWIN / code.name
    script = 'mount --bind "$1" "$2$3" && exec chroot "$2" /usr/bin/python3 -m compileall -q -j 2 "$4"'
    words = ["unshare", "--mount", "--", "sh", "-c", script, "compile"]
    run([*words, folder(paths), paths.minipc, CODE_IN_TWIN, inside], timeout_s=120)
