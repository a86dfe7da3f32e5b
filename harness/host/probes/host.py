"""Runs ON the host, as root: all the suite asks of it, in one round trip. Python 3.9, standard library only.

The argument is JSON: settings of the site profile, and ``parts``, the names of what is asked. Prints JSON:
``{part: {"ok": value} | {"error": text}}``: a part that fails says so and disturbs no other, nor does one
that does not come to an end. It changes nothing. What it reads is of bounded size, and a byte that is no text
is a lone surrogate in JSON, so that a name still names its file. One file, and so a long one, because it
travels as one.
"""

from __future__ import annotations

import concurrent.futures
import contextlib
import datetime
import errno
import fcntl
import http.client
import json
import os
import platform
import re
import selectors
import shutil
import stat
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Sequence
from pathlib import Path
from typing import Any

Ask = dict[str, Any]
Found = dict[str, Any]

SYSTEM_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
KINDS = {stat.S_IFSOCK: "socket", stat.S_IFDIR: "directory", stat.S_IFLNK: "link", stat.S_IFREG: "file"}
ZONE = r" ?(Z|UTC|GMT)\b(?![+-]\d)| ?([+-]\d\d:?\d\d)\b|([+-]\d\d)\b"
STAMP = re.compile(rf"(\d{{4}}-\d\d-\d\d[T ]\d\d:\d\d:\d\d)(?:[.,]\d+)?(?:{ZONE})?", re.ASCII)
COLOUR = re.compile(r"\x1b\[[\d;]*[A-Za-z]")
"""With a letter of either kind: there are loggers that capitalize a level once it is coloured."""
HEAD = re.compile(rf"(?:{COLOUR.pattern}|\W)*{STAMP.pattern}", re.ASCII)
STAMP_FIELDS = ("timestamp", "@timestamp", "time", "ts", "date")
TAIL = 1 << 20
MOST_OUTPUT = 32 << 20
"""Bytes of a program's output, or of a file, that are read."""
MOST_SAID = 1 << 16
"""Bytes of what a VMM says of itself."""
MOST_ENTRIES = 10_000
"""Entries of a folder that are told one by one."""
LONGEST_LINE = 1 << 14
"""Characters of a line that are sent."""
MOST_TOLD = 4 << 20
"""Characters of a log that are sent; where more lines are asked for than usual, more of them."""
BEGINS_S = 60
"""Within so many seconds of its start a service has said something, or systemd of it."""
ZONES_S = 840
"""What no two zones differ by less than, with a minute to spare."""
EXITS, LAST_WORDS, LONGEST_WORD = 5, 10, 500
"""Ends of a service that are told, and how many lines before each, of how many characters."""
SUPPRESSED = "a596d6fe7bfa4994828e72309e95d61e"
PROCESS_EXIT = "98e322203f7a4ed290d09fe03c09fe15"
RESTART_SCHEDULED = "5eb03494b6584870a536b337290809b3"
QUESTIONS = {"--version", "--help", "--snapshot-version", "--describe-snapshot"}
LONGEST_COMMAND = 4096
"""Bytes of a command line."""
UNIT = (
    "Id,LoadState,ActiveState,SubState,UnitFileState,Result,NRestarts,MainPID,FragmentPath,"
    "InactiveExitTimestampMonotonic,ActiveEnterTimestampMonotonic,ExecMainStatus,ExecMainCode"
)


def decoded(raw: bytes) -> str:
    """Bytes as text, with nothing lost."""
    return raw.decode("utf-8", "surrogateescape")


def run_program(*argv: str, timeout: float = 20, most: int = MOST_OUTPUT) -> Found:
    """Exit status, stdout and stderr of a program; ``cut`` where it printed more than is read of it."""
    deadline = time.monotonic() + timeout
    with subprocess.Popen(
        argv,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={"PATH": SYSTEM_PATH, "LC_ALL": "C.UTF-8"},
    ) as program:
        try:
            cut, outputs = listened(program, deadline, most)
            if not cut:
                program.wait(max(0.1, deadline - time.monotonic()))
        finally:
            program.kill()
    stdout, stderr = (decoded(bytes(one)) for one in outputs)
    return {"status": 0 if cut else program.returncode, "stdout": stdout, "stderr": stderr, "cut": cut}


