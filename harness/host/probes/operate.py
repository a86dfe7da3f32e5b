"""Runs ON the host, as root: ends or removes one thing, if it is still the very same and nobody holds it.

The argument is JSON: ``act`` (``copies`` or ``do``), ``what``, ``thing`` and ``argv``. Prints JSON.
Python 3.9, standard library only; one file, because it travels as one.
"""

from __future__ import annotations

import base64
import contextlib
import json
import os
import re
import select
import shutil
import signal
import socket
import stat
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

Ask = dict[str, Any]
Found = dict[str, Any]
Identity = tuple[int, int]
"""Device and inode."""

SYSTEM_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
KINDS = {
    stat.S_IFREG: "file",
    stat.S_IFDIR: "directory",
    stat.S_IFSOCK: "socket",
    stat.S_IFLNK: "link",
}
SMALL, IN_ALL = 1 << 16, 1 << 20
"""Bytes of a file that is copied before it is removed, and of all of one operation."""
ENDED_S = 10.0


def refused(why: str) -> Found:
    """Nothing was done."""
    return {"outcome": "refused", "why": why}


GONE = {"outcome": "gone", "why": "it is not there any more, or another is in its place"}
DONE = {"outcome": "done", "why": ""}


def run_program(*argv: str) -> subprocess.CompletedProcess[str]:
    """A program of the system's."""
    return subprocess.run(
        argv,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        errors="surrogateescape",
        timeout=20,
        check=False,
        env={"PATH": SYSTEM_PATH, "LC_ALL": "C.UTF-8"},
    )


def stat_of(pid: int) -> list[str]:
    """State, parent and so on, as /proc has them after the name; empty where there is no such process."""
    with contextlib.suppress(OSError):
        raw = Path(f"/proc/{pid}/stat").read_bytes().decode("utf-8", "surrogateescape")
        return raw.rsplit(")", 1)[1].split()
    return []


def end_process(ask: Ask) -> Found:
    """SIGKILL by a handle that was opened before the start time was read: it is that process, or none."""
    pid, started = ask["thing"]["pid"], ask["thing"]["started"]
    try:
        handle = os.pidfd_open(pid)
    except ProcessLookupError:
        return GONE
    try:
        fields = stat_of(pid)
        if not fields or int(fields[19]) != started or fields[0] in ("Z", "X"):
            return GONE
        signal.pidfd_send_signal(handle, signal.SIGKILL)
        if not select.select([handle], [], [], ENDED_S)[0]:
            return refused(
                f"it was killed, and has not ended within {ENDED_S:g} s (state {stat_of(pid)[:1]})"
            )
        return DONE
    finally:
        os.close(handle)


def processes() -> Iterator[Path]:
    """Every process but this one."""
    return (one for one in Path("/proc").iterdir() if one.name.isdigit() and int(one.name) != os.getpid())


def identity(found: os.stat_result) -> Identity:
    """What a file is, by whatever name."""
    return found.st_dev, found.st_ino


def all_of(name: str) -> set[Identity]:
    """What lies at and below a name."""
    told = {identity(os.lstat(name))}
    for folder, folders, files in os.walk(name) if not os.path.islink(name) else ():  # noqa: PTH114 - text
        for one in (*folders, *files):
            with contextlib.suppress(OSError):
                told.add(identity(os.lstat(os.path.join(folder, one))))  # noqa: PTH118 - text
    return told


def holder(name: str) -> str:
    """Who has something open that lies at or below a name, has it mapped, or stands there.

    By what it is and not by what it is called there: a hard link, a mount or a chroot has other names.
    """
    wanted = all_of(name)
    for one in processes():
        with contextlib.suppress(OSError):
            links = [one / "cwd", one / "root", one / "exe", *(one / "fd").iterdir()]
            if any(held(link) in wanted for link in links) or mapped(one) & wanted:
                return f"pid {one.name} ({(one / 'comm').read_text().strip()}) has it, or what is in it, open"
    return loop_device(wanted)


def held(link: Path) -> Identity | None:
    """What a process has open, behind a link of /proc."""
    with contextlib.suppress(OSError):
        return identity(os.stat(link))  # noqa: PTH116 - as the others
    return None


def mapped(process: Path) -> set[Identity]:
    """What a process has in its memory: that stays when its descriptor is closed."""
    told = set()
    with contextlib.suppress(OSError):
        for line in (process / "maps").read_text(errors="surrogateescape").splitlines():
            major, _, minor = line.split()[3].partition(":")
            told.add((os.makedev(int(major, 16), int(minor, 16)), int(line.split()[4])))
    return told


def loop_device(wanted: set[Identity], block: str = "/sys/block") -> str:
    """A loop device that has its content from one of these files."""
    for one in sorted(Path(block).glob("loop*/loop/backing_file")):
        with contextlib.suppress(OSError):
            if identity(os.stat(one.read_text().rstrip("\n"))) in wanted:  # noqa: PTH116 - as the others
                return f"{one.parts[-3]} has it, or what is in it, as its content"
    return ""


