"""The lab's own code for the twin: VMM, controller and OpenID provider, and their third-party packages.

It lies beside the tree and is bind-mounted, so that a change reaches a running twin: ``current`` is a link
that is swapped. What a running process still imports from stays until the twin is down.
"""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from harness.run import run
from lab import debian, npm
from lab.digest import digest_of_file, digest_of_text, digest_of_tree
from lab.image import login_library
from lab.minipc import deployment
from lab.paths import CODE_IN_TWIN, LabPaths

LAB = Path(__file__).parent.parent
LOCK = LAB / "requirements.lock"
PROVIDER = "provider"
"""The one part of every deployment that has packages of npm."""

_NOT_OURS = shutil.ignore_patterns("__pycache__", "node_modules")
_PLATFORMS = ("manylinux_2_28_x86_64", "manylinux_2_17_x86_64", "manylinux2014_x86_64")


class Wanted(NamedTuple):
    """Where the packages and the code that are wanted now have their places."""

    python: Path
    javascript: Mapping[str, Path]
    """By the part of ``lab`` whose they are."""
    agent: Path
    lab: Path

    @property
    def places(self) -> tuple[Path, ...]:
        """All of them."""
        return (self.python, *self.javascript.values(), self.agent, self.lab)


def folder(paths: LabPaths) -> Path:
    """What the twin sees as :data:`CODE_IN_TWIN`."""
    return paths.store / "code"


def install(paths: LabPaths) -> list[str]:
    """Have the present code in place; returns the units that must be restarted for it, where they run.

    A running VM keeps the VMM that it has; the next one is started from the new code.
    """
    if is_current(paths):
        return []
    before = _services(paths)
    home = folder(paths)
    home.mkdir(exist_ok=True)
    wanted = _wanted(paths)
    if not wanted.python.exists():
        _install_packages(paths, wanted.python)
    for part, packages in wanted.javascript.items():
        npm.install(LAB / part, packages)
    if not wanted.agent.exists():
        shutil.copytree(login_library.node_modules(paths.cache), wanted.agent)
    if not wanted.lab.exists():
        _copy(paths, wanted)
    link = home / "current.new"
    link.unlink(missing_ok=True)
    link.symlink_to(wanted.lab.name)
    link.replace(home / "current")
    return [unit for unit, made_of in _services(paths).items() if before[unit] != made_of]


def is_current(paths: LabPaths) -> bool:
    """Whether the present code is in place."""
    wanted = _wanted(paths)
    current = folder(paths) / "current"
    in_place = current.is_symlink() and current.readlink() == Path(wanted.lab.name)
    return in_place and all(place.exists() for place in wanted.places)


def forget_old(paths: LabPaths) -> None:
    """Delete what ``current`` does not use; only while the twin is down."""
    home = folder(paths)
    current = (home / "current").resolve()
    modules = (current / "lab").glob("*/node_modules")
    packages = (current / "python", current / "agent-packages", *(link / ".." for link in modules))
    used = {current, *(place.resolve() for place in packages), home / "current"}
    for entry in home.iterdir():
        if entry not in used:
            shutil.rmtree(entry)


def _services(paths: LabPaths) -> dict[str, tuple[str, str]]:
    """What the services in place are made of: their packages and their code."""
    current = folder(paths) / "current"
    python = current / "python"
    packages = python.readlink().name if python.is_symlink() else ""
    parts = {
        "master-controller.service": deployment.chosen(paths).controller,
        "lab-provider.service": PROVIDER,
    }
    return {unit: (packages, digest_of_tree(current / "lab" / part)) for unit, part in parts.items()}


def _wanted(paths: LabPaths) -> Wanted:
    home, one = folder(paths), deployment.chosen(paths)
    version = debian.chosen(paths).python
    python = home / f"python-{version}-{digest_of_file(LOCK)[:16]}"
    projects = (PROVIDER, one.controller) if one.is_node else (PROVIDER,)
    javascript = {part: home / f"{part}-{npm.lock_digest(LAB / part)[:16]}" for part in projects}
    agent = home / f"agent-{login_library.digest()[:16]}"
    packages = (python, *javascript.values(), agent)
    parts = (*(place.name for place in packages), *(_digest(LAB / part) for part in one.parts))
    return Wanted(python, javascript, agent, home / f"lab-{digest_of_text(chr(10).join(parts))[:16]}")


def _digest(part: Path) -> str:
    return digest_of_tree(part) if part.is_dir() else digest_of_file(part)


def _copy(paths: LabPaths, wanted: Wanted) -> None:
    fresh = wanted.lab.with_suffix(".new")
    shutil.rmtree(fresh, ignore_errors=True)
    for part in deployment.chosen(paths).parts:
        _copy_part(LAB / part, fresh / "lab" / part)
    shutil.copyfile(LAB / "__init__.py", fresh / "lab/__init__.py")
    (fresh / "python").symlink_to(Path("..", wanted.python.name))
    (fresh / "agent-packages").symlink_to(Path("..", wanted.agent.name))
    for part, packages in wanted.javascript.items():
        (fresh / "lab" / part / "node_modules").symlink_to(Path("../../..", packages.name, "node_modules"))
    _compile(paths, fresh)
    fresh.rename(wanted.lab)


def _copy_part(source: Path, target: Path) -> None:
    if source.is_dir():
        shutil.copytree(source, target, ignore=_NOT_OURS)
    else:
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(source, target)


def _install_packages(paths: LabPaths, target: Path) -> None:
    fresh = target.with_suffix(".new")
    shutil.rmtree(fresh, ignore_errors=True)
    fetch_packages(LOCK, fresh, debian.chosen(paths).python)
    _compile(paths, fresh)
    fresh.rename(target)


def fetch_packages(lock: Path, target: Path, python: str) -> None:
    """Have the locked packages in a folder, for the host's Python, whichever one runs here."""
    words: list[str | Path] = [sys.executable, "-m", "pip", "install", "--quiet", "--no-compile"]
    words += ["--no-deps", "--require-hashes", "--only-binary", ":all:", "--target", target]
    words += ["--python-version", python, "--implementation", "cp"]
    words += [word for abi in (f"cp{python.replace('.', '')}", "abi3", "none") for word in ("--abi", abi)]
    words += [word for platform in _PLATFORMS for word in ("--platform", platform)]
    settings = {name: os.environ[name] for name in os.environ if name.startswith("PIP_")}
    run([*words, "-r", lock], timeout_s=600, env=settings, hint="pip's own words are above")


def _compile(paths: LabPaths, code: Path) -> None:
    """By the twin's own Python, since start-up time is what a VM waits for."""
    inside = CODE_IN_TWIN / code.name
    script = 'mount --bind "$1" "$2$3" && exec chroot "$2" /usr/bin/python3 -m compileall -q -j 2 "$4"'
    words = ["unshare", "--mount", "--", "sh", "-c", script, "compile"]
    run([*words, folder(paths), paths.minipc, CODE_IN_TWIN, inside], timeout_s=120)