def listened(
    program: subprocess.Popen[bytes], deadline: float, most: int
) -> tuple[bool, tuple[bytearray, bytearray]]:
    """Both outputs of a program to their ends, or to the most that is read; whether it was that."""
    outputs = (bytearray(), bytearray())
    with selectors.DefaultSelector() as selector:
        for pipe, output in zip((program.stdout, program.stderr), outputs):  # noqa: B905 - Python 3.9
            selector.register(pipe, selectors.EVENT_READ, output)  # type: ignore[arg-type] # pipes they are
        while selector.get_map():
            left = deadline - time.monotonic()
            if left <= 0:
                raise RuntimeError("not ended in time")
            for key, _ in selector.select(left):
                chunk = os.read(key.fd, 1 << 16)
                key.data.extend(chunk)
                if len(key.data) > most:
                    return True, outputs
                if not chunk:
                    selector.unregister(key.fileobj)
    return False, outputs


def out(*argv: str, timeout: float = 20) -> str:
    """A program's stdout; a non-zero status is the part's error."""
    answer = run_program(*argv, timeout=timeout)
    if answer["cut"]:
        raise RuntimeError(f"{' '.join(argv)}: printed more than {MOST_OUTPUT >> 20} MiB")
    if answer["status"]:
        words = (answer["stderr"] or answer["stdout"]).strip()[-500:]
        raise RuntimeError(f"{' '.join(argv)}: exit status {answer['status']}: {words}")
    return str(answer["stdout"])


def text_of(path: str, most: int = MOST_OUTPUT) -> str:
    """A file's text, as far as it is read."""
    with Path(path).open("rb") as file:
        return decoded(file.read(most))


def json_of(text: str) -> Any:
    """What ``ip`` printed: it leaves the control characters in a device's name as they are."""
    return json.loads(text or "[]", strict=False)


def identity(_: Ask) -> Found:
    """Who and where we are."""
    names = {"hostname": platform.node(), "kernel": platform.release(), "python": platform.python_version()}
    return {"uid": os.geteuid(), "monotonic": time.monotonic(), **names}


def process(pid: int) -> Found:
    """One line of the process table."""
    comm, rest = text_of(f"/proc/{pid}/stat").split("(", 1)[1].rsplit(")", 1)
    fields = rest.split()
    argv = [word for word in text_of(f"/proc/{pid}/cmdline", LONGEST_COMMAND).split("\0") if word]
    line = {"pid": pid, "ppid": int(fields[1]), "state": fields[0], "started": int(fields[19])}
    found: Found = {**line, "comm": comm, "argv": argv, "exe": None, "netns": None}
    with contextlib.suppress(OSError):  # a defunct process has neither
        found["exe"] = str(Path(f"/proc/{pid}/exe").readlink())
        found["netns"] = Path(f"/proc/{pid}/ns/net").stat().st_ino
    return found


def is_vmm(one: Found, binary: str, names: set[str]) -> bool:
    """Whether a process is a VMM: by its program, or by a name that it goes by, with its release or without.

    One that was asked for its version, or another question, makes no VM.
    """
    exe = (one["exe"] or "").replace(" (deleted)", "")  # it was replaced since
    called = {Path(word).name for word in (*one["argv"][:1], exe)}
    known = {one["comm"], *called} & {*names, *(name[:15] for name in names)}
    release = any(
        re.match(rf"{re.escape(name)}-v?\d", word) for name in names for word in (one["comm"], *called)
    )
    return bool(known or release or (binary and exe == binary)) and not QUESTIONS & set(one["argv"])


