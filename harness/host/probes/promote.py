"""Runs ON the host, as root: puts a snapshot's files in the place of the golden ones, all of them or none.

The argument is JSON: ``act`` (``promote``, ``back`` or ``settle``), ``files`` (role -> golden path), and for
a promotion ``source`` (a folder) and ``digests`` (role -> sha256). Prints JSON: ``refused`` where nothing was
changed, ``unfinished`` where it was decided and is not done, ``left`` where it is done and not cleared up.
Who asks for ``back`` twice has it once, and ``already`` for the second, unless it is ``again``: the first
answer may have been lost.
Python 3.9, standard library only; one file, because it travels as one.

New files are copied onto the shelf, a folder of ours on the same file system, and are on the disk before
anything golden is touched. Then a journal is written, which is the moment of the decision: whoever is called
after it, finishes. Where the golden folder holds nothing else, it is exchanged with the new one in a single
step. Where it does, each file is renamed, and no vmstate is there meanwhile: a VM that would be made of both
is refused by its VMM.
"""

from __future__ import annotations

import concurrent.futures
import contextlib
import ctypes
import fcntl
import hashlib
import json
import os
import re
import shutil
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

SHELF = ".promotion"
JOURNAL, NEXT, KEPT, PREVIOUS, OLD, PROBE = "journal.json", "next", "kept", "previous", "old", "probe"
LAST = "last.json"
FICLONE = 0x40049409
EXCHANGE, AT_FDCWD = 2, -100
BLOCK = 1 << 20
ENVIRONMENT = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C.UTF-8"}


class RefusedError(Exception):
    """Nothing was changed, and why."""


class UnfinishedError(Exception):
    """It is decided, and was not done to its end, and why: whoever is called next goes on with it."""


def exchange(one: Path, other: Path) -> None:
    """Swap two folders of one file system in a single step."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.renameat2(AT_FDCWD, bytes(one), AT_FDCWD, bytes(other), EXCHANGE) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), str(one))


def sync(path: Path) -> None:
    """Have a file, or a folder's names, on the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


class Golden:
    """The golden files, and where a shelf may be."""

    def __init__(self, files: dict[str, str]) -> None:
        self.files = {role: Path(path) for role, path in files.items()}
        self.folders: dict[Path, list[Path]] = {}
        for path in self.files.values():
            self.folders.setdefault(path.parent, []).append(path)
        self.anchor = self.files["disk"].parent
        self.beside = self.anchor.parent / f".{self.anchor.name}{SHELF}"

    @contextlib.contextmanager
    def alone(self) -> Iterator[None]:
        """Nobody else does the same."""
        handle = os.open(self.anchor.parent, os.O_RDONLY | os.O_DIRECTORY)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            yield
        except BlockingIOError:
            raise RefusedError("another promotion goes on") from None
        finally:
            os.close(handle)

    def shelf(self, folder: Path, *, whole: bool) -> Path:
        """Where the files of a golden folder are made ready and kept."""
        return self.beside if whole else folder / SHELF

    def on_shelf(self, path: Path, part: str, *, whole: bool) -> Path:
        """Where the file of a golden path lies in a part of its shelf."""
        return self.shelf(path.parent, whole=whole) / part / path.name

    def holder(self, name: str) -> Path | None:
        """The shelf of the disk's folder that holds this."""
        places = (self.beside, self.anchor / SHELF)
        return next((one for one in places if is_ours(one) and os.path.lexists(one / name)), None)


def ours(shelf: Path) -> None:
    """Have a folder there that only we write to."""
    with contextlib.suppress(FileExistsError):
        shelf.mkdir(0o700)
    if not is_ours(shelf):
        raise RefusedError(f"{shelf} is there, and is not ours alone")


def is_ours(shelf: Path) -> bool:
    """Whether nobody else has put anything there."""
    with contextlib.suppress(OSError):
        found = shelf.lstat()
        return stat.S_ISDIR(found.st_mode) and found.st_uid == os.geteuid() and not found.st_mode & 0o077
    return False


def refuse_odd(golden: Golden) -> None:
    """What could not be replaced by a rename, or would be another thing afterwards."""
    points = {point for _, _, point in mounts(Path("/proc/self"))}
    for path in golden.files.values():
        if Path(os.path.realpath(path.parent)) / path.name in points:
            raise RefusedError(f"{path} is a mount point: no file can be renamed to it")
        if path.is_symlink():
            raise RefusedError(f"{path} is a link: what it leads to is switched by whoever made it")
        if os.path.lexists(path) and not path.is_file():
            raise RefusedError(f"{path} is no file that another can take the place of")
        if not path.parent.is_dir():
            raise RefusedError(f"{path.parent}: there is no such folder")


