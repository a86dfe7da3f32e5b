"""Runs ON the host, as root: ends or removes one thing, if it is still the very same and nobody holds it.

The argument is JSON: ``act`` (``copies`` or ``do``), ``what``, ``thing`` and ``argv``. Prints JSON.
Python 3.9, standard library only; one file, because it travels as one.
"""

from __future__ import annotations

import base64
import contextlib
import json
import os
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

SYSTEM_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
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


def holder(path: str) -> str:
    """Who has a file open at or below a path, or stands there; empty where nobody does."""
    real = os.path.realpath(path)
    for one in processes():
        with contextlib.suppress(OSError):
            links = [one / "cwd", one / "root", *(one / "fd").iterdir()]
            for link in links:
                with contextlib.suppress(OSError):
                    at = os.readlink(link)  # noqa: PTH115 - text
                    if at == real or at.startswith(f"{real}/"):
                        return f"pid {one.name} ({(one / 'comm').read_text().strip()}) has {at} open"
    return ""


def mounted(path: str) -> str:
    """A file system that is mounted at or below a path."""
    real = os.path.realpath(path)
    for line in Path("/proc/self/mountinfo").read_text(errors="surrogateescape").splitlines():
        at = line.split()[4].replace("\\040", " ")
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


def same(ask: Ask) -> os.stat_result | None:
    """What lies at the path, if it is what was planned."""
    try:
        found = os.lstat(ask["thing"]["path"])
    except (FileNotFoundError, NotADirectoryError):
        return None
    return found if found.st_ino == ask["thing"]["inode"] else None


def remove_path(ask: Ask) -> Found:
    """A file, socket or folder, without following any link."""
    path, found = ask["thing"]["path"], same(ask)
    if found is None:
        return GONE
    if why := holder(path) or mounted(path):
        return refused(why)
    if stat.S_ISDIR(found.st_mode):
        shutil.rmtree(path)
    else:
        if stat.S_ISSOCK(found.st_mode) and (why := answers(path)):
            return refused(why)
        os.unlink(path)  # noqa: PTH108 - text
    return DONE


def files_below(path: str) -> Iterator[str]:
    """Plain files at or below a path."""
    if not os.path.isdir(path) or os.path.islink(path):  # noqa: PTH112, PTH114 - text
        yield path
    for folder, _, names in os.walk(path):
        yield from (os.path.join(folder, name) for name in sorted(names))  # noqa: PTH118 - text


def copies(ask: Ask) -> list[Found]:
    """Small files that go with it, each with its content; larger ones are named with their size."""
    told: list[Found] = []
    left = IN_ALL
    for path in files_below(ask["thing"]["path"]) if same(ask) else ():
        with contextlib.suppress(OSError):
            found = os.lstat(path)
            if not stat.S_ISREG(found.st_mode):
                continue
            one: Found = {"path": path, "mode": found.st_mode, "uid": found.st_uid, "gid": found.st_gid}
            one["size"] = found.st_size
            if found.st_size <= min(SMALL, left):
                content = Path(path).read_bytes()[:SMALL]
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