def without_wrappers(vmms: list[Found], binary: str, names: set[str]) -> list[Found]:
    """VMMs without the shells that go by a VMM's name and only wait for it."""
    parents = {one["ppid"] for one in vmms}
    programs = {*names, Path(binary).name}
    return [
        one
        for one in vmms
        if one["pid"] not in parents
        or one["exe"] is None
        or Path(one["exe"].replace(" (deleted)", "")).name in programs
    ]


def processes(ask: Ask) -> Found:
    """VMM processes in full, and the name of every process."""
    found = shutil.which(ask["binary"], path=SYSTEM_PATH)
    binary, vmms, names = os.path.realpath(found) if found else "", [], {}
    known = {ask["process_name"], *([Path(binary).name] if binary else [])}
    for pid in sorted(int(name) for name in os.listdir("/proc") if name.isdigit()):  # noqa: PTH208 - text
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):  # it ended meanwhile
            one = process(pid)
            names[str(pid)] = one["comm"]
            if is_vmm(one, binary, known):
                vmms.append(one)
    return {"vmms": without_wrappers(vmms, binary, known), "names": names}


def entry(path: str) -> Found:
    """What a path is."""
    found = os.lstat(path)
    kind = KINDS.get(stat.S_IFMT(found.st_mode), "other")
    sizes = {"size": found.st_size, "mtime": found.st_mtime, "inode": found.st_ino}
    sizes["device"] = found.st_dev
    return {"path": path, "kind": kind, **sizes}


def listing(folder: str, depth: int) -> Found:
    """The first entries of a folder, and of its folders down to ``depth``, and how many there are."""
    found: list[Found] = []
    names, count = sorted(os.listdir(folder)), 0  # noqa: PTH208 - text
    for place, name in enumerate(names):
        if len(found) >= MOST_ENTRIES:
            count += len(names) - place
            break
        with contextlib.suppress(FileNotFoundError):  # removed meanwhile
            one = entry(os.path.join(folder, name))  # noqa: PTH118 - text
            found.append(one)
            count += 1
            if depth > 1 and one["kind"] == "directory":
                inside = listing(one["path"], depth - 1)
                found.extend(inside["entries"])
                count += inside["count"]
    return {"entries": found[:MOST_ENTRIES], "count": count}


def state(ask: Ask) -> Found:
    """Entries of the folder of VM state; none where that is in jails alone."""
    return {"entries": [], "count": 0} if ask["vms_dir"] is None else listing(ask["vms_dir"], 1)


def sockets(ask: Ask) -> Found:
    """Entries of the folder of API sockets, and its real name (/var/run is a link); none where it is none."""
    if ask["sockets_dir"] is None:
        return {"real": "", "entries": [], "count": 0}
    return {"real": os.path.realpath(ask["sockets_dir"]), **listing(ask["sockets_dir"], 2)}


def jails(ask: Ask) -> Found:
    """Folders and control groups that the jailer made, one for each VMM; none where it is not used."""
    base = ask["jails_dir"]
    if base is None:
        return {"jails": [], "groups": []}
    programs = {ask["process_name"], Path(ask["binary"]).name}
    found, rooted, mounts = [], process_roots(), mount_points()
    for program in folders_in(base.rstrip("/")):
        programs.add(Path(program["path"]).name)
        made = [one for one in folders_in(program["path"]) if is_jail(one["path"])]
        found += [jail(one, rooted, mounts) for one in made]
    return {"jails": found, "groups": control_groups(programs)}


def folders_in(folder: str) -> list[Found]:
    """The folders in a folder."""
    inside = listing(folder, 1)
    if inside["count"] > MOST_ENTRIES:
        raise RuntimeError(f"{folder} holds {inside['count']} entries")
    return [one for one in inside["entries"] if one["kind"] == "directory"]


def is_jail(path: str) -> bool:
    """Whether the jailer may have made a folder: it has a root, or nothing is left of it."""
    with contextlib.suppress(FileNotFoundError):  # removed meanwhile
        names = os.listdir(path)  # noqa: PTH208 - text
        return not names or "root" in names
    return False