def mounted(path: str) -> str:
    """A file system that is mounted at or below a path; a link is not followed."""
    parent, _, name = path.rpartition("/")
    real = os.path.join(os.path.realpath(parent), name)  # noqa: PTH118 - text
    for line in Path("/proc/self/mountinfo").read_text(errors="surrogateescape").splitlines():
        at = re.sub(r"\\([0-7]{3})", lambda found: chr(int(found[1], 8)), line.split()[4])
        if at == real or at.startswith(f"{real}/"):
            return f"something is mounted at {at}"
    return ""


def answers(path: str) -> str:
    """Whether somebody listens on a socket."""
    with contextlib.closing(socket.socket(socket.AF_UNIX)) as asked:
        asked.settimeout(5)
        try:
            asked.connect(path)
        except (ConnectionRefusedError, FileNotFoundError):
            return ""
        except OSError as error:
            return f"whether somebody listens on it cannot be told: {error.strerror or error}"
    return "somebody listens on it"


def beside(ask: Ask) -> str:
    """Stand in the folder that a path is in, and tell its name there: whatever becomes of that folder's
    own name, it is this one. Empty where it is not there any more."""
    parent, _, name = ask["thing"]["path"].rpartition("/")
    try:
        handle = os.open(os.path.realpath(parent), os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    except OSError:
        return ""
    try:
        os.fchdir(handle)  # not by dir_fd: shutil.rmtree takes none before Python 3.11
    finally:
        os.close(handle)
    return "" if name in (".", "..") else str(name)


def same(ask: Ask, name: str) -> os.stat_result | None:
    """What lies there, if it is what was planned: an inode is given again, and to another kind of thing."""
    thing = ask["thing"]
    try:
        found = os.lstat(name)
    except (FileNotFoundError, NotADirectoryError):
        return None
    kind = KINDS.get(stat.S_IFMT(found.st_mode), "other")
    return (
        found
        if (found.st_dev, found.st_ino, kind) == (thing["device"], thing["inode"], thing["kind"])
        else None
    )


def remove_path(ask: Ask) -> Found:
    """A file, socket or folder, without following any link."""
    name = beside(ask)
    found = same(ask, name)
    if found is None:
        return GONE
    if why := holder(name) or mounted(ask["thing"]["path"]):
        return refused(why)
    if stat.S_ISDIR(found.st_mode):
        shutil.rmtree(name)
    else:
        if stat.S_ISSOCK(found.st_mode) and (why := answers(name)):
            return refused(why)
        os.unlink(name)  # noqa: PTH108 - text
    return DONE


def files_below(name: str) -> Iterator[str]:
    """Plain files at or below a name; behind a link there is nothing of it."""
    if not os.path.isdir(name) or os.path.islink(name):  # noqa: PTH112, PTH114 - text
        yield name
        return
    for folder, _, names in os.walk(name):
        yield from (os.path.join(folder, one) for one in sorted(names))  # noqa: PTH118 - text


def copies(ask: Ask) -> list[Found]:
    """Small files that go with it, each with its content; larger ones are named with their size."""
    told: list[Found] = []
    left = IN_ALL
    parent, name = ask["thing"]["path"].rpartition("/")[0], beside(ask)
    for path in files_below(name) if same(ask, name) else ():
        with contextlib.suppress(OSError):
            if not stat.S_ISREG(os.lstat(path).st_mode):
                continue
            with open(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK), "rb") as file:  # noqa: PTH123
                found = os.fstat(file.fileno())
                one: Found = {"path": f"{parent}/{path}", "mode": found.st_mode}
                one |= {"uid": found.st_uid, "gid": found.st_gid, "size": found.st_size}
                if found.st_size <= min(SMALL, left):
                    content = file.read(SMALL)
                    left -= len(content)
                    one["content"] = base64.b64encode(content).decode()
                told.append(one)
    return told


def attached(name: str) -> str:
    """Who has a TAP device open: as long as a VMM lives, it does."""
    for one in processes():
        with contextlib.suppress(OSError):
            for info in (one / "fdinfo").iterdir():
                with contextlib.suppress(OSError):
                    if f"iff:\t{name}\n" in info.read_text(errors="surrogateescape"):
                        return f"pid {one.name} ({(one / 'comm').read_text().strip()}) holds it"
    return ""


def delete_tap(ask: Ask) -> Found:
    """A TAP device, in the namespace that it was seen in."""
    thing, argv = ask["thing"], ask["argv"]
    words = argv[1:] if argv[0] == "sudo" else argv
    enter: Sequence[str] = words[:-5]
    there = run_program(*enter, "stat", "-L", "-c", "%i", "/proc/self/ns/net")
    if there.returncode or int(there.stdout) != thing["netns"]:
        return GONE
    link = run_program(*enter, "ip", "-j", "link", "show", "dev", thing["name"])
    found = [one for one in json.loads(link.stdout or "[]", strict=False) if one]
    if link.returncode or not found or found[0]["ifindex"] != thing["index"]:
        return GONE
    if why := attached(thing["name"]):
        return refused(why)
    done = run_program(*words)
    return DONE if done.returncode == 0 else refused(done.stderr.strip()[-500:])


DO = {"process": end_process, "path": remove_path, "tap": delete_tap}


def main() -> None:
    """Do what is asked."""
    ask = json.loads(sys.stdin.read() if sys.argv[1] == "-" else sys.argv[1])
    told: Any = copies(ask) if ask["act"] == "copies" else DO[ask["what"]](ask)
    print(json.dumps(told))


if __name__ == "__main__":
    main()
