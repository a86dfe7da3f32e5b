"""``python -m harness bundle``: all that somebody who helps with a run needs, in one file without secrets.

A run's folder holds none (they are cut where it is written); the profile is told as ``site show`` tells it.
"""

from __future__ import annotations

import io
import os
import platform
import stat
import tarfile
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

from harness.errors import HarnessError, SiteError, UnreadableError, UsageError
from harness.outward import told
from harness.site.digest import profile_digest
from harness.site.docs import site_values
from harness.site.load import load_site
from harness.suite import version
from harness.text import one_line
from harness.verdict.document import Document, read_document
from harness.verdict.runs import NOTE
from harness.whole import PRIVATE, whole

LARGEST = 1 << 30
"""Bytes of evidence that are packed; what would be more is named, and left out."""
_VERDICT = "verdict.json"


def bundle(run: Path, file: Path | None) -> str:
    """Pack a run's folder; returns what a person is told of it.

    :param file: where to; by default ``bundle-RUN.tar.gz`` where the command was started.
    :raises UsageError: there is no such run, or nothing can be written there.
    """
    folder = Path(os.path.realpath(run))
    if not (folder / NOTE).is_file():
        raise UsageError(
            f"no run: {one_line(str(run))} holds no {NOTE}",
            hint="evidence/ has a folder for each of the last runs",
        )
    to = file or Path(f"bundle-{folder.name}.tar.gz")
    try:
        with whole(to, mode=PRIVATE) as fresh, tarfile.open(fresh, "w:gz") as archive:
            left_out = _pack(archive, folder)
    except OSError as error:
        raise UsageError(f"{one_line(str(to))}: {error.strerror}", hint="-o FILE") from error
    return "\n".join([f"{to}: {to.stat().st_size:,} bytes; nobody else may read it", *left_out])


def _pack(archive: tarfile.TarFile, folder: Path) -> list[str]:
    """Everything of the run, and of what it was asked; returns what could not be had, a line each."""
    top, left_out = f"run-{folder.name}", list[str]()
    _add_text(archive, f"{top}/versions.txt", _versions())
    try:
        _add_text(archive, f"{top}/profile.toml", _profile(read_document(folder / _VERDICT)))
    except HarnessError as error:
        left_out.append(f"without the profile: {one_line(error.message)}")
    room = LARGEST
    for path in _files(folder):
        room -= path.stat().st_size
        name = path.relative_to(folder)
        if room < 0:
            left_out.append(f"without {name}: over {LARGEST >> 20} MiB in all")
        else:
            archive.add(path, f"{top}/evidence/{name}", recursive=False, filter=_nobodys)
    if left_out:
        _add_text(archive, f"{top}/left-out.txt", "\n".join(left_out) + "\n")
    return left_out


def _files(folder: Path) -> Iterator[Path]:
    """What a run writes: files, the smallest first; never what a link leads to."""
    found = [one for one in folder.rglob("*") if stat.S_ISREG(one.lstat().st_mode)]
    yield from sorted(found, key=lambda one: (one.stat().st_size, str(one)))


def _profile(verdict: Document) -> str:
    """The profile as it is now, said to be another where it is.

    :raises HarnessError: there is no verdict, or no such profile any more.
    """
    path = Path(verdict.profile.file)
    try:
        site = load_site(path)
    except SiteError as error:
        raise UnreadableError(f"{path} cannot be read any more: {error.message.splitlines()[0]}") from error
    same = profile_digest(site) == verdict.profile.sha256
    head = f"# {path}, as it was in this run" if same else f"# {path}, WHICH IS ANOTHER NOW than in this run"
    return told(f"{head}\n{site_values(site)}\n")


def _versions() -> str:
    """The suite's own, and of what it stands on."""
    of = sorted({f"{one.name}=={one.version}" for one in metadata.distributions()}, key=str.casefold)
    head = [f"browser-vm-acceptance {version()}", f"Python {platform.python_version()}", platform.platform()]
    return "\n".join([*head, "", *of]) + "\n"


def _add_text(archive: tarfile.TarFile, name: str, text: str) -> None:
    content = text.encode()
    entry = tarfile.TarInfo(name)
    entry.size, entry.mode = len(content), PRIVATE
    archive.addfile(entry, io.BytesIO(content))


def _nobodys(entry: tarfile.TarInfo) -> tarfile.TarInfo:
    """Whose it was here means nothing there."""
    entry.uid = entry.gid = 0
    entry.uname = entry.gname = ""
    entry.mode = PRIVATE
    return entry