def as_a_whole(golden: Golden) -> bool:
    """Whether the golden folder can be exchanged: it holds nothing else, and nobody has it mounted."""
    folder = golden.anchor
    if len(golden.folders) > 1 or Path(os.path.realpath(folder)) != folder:
        return False
    if others(golden) or mounted(folder):
        return False
    ours(golden.beside)
    probe = golden.beside / PROBE
    for name in "ab":
        (probe / name).mkdir(parents=True)
    try:
        exchange(probe / "a", probe / "b")
    except (OSError, AttributeError):
        return False
    finally:
        shutil.rmtree(probe)
    return golden.beside.stat().st_dev == folder.stat().st_dev


def others(golden: Golden, within: Path | None = None) -> list[Path]:
    """What lies beside the golden files: in their folder, or in one that was it before."""
    names = {path.name for path in golden.files.values()}
    return sorted(path for path in (within or golden.anchor).iterdir() if path.name not in names)


def mounted(folder: Path) -> bool:
    """Whether it may be the root of a mount anywhere, which would go on showing the former folder."""
    device = folder.stat().st_dev
    number = f"{os.major(device)}:{os.minor(device)}"
    told = os.major(device) != 0  # else it may be btrfs, whose folders have other numbers than its mounts
    for process in Path("/proc").iterdir():
        if process.name.isdigit():
            with contextlib.suppress(OSError):
                for other, root, point in mounts(process):
                    if point == folder or (root.name == folder.name and (other == number or not told)):
                        return True
    return False


def mounts(process: Path) -> Iterator[tuple[str, Path, Path]]:
    """Of each mount that a process sees: the device's number, what of it is mounted, and where."""
    lines = os.fsdecode((process / "mountinfo").read_bytes()).split("\n")
    for words in (line.split(" ") for line in lines if line):
        yield words[2], plain(words[3]), plain(words[4])


def plain(path: str) -> Path:
    """The kernel writes a space, a tab, a line's end and a backslash as octal numbers."""
    return Path(re.sub(r"\\([0-7]{3})", lambda found: chr(int(found[1], 8)), path))


def copies_by_reference(source: Path, shelf: Path) -> bool:
    """Whether a copy on that shelf takes up no room."""
    probe = shelf / PROBE
    try:
        with source.open("rb") as one, probe.open("wb") as other:
            fcntl.ioctl(other, FICLONE, one.fileno())
    except OSError:
        return False
    finally:
        remove(probe)
    return True


def refuse_full(sources: list[Path], shelf: Path) -> None:
    """Have room for what is copied there, before any of it is."""
    if copies_by_reference(sources[0], shelf):
        return
    needed, space = sum(path.stat().st_blocks * 512 for path in sources), os.statvfs(shelf)
    free = space.f_bavail * space.f_frsize
    if needed > free:
        raise RefusedError(f"{shelf}: {needed >> 20} MiB are needed, and {free >> 20} MiB are free")


def copy(source: Path, target: Path, like: Path) -> None:
    """A copy that stays as it is, whoever writes to the source; owned and labelled as the one it replaces."""
    words = ["cp", "--reflink=auto", "--sparse=auto", "--", str(source), str(target)]
    done = subprocess.run(words, capture_output=True, text=True, check=False, env=ENVIRONMENT)
    if done.returncode != 0:
        raise RefusedError(done.stderr.strip())
    resemble(target, like if like.exists() else source)
    found = source.stat()
    os.utime(target, ns=(found.st_atime_ns, found.st_mtime_ns))
    sync(target)


def resemble(target: Path, model: Path) -> None:
    """Owner, mode and extended attributes: what decides who may read it."""
    found = model.stat()
    os.chown(target, found.st_uid, found.st_gid)
    target.chmod(stat.S_IMODE(found.st_mode))
    for name in os.listxattr(model):
        with contextlib.suppress(OSError):  # one that only the kernel sets, or this file system lacks
            os.setxattr(target, name, os.getxattr(model, name))


def digest(path: Path) -> str:
    """sha256 of a file."""
    total = hashlib.sha256()
    with path.open("rb") as file:
        for block in iter(lambda: file.read(BLOCK), b""):
            total.update(block)
    return total.hexdigest()


def is_as(source: Path, shelf: Path, like: Path) -> bool:
    """Whether a file that we keep can be golden itself, in no more room: owned and labelled as that one."""
    one = source.stat()
    if one.st_dev != shelf.stat().st_dev or not like.exists():
        return False
    other = like.stat()
    same = (one.st_uid, one.st_gid, one.st_mode) == (other.st_uid, other.st_gid, other.st_mode)
    return same and labels(source) == labels(like)


def labels(path: Path) -> dict[str, bytes]:
    """The extended attributes of a file."""
    return {name: os.getxattr(path, name) for name in os.listxattr(path)}