def jail(one: Found, rooted: dict[tuple[int, int], list[int]], mounts: list[str]) -> Found:
    """What is in a jail, which the VMM in it may change meanwhile: no link is followed."""
    root = f"{one['path']}/root"
    inside: list[Found] = []
    pids: list[int] = []
    with contextlib.suppress(FileNotFoundError, NotADirectoryError):
        found = os.lstat(root)
        if stat.S_ISDIR(found.st_mode):
            pids = rooted.get((found.st_dev, found.st_ino), [])
            inside = listing(root, 3)["entries"]
    sockets = [entry for entry in inside if entry["kind"] == "socket"]
    below = [path for path in mounts if path.startswith(f"{os.path.realpath(one['path'])}/")]
    return {**one, "sockets": sockets, "pids": pids, "mounts": below}


def process_roots() -> dict[tuple[int, int], list[int]]:
    """Processes by their root folder's device and inode: its name is another one inside of a jail."""
    found: dict[tuple[int, int], list[int]] = {}
    for pid in sorted(int(name) for name in os.listdir("/proc") if name.isdigit()):  # noqa: PTH208 - text
        with contextlib.suppress(OSError):  # it ended meanwhile
            root = os.stat(f"/proc/{pid}/root")  # noqa: PTH116 - text
            found.setdefault((root.st_dev, root.st_ino), []).append(pid)
    return found


def mount_points() -> list[str]:
    """Where something is mounted."""
    fields = [line.split(" ")[4] for line in text_of("/proc/self/mountinfo").splitlines()]
    return [re.sub(r"\\([0-7]{3})", lambda told: chr(int(told[1], 8)), path) for path in fields]


def control_groups(programs: set[str]) -> list[Found]:
    """Control groups that the jailer makes, of either version: ``<program>/<id>``, in each hierarchy."""
    found: dict[str, Found] = {}
    top = Path("/sys/fs/cgroup")
    for parent in (top, *(top.iterdir() if top.is_dir() else ())):
        for path in (parent / program for program in sorted(programs)):
            if path.is_dir():
                inside = folders_in(os.path.realpath(path))
                found.update({one["path"]: one for one in inside})
    return list(found.values())


def paths(ask: Ask) -> Found:
    """What each asked path is; None where there is nothing."""
    found: Found = dict.fromkeys(ask.get("paths", ()))
    for path in found:
        try:
            found[path] = entry(path)
        except ValueError:  # what no path can be
            continue
        except OSError as error:
            if error.errno not in (errno.ENOENT, errno.ENOTDIR, errno.ENAMETOOLONG, errno.ELOOP):
                raise
    return found


def namespace(path: Path) -> int | None:
    """The inode of the namespace mounted here; None where nothing is, or only the plain file for it."""
    with contextlib.suppress(FileNotFoundError):
        found = path.stat()
        if found.st_dev == Path("/proc/self/ns/net").stat().st_dev:
            return found.st_ino
    return None


def namespaces(ask: Ask, own: int) -> dict[int, tuple[str, str]]:
    """Name and path of the named network namespaces and of those that VMM processes are in, by inode."""
    found: dict[int, tuple[str, str]] = {}
    folder = Path("/run/netns")
    for path in folder.iterdir() if folder.is_dir() else ():
        inode = namespace(path)
        if inode is not None:
            found[inode] = (path.name, str(path))
    for one in processes(ask)["vmms"]:
        if one["netns"] not in (None, own):
            found.setdefault(one["netns"], ("", f"/proc/{one['pid']}/ns/net"))
    return found


def taps_in(enter: Sequence[str], netns: int, name: str) -> list[Found]:
    """TAP devices of one network namespace."""
    links = json_of(out(*enter, "ip", "-j", "-d", "link", "show", "type", "tun"))
    return [
        {
            "name": link["ifname"],
            "index": link["ifindex"],
            "master": link.get("master"),
            "up": "UP" in link["flags"],
            "netns": netns,
            "netns_name": name,
        }
        for link in links
        if link and link.get("linkinfo", {}).get("info_data", {}).get("type", "tap") == "tap"
    ]