def make_ready(paths: list[Path], sources: dict[Path, Path], shelf: Path, *, kept: bool) -> None:
    """Have the next files on a shelf: those that are kept there by another name, all others as copies."""
    linked = [path for path in paths if kept and is_as(sources[path], shelf, path)]
    copied = [path for path in paths if path not in linked]
    if copied:
        refuse_full([sources[path] for path in copied], shelf)
    (shelf / NEXT).mkdir(0o700)
    for path in linked:
        os.link(sources[path], shelf / NEXT / path.name)
    for path in copied:
        copy(sources[path], shelf / NEXT / path.name, path)


def stage(
    golden: Golden, sources: dict[Path, Path], digests: dict[str, str], *, whole: bool, kept: bool
) -> None:
    """Have the new files on the shelves, and, where single files are renamed, the former ones kept there.

    :param kept: the new files are on a shelf of ours already: nobody else writes to them.
    """
    for folder, paths in golden.folders.items():
        shelf = golden.shelf(folder, whole=whole)
        ours(shelf)
        make_ready(paths, sources, shelf, kept=kept)
        if whole:
            resemble(shelf / NEXT, folder)
        else:
            keep(paths, shelf / KEPT)
        sync(shelf / NEXT)
        sync(shelf)
    refuse_changed(golden, digests, whole=whole)


def refuse_changed(golden: Golden, digests: dict[str, str], *, whole: bool) -> None:
    """What waits on the shelves is what was judged."""
    staged = [golden.on_shelf(golden.files[role], NEXT, whole=whole) for role in digests]
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        found = list(pool.map(digest, staged))
    wrong = [role for role, other in zip(digests, found) if digests[role] != other]  # noqa: B905 - Python 3.9
    if wrong:
        raise RefusedError(f"it changed since it was judged: {', '.join(wrong)}")


def keep(paths: list[Path], kept: Path) -> None:
    """The former files have a second name, which stays when the first is another's."""
    kept.mkdir(0o700)
    for path in paths:
        if path.exists():
            os.link(path, kept / path.name)
    sync(kept)


def decide(golden: Golden, source: str, *, whole: bool) -> None:
    """Write the journal: from here on it is finished, by us or by whoever comes next."""
    if whole and (others(golden) or mounted(golden.anchor)):  # copying took its time
        raise RefusedError(f"{golden.anchor}: something was put or mounted there meanwhile")
    shelf = golden.shelf(golden.anchor, whole=whole)
    numbers = {"next": (shelf / NEXT).stat().st_ino, "former": golden.anchor.stat().st_ino}
    write_down(shelf, JOURNAL, {"whole": whole, "source": source, **numbers})


def write_down(shelf: Path, name: str, said: dict[str, Any]) -> None:
    """Have it on the disk in a file of that name, whole or not at all."""
    draft = shelf / PROBE
    draft.write_text(json.dumps(said), encoding="utf-8")
    sync(draft)
    draft.rename(shelf / name)
    sync(shelf)


def marks(golden: Golden) -> dict[str, list[int]]:
    """What tells each golden file from one that somebody else put there, or wrote to, or took away."""
    found = {path: path.stat() for path in golden.files.values() if path.exists()}
    return {str(path): [one.st_ino, one.st_size, one.st_mtime_ns] for path, one in found.items()}


def is_back(golden: Golden) -> bool:
    """Whether what was done last made the former files golden, and nobody has touched them since."""
    shelf = golden.holder(LAST)
    if shelf is None or golden.holder(PREVIOUS) != shelf:
        return False
    said = json.loads((shelf / LAST).read_text(encoding="utf-8"))
    return bool(said["source"] == PREVIOUS and said["golden"] == marks(golden))


def finish(golden: Golden) -> str:
    """Do what the journal says, from wherever it was left. What it made golden; empty where there is none."""
    shelf = golden.holder(JOURNAL)
    if shelf is None:
        return ""
    said = json.loads((shelf / JOURNAL).read_text(encoding="utf-8"))
    whole = bool(said["whole"])
    if not whole:
        rename_each(golden)
    elif is_to_come(golden, shelf / NEXT, said):
        exchange(shelf / NEXT, golden.anchor)
    if whole and (shelf / NEXT).is_dir():
        give_back(golden, shelf / NEXT)
    sync(golden.anchor.parent)
    for folder in golden.folders:
        retire(golden.shelf(folder, whole=whole), NEXT if whole else KEPT)
    if not whole and is_ours(golden.beside):
        for name in (PREVIOUS, LAST):  # from when nothing else was in the folder
            remove(golden.beside / name)
    with contextlib.suppress(
        OSError
    ):  # on a full disk what was there is of other golden files, and tells nothing
        write_down(shelf, LAST, {"source": said["source"], "golden": marks(golden)})
    (shelf / JOURNAL).unlink()
    with contextlib.suppress(OSError):  # where it is found again, there is nothing left to be done
        sync(shelf)
    return str(said["source"])