def taps(ask: Ask) -> Found:
    """TAP devices of the host and of every VM's network namespace; the suite's own are left out."""
    own = Path("/proc/self/ns/net").stat().st_ino
    others = namespaces(ask, own)
    found = taps_in((), own, "")
    for inode, (name, path) in others.items():
        if not re.match(ask["ours"], name):
            try:
                found += taps_in(("nsenter", f"--net={path}"), inode, name)
            except RuntimeError:
                if namespace(Path(path)) == inode:  # else it went away while we looked
                    raise
    return {
        "host_netns": own,
        "names": {str(inode): name for inode, (name, _) in others.items()},
        "taps": found,
    }


def bridge(ask: Ask) -> Found | None:
    """The bridge and its addresses; None where there is no such device."""
    answer = run_program("ip", "-j", "-d", "address", "show", "dev", ask["bridge"])
    if answer["status"] and "does not exist" not in answer["stderr"]:
        raise RuntimeError(answer["stderr"].strip())
    return next((link for link in json_of(answer["stdout"]) if link), None)


def firewall(_: Ask) -> Found:
    """Rule sets as the tools print them."""
    found: Found = {}
    if shutil.which("nft", path=SYSTEM_PATH):
        found["nft"] = json.loads(out("nft", "-j", "list", "ruleset") or '{"nftables": []}')["nftables"]
    if shutil.which("iptables-save", path=SYSTEM_PATH):
        found["iptables"] = out("iptables-save")
    with contextlib.suppress(FileNotFoundError):  # it is there when the old back end is in use
        if text_of("/proc/net/ip_tables_names").strip():
            found["iptables-legacy"] = out("iptables-legacy-save")
    if not found:
        raise RuntimeError("neither nft nor iptables-save is installed")
    return found


def unit(ask: Ask) -> Found:
    """The controller's unit as systemd sees it."""
    text = out("systemctl", "show", "--no-pager", f"--property={UNIT}", "--", ask["unit"])
    return dict(line.split("=", 1) for line in text.splitlines() if "=" in line)


def started(ask: Ask) -> int:
    """When the unit left `inactive`, in microseconds of the monotonic clock, which nobody sets."""
    since = int(unit(ask)["InactiveExitTimestampMonotonic"] or 0)
    if not since:
        raise RuntimeError(f"{ask['unit']} was never started since this host booted")
    return since


def wall_time(monotonic_us: int) -> float:
    """The wall time of a moment since boot, by the clock as it is set now."""
    return time.time() - time.monotonic() + monotonic_us / 1e6


def told(lines: list[tuple[float, str]], limit: int) -> Found:
    """The latest lines, as many as are sent. Whoever asks holds patterns against them: none keeps us busy."""
    kept: list[tuple[float, str]] = []
    room = min(max(MOST_TOLD, limit << 9), MOST_OUTPUT)
    for when, line in reversed(lines):
        text = line if len(line) <= LONGEST_LINE else f"{line[:LONGEST_LINE]}…"
        room -= len(text)
        if room < 0:
            limit = min(limit, len(kept))
            break
        kept.append((when, text))
    return {"lines": kept[::-1], "limit": limit}


def journal(ask: Ask) -> Found:
    """Lines of the controller's journal since it started, among its latest ones; how it ended before."""
    since, limit, unit_name = started(ask), ask["journal_lines"], ask["unit"]
    # --all: else a message of more than 4096 bytes is null. The newest first: of too much, the oldest is cut.
    how = ("--no-pager", "--quiet", "--all", "--reverse", "--output=json")
    fields = "--output-fields=MESSAGE,MESSAGE_ID,N_DROPPED,UNIT,__REALTIME_TIMESTAMP"
    which = ("--boot", f"--lines={limit}", f"--unit={unit_name}")
    answer = run_program("journalctl", *how, fields, *which, timeout=60)
    if answer["status"]:
        raise RuntimeError(f"journalctl: exit status {answer['status']}: {answer['stderr'].strip()[-500:]}")
    rows = [row for row in answer["stdout"].split("\n") if row]  # a message may hold U+2028 as it is
    if answer["cut"]:
        rows = rows[:-1]
        limit = min(limit, len(rows))
    records = [json.loads(row) for row in reversed(rows)]
    # Not by its wall time: a clock set since would cut off what was logged right after the start.
    mine = [record for record in records if since <= int(record["__MONOTONIC_TIMESTAMP"])]
    lines = [line_of(record) for record in mine]
    reaches = len(rows) >= limit or (records and int(records[0]["__MONOTONIC_TIMESTAMP"]) <= since)
    found = {**told(lines, limit), "since": wall_time(since), "exits": exits_in(records)}
    return {**found, "gap": suppressed(mine) or (None if reaches else begins_late(mine, since))}


def line_of(record: Found) -> tuple[float, str]:
    """When an entry was logged, and its message."""
    return int(record["__REALTIME_TIMESTAMP"]) / 1e6, message_of(record)


def suppressed(records: list[Found]) -> Found | None:
    """From when on nothing more was dropped by journald, which a service may log too much for."""
    drops = [one for one in records if one.get("MESSAGE_ID") == SUPPRESSED]
    if not drops:
        return None
    count = sum(int(one.get("N_DROPPED") or 1) for one in drops)
    return {"known_from": line_of(drops[-1])[0], "why": f"journald suppressed {count} messages before"}


def begins_late(records: list[Found], since: int) -> Found | None:
    """From when on the journal tells of this boot at all, where that is after the start."""
    begun = since + BEGINS_S * 1_000_000
    if records and int(records[0]["__MONOTONIC_TIMESTAMP"]) <= begun:
        return None  # at the least systemd's own word of the start
    how = ("--system", "--boot", "--no-pager", "--quiet", "--output=json", "--output-fields=_PID")
    answer = run_program("journalctl", *how, timeout=60, most=1)  # of a long answer, its beginning
    first = answer["stdout"].partition("\n")[0]
    oldest = json.loads(first) if first else {}
    if oldest and int(oldest["__MONOTONIC_TIMESTAMP"]) <= begun:
        return None
    from_when = int(oldest["__REALTIME_TIMESTAMP"]) / 1e6 if oldest else time.time()
    return {"known_from": from_when, "why": "the journal on this host begins only then"}


def exits_in(records: list[Found]) -> list[Found]:
    """The last ends of the service that systemd tells of, and the service's last words before each."""
    found: list[Found] = []
    words: list[tuple[float, str]] = []
    how: tuple[float, str] | None = None
    for record in records:
        by, kind = record.get("UNIT"), record.get("MESSAGE_ID")
        if not by and kind != SUPPRESSED:
            when, text = line_of(record)
            words = [*words[1 - LAST_WORDS :], (when, text[:LONGEST_WORD])]
        elif by and kind == PROCESS_EXIT:
            how = line_of(record)
        elif by and kind == RESTART_SCHEDULED:
            when, text = how or line_of(record)
            found.append({"time": when, "how": text[:LONGEST_WORD], "words": words})
            words, how = [], None
    if how:  # and it was not started again
        found.append({"time": how[0], "how": how[1][:LONGEST_WORD], "words": words})
    return found[-EXITS:]


def message_of(record: Found) -> str:
    """A journal entry's message: journald gives the bytes of what is no text, and a list of several."""
    message = record.get("MESSAGE") or ""
    if not isinstance(message, list):
        return str(message)
    if all(isinstance(one, int) for one in message):
        return decoded(bytes(message))
    return "\n".join(message_of({"MESSAGE": one}) for one in message)