def is_to_come(golden: Golden, staged: Path, said: dict[str, Any]) -> bool:
    """Whether the folders have yet to be exchanged; else they were, whatever has become golden since.

    Where what was to become golden is gone, the exchange fails, and says so.
    """
    if staged.is_dir():
        return bool(staged.stat().st_ino == said["next"])
    return bool(golden.anchor.stat().st_ino == said.get("former"))


def give_back(golden: Golden, before: Path) -> None:
    """What somebody put into the golden folder after the decision is in it still."""
    for path in others(golden, before):
        if not os.path.lexists(golden.anchor / path.name):
            path.rename(golden.anchor / path.name)
    sync(golden.anchor)


def rename_each(golden: Golden) -> None:
    """The vmstate goes first and comes last: without it nobody makes a VM of both."""
    last = golden.files.get("vmstate")
    waiting = {path: golden.on_shelf(path, NEXT, whole=False) for path in golden.files.values()}
    if last and waiting[last].exists():
        remove(last)
        sync(last.parent)
    for path, staged in waiting.items():
        if path != last and staged.exists():
            staged.rename(path)
    for folder in golden.folders:
        sync(folder)
    if last and waiting[last].exists():
        waiting[last].rename(last)
        sync(last.parent)


def retire(shelf: Path, kept: str) -> None:
    """What was golden is the previous one now; what was previous goes."""
    if not (shelf / kept).exists():
        return
    if (shelf / PREVIOUS).exists():
        remove(shelf / OLD)
        (shelf / PREVIOUS).rename(shelf / OLD)
    (shelf / kept).rename(shelf / PREVIOUS)
    sync(shelf)


def tidy(golden: Golden) -> None:
    """Nothing lies on a shelf that was made ready and never used, or is older than the previous one."""
    shelves = (golden.beside, *(folder / SHELF for folder in golden.folders))
    for shelf in filter(is_ours, shelves):
        for name in (NEXT, KEPT, OLD, PROBE):
            remove(shelf / name)
        with contextlib.suppress(OSError):
            shelf.rmdir()  # one that holds nothing


def remove(path: Path) -> None:
    """Whatever it is, if it is there."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    elif os.path.lexists(path):
        path.unlink()


def former(golden: Golden) -> dict[Path, Path]:
    """Golden path -> the file that was there before."""
    shelf = golden.holder(PREVIOUS)
    if shelf is None:
        raise RefusedError("there is no previous one to go back to")
    whole = shelf == golden.beside
    found = {path: golden.on_shelf(path, PREVIOUS, whole=whole) for path in golden.files.values()}
    if lost := [str(path) for path in found.values() if not path.is_file()]:
        raise RefusedError(f"the previous one lacks {', '.join(lost)}")
    return found


def act(ask: dict[str, Any]) -> dict[str, Any]:
    """Finish what was cut short, and do what is asked."""
    golden = Golden(ask["files"])
    refuse_odd(golden)
    with golden.alone():
        finished, left = concluded(golden)
        if ask["act"] == "settle":
            return {"finished": finished, "left": left}
        if left:
            raise RefusedError(left)
        back, given = ask["act"] == "back", Path(ask.get("source", ""))
        if back and not ask.get("again") and is_back(golden):
            return {"finished": finished, "already": True}
        sources = former(golden) if back else {path: given / path.name for path in golden.files.values()}
        whole = as_a_whole(golden)
        try:
            stage(golden, sources, ask.get("digests", {}), whole=whole, kept=back)
            decide(golden, PREVIOUS if back else str(given), whole=whole)
        except (OSError, RefusedError) as error:
            if golden.holder(JOURNAL) is not None:
                raise UnfinishedError(str(error)) from error
            tidy(golden)
            raise
        _, left = concluded(golden)
        return {"finished": finished, "done": True, "whole": whole, "left": left}


def concluded(golden: Golden) -> tuple[str, str]:
    """What was finished, if anything was, and what stood in the way of clearing up."""
    try:
        finished = finish(golden)
    except OSError as error:
        raise UnfinishedError(str(error)) from error
    try:
        tidy(golden)
    except OSError as error:
        return finished, str(error)
    return finished, ""


def main() -> None:
    """Do it, and say what came of it."""
    try:
        print(json.dumps(act(json.loads(sys.argv[1]))))
    except (RefusedError, OSError) as error:
        print(json.dumps({"refused": str(error)}))
    except UnfinishedError as error:
        print(json.dumps({"unfinished": str(error)}))


if __name__ == "__main__":
    main()