def time_in(text: str) -> tuple[float, bool] | None:
    """The first time in a text, and whether it names its zone; one that names none is the host's own."""
    stamp = STAMP.search(text)
    if stamp:
        zone = "+0000" if stamp[2] else stamp[3] or (f"{stamp[4]}00" if stamp[4] else "")
        with contextlib.suppress(ValueError, OverflowError):  # the 45th of a month
            said = stamp[1] + re.sub(r"(\d\d):?(\d\d)", r"\1:\2", zone)
            return datetime.datetime.fromisoformat(said).timestamp(), bool(zone)
    return None


def time_of(line: str) -> tuple[float, bool] | None:
    """When a line of a log was written, as its head or its JSON says; None where it goes on from another."""
    if not HEAD.match(line):  # there no other time can be meant
        said = time_in_json(line)
        if said is not None:
            return said
    return None if line[:1].isspace() else time_in(line[:80])


def time_in_json(line: str) -> tuple[float, bool] | None:
    """The time that a line's JSON tells; a small number is a duration, or whatever else is called so."""
    with contextlib.suppress(ValueError, RecursionError):
        fields = json.loads(line[line.index("{") :])
        for said in (fields[name] for name in STAMP_FIELDS if name in fields):
            if isinstance(said, str) and (found := time_in(said)) is not None:
                return found
            if isinstance(said, (int, float)) and 1e9 < said < 1e14:
                return said / 1000 if said > 1e11 else said, True
    return None


def tail_of(path: str, limit: int) -> tuple[list[str], int, float]:
    """The last lines of a file, how many there may be at most, and when it was last written to."""
    # A pipe would be waited for, and a device has no end.
    with os.fdopen(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC), "rb") as file:
        found = os.fstat(file.fileno())
        if not stat.S_ISREG(found.st_mode):
            raise RuntimeError(f"{path} is no file, but: {KINDS.get(stat.S_IFMT(found.st_mode), 'other')}")
        file.seek(max(0, found.st_size - TAIL))
        lines = decoded(file.read(TAIL)).splitlines()
    if found.st_size > TAIL:
        lines = lines[1:] or lines  # the first one was cut
        limit = min(limit, len(lines))
    return lines[-limit:], limit, found.st_mtime


def log_file(ask: Ask) -> Found | None:
    """Lines of the controller's log file since it started, among its last ones.

    Where it was written to since then, and its last line does not say so, its lines tell no time: any of
    them may be from since then. So it is where they name no zone, and by the host's own the last line is of
    another time than the file.
    """
    if not ask["log_file"]:
        return None
    since, moment, zoned = wall_time(started(ask)), 0.0, True
    first: float | None = None
    lines = []
    tail, limit, written = tail_of(ask["log_file"], ask["journal_lines"])
    for text in tail:  # a line without a time belongs to the one before
        moment, zoned = time_of(text) or (moment, zoned)
        first = first or moment or None
        if moment >= int(since):
            lines.append((moment, text))
    undated = moment < int(since) <= written or (not zoned and abs(written - moment) > ZONES_S)
    if undated:
        lines = [(written, text) for text in tail]
    found = {**told(lines, limit), "since": since, "undated": undated}
    late = first is not None and first > since + BEGINS_S and len(tail) < limit and not undated
    gap = {"known_from": first, "why": "the file begins only then"} if late else None
    return {**found, "zone": "" if zoned else time.strftime("%Z (UTC%z)"), "gap": gap}


def api(ask: Ask) -> Found:
    """The controller's answer; that there is none, or not all of it in time, is an answer, too."""
    begin, limit = time.monotonic(), ask["api_timeout_s"]
    found: list[Found] = []
    talk = threading.Thread(target=lambda: found.append(api_answer(ask)), daemon=True)
    talk.start()
    talk.join(limit)
    none = {"status": None, "body": "", "error": f"no whole answer within {limit:g} s"}
    return {**(found[0] if found else none), "seconds": time.monotonic() - begin}


def api_answer(ask: Ask) -> Found:
    """The controller's answer, or why there is none."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    found: Found = {"status": None, "body": "", "error": ""}
    try:
        with opener.open(ask["health_url"], timeout=ask["api_timeout_s"]) as answer:
            found.update(status=answer.status, body=decoded(answer.read(300)))
    except urllib.error.HTTPError as error:
        found.update(status=error.code, body=decoded(error.read(300)))
    except (OSError, ValueError, http.client.HTTPException) as error:
        found["error"] = (str(getattr(error, "reason", error)) or type(error).__name__)[:500]
    return found


def room(ask: Ask) -> Found:
    """Free disk where VM state lives, and free memory."""
    disk, memory = os.statvfs(ask["vms_dir"] or ask["jails_dir"]), text_of("/proc/meminfo")
    available = int(re.findall(r"^MemAvailable:\s+(\d+) kB", memory, re.M)[0])
    return {"disk_mib": disk.f_bavail * disk.f_frsize >> 20, "memory_mib": available >> 10}


def vmm(ask: Ask) -> Found:
    """What the VMM's binary says of itself and of the snapshot; all asked at once."""
    path = shutil.which(ask["binary"], path=SYSTEM_PATH)
    asked = {"version": ["--version"], "snapshot_version": ["--snapshot-version"]}
    if ask["vmstate"]:
        asked["describe"] = ["--describe-snapshot", ask["vmstate"]]
    if path is None:
        return {"path": None, "answers": {}}
    with concurrent.futures.ThreadPoolExecutor(3) as pool:
        answers = {
            name: pool.submit(run_program, path, *words, most=MOST_SAID) for name, words in asked.items()
        }
    return {"path": path, "answers": {name: future.result() for name, future in answers.items()}}


KVM_GET_API_VERSION, KVM_CREATE_VM, KVM_CREATE_VCPU = 0xAE00, 0xAE01, 0xAE41


def kvm(ask: Ask) -> Found:
    """The version of KVM's API, and what of KVM cannot be used, as far as a VMM goes before a guest runs."""
    found: Found = {"version": None, "fault": None}
    if ask["kvm"] is None:
        return found
    step = "it cannot be opened"
    with contextlib.ExitStack() as opened:
        try:
            device = os.open(ask["kvm"], os.O_RDWR | os.O_CLOEXEC)
            opened.callback(os.close, device)
            step = "it is no KVM"
            found["version"] = fcntl.ioctl(device, KVM_GET_API_VERSION)
            step = "it makes no VM"
            machine = fcntl.ioctl(device, KVM_CREATE_VM)
            opened.callback(os.close, machine)
            step = "a VM of it has no processor"
            opened.callback(os.close, fcntl.ioctl(machine, KVM_CREATE_VCPU))
        except OSError as error:
            found["fault"] = f"{step}: {error.strerror}"
    return found


PARTS: tuple[Any, ...] = (
    identity,
    processes,
    state,
    sockets,
    jails,
    paths,
    taps,
    bridge,
    firewall,
    unit,
    journal,
    log_file,
    api,
    room,
    vmm,
    kvm,
)


def answered(part: Any, ask: Ask) -> Found:
    """A part's answer, or why there is none."""
    try:
        return {"ok": part(ask)}
    except Exception as error:  # noqa: BLE001 - whatever it is, it is this part's answer
        return {"error": f"{type(error).__name__}: {str(error)[:2000]}"}


def main() -> None:
    """Ask all parts at once; those that are not done in time are not waited for."""
    began = time.time()
    ask = json.loads(sys.argv[1] if sys.argv[1] != "-" else sys.stdin.read())
    pool = concurrent.futures.ThreadPoolExecutor(6)
    asked = {
        part.__name__: pool.submit(answered, part, ask) for part in PARTS if part.__name__ in ask["parts"]
    }
    concurrent.futures.wait(asked.values(), timeout=ask["limit_s"])
    late = {"error": f"no answer within {ask['limit_s']:g} s"}
    found = {name: future.result() if future.done() else late for name, future in asked.items()}
    json.dump({"parts": found, "began": began, "ended": time.time()}, sys.stdout)
    sys.stdout.flush()
    os._exit(0)  # what is not done would be waited for


if __name__ == "__main__":
    main()
