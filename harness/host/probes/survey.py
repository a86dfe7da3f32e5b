"""Runs ON the host, as root: what tells how a deployment is laid out. Python 3.9, standard library only.

The argument is JSON: ``vmms``, the pids of VMMs, ``name``, what those are called, ``patterns`` of a launch,
and ``limit_s``: what has not been told by then is named in ``unseen``. Prints JSON. It changes nothing: it
reads, asks what listens here for a health path, and runs a VMM's program with --version, but for one in a
jail, which the VMM there may have put in its place.
Of sources only short texts go out that speak of VMs, and none that looks like a login or a secret.
One file, and so a long one, because it travels as one.
"""

from __future__ import annotations

import concurrent.futures
import contextlib
import filecmp
import functools
import json
import os
import re
import shutil
import stat
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

Ask = dict[str, Any]
Found = dict[str, Any]

SYSTEM_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
ROOTS = ("/var/lib", "/srv", "/opt", "/home", "/root", "/data", "/mnt", "/usr/local/share")
RUNS = ("/run", "/tmp")  # noqa: S108 - looked at only
NOT_VMS = {f"/run/{one}" for one in ("netns", "systemd", "user", "udev", "credentials", "lock", "log")}
"""What systemd and others keep of a VM's namespace, scope and device: it goes with these."""
PASSED_BY = {
    "node_modules",
    ".git",
    "docker",
    "containerd",
    "containers",
    "apt",
    "dpkg",
    "snapd",
    "postgresql",
    "site-packages",
}
DEEPEST, MOST_ENTRIES, MOST_CALLED = 5, 60_000, 400_000
MOST_BESIDE = 40
"""Of a kind in one folder, so many files are told, and so many folders with disks: VMs may have thousands."""
MOST_SOURCES, LARGEST_SOURCE, MOST_SOURCE = 400, 1 << 19, 8 << 20
MOST_BESIDE_SOURCES = 5000
SOURCES = (".js", ".mjs", ".cjs", ".ts", ".py", ".go", ".rb", ".sh")
TEXT = re.compile(r"""(["'`])((?:(?!\1)[^\n]){3,160})\1""")
SPEAKS = re.compile(
    r"firecracker|api-sock|/snapshot/load|rootfs|golden|vmlinux|\.ext4|\.snap\b|\.mem\b|/[\w./-]+\.log\b"
)
PRIVATE = re.compile(r"://|@|passw|pwd|secret|token|key|bearer|credential", re.IGNORECASE)
MOST_MENTIONS, MOST_FOLDERS, MOST_OPEN = 200, 40, 400
HEALTH = ("/health", "/healthz", "/api/health")
LOOPBACK = ("127.0.0.1", "[::1]")
EVERY = dict.fromkeys(("0.0.0.0", "*", "[::]"), LOOPBACK[0])  # noqa: S104 - as ss tells it
HEALTH_S, MOST_PORTS, SERVICES_AT_ONCE = 3, 8, 8
OURS = re.compile(r"acc-[0-9a-f]{6}(\b|-)|.*\.promotion$")
"""Folders of the suite: its clones, and what a promotion keeps."""
CONFIGURED = {
    "kernel": ("boot-source", "kernel_image_path"),
    "initrd": ("boot-source", "initrd_path"),
    "boot_args": ("boot-source", "boot_args"),
    "vcpus": ("machine-config", "vcpu_count"),
    "memory_mib": ("machine-config", "mem_size_mib"),
    "disk": ("drives", "path_on_host"),
    "drive_id": ("drives", "drive_id"),
    "iface_id": ("network-interfaces", "iface_id"),
}
SETTINGS = ("guest_address", "boot_args", "vcpus", "memory_mib")
CONTROLLER = "controller|orchestrat|firecracker"
VENDORS = ("/lib/systemd/", "/usr/lib/systemd/")


def out(*argv: str, timeout: float = 20) -> str:
    """A program's stdout; nothing where it fails or is not there."""
    try:
        done = subprocess.run(
            argv,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=timeout,
            check=False,
            env={"PATH": SYSTEM_PATH, "LC_ALL": "C.UTF-8"},
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.decode("utf-8", "surrogateescape") if done.returncode == 0 else ""


def text_of(path: str, most: int = LARGEST_SOURCE) -> str:
    """A file's text, as far as it is read; nothing where it cannot be."""
    try:
        with os.fdopen(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC), "rb") as file:
            return file.read(most).decode("utf-8", "surrogateescape")
    except OSError:
        return ""


def link_of(path: str) -> str:
    """Where a link leads; nothing where it cannot be read."""
    with contextlib.suppress(OSError):
        return os.readlink(path)  # noqa: PTH115 - text
    return ""


def words_of(pid: int) -> list[str]:
    """A process's command line; one that has written its own title tells it as one word."""
    words = [word for word in text_of(f"/proc/{pid}/cmdline").split("\0") if word]
    return words if len(words) > 1 else " ".join(words).split()


def unit_of(pid: int) -> str:
    """The service whose control group a process is in."""
    parts = re.findall(r"[^/\n]+\.service(?=/|$)", text_of(f"/proc/{pid}/cgroup"), re.MULTILINE)
    return parts[-1] if parts else ""


def children() -> dict[int, list[int]]:
    """Processes by their parent's pid."""
    found: dict[int, list[int]] = {}
    for name in os.listdir("/proc"):  # noqa: PTH208 - text
        match = name.isdigit() and re.search(r"^PPid:\s*(\d+)", text_of(f"/proc/{name}/status"), re.MULTILINE)
        if match:
            found.setdefault(int(match[1]), []).append(int(name))
    return found


def descriptors(pid: int) -> set[str]:
    """What a process's descriptors lead to."""
    with contextlib.suppress(OSError):
        return {link_of(f"/proc/{pid}/fd/{one}") for one in os.listdir(f"/proc/{pid}/fd")}  # noqa: PTH208
    return set()


def opened_by(pid: int) -> set[str]:
    """Files that a process has open or mapped."""
    found = descriptors(pid)
    for line in text_of(f"/proc/{pid}/maps", 1 << 20).splitlines():
        found.add(line[73:].strip())
    return {
        one for one in found if one.startswith("/") and not one.startswith(("/dev/", "/proc/", "/memfd:"))
    }


def listens_on(pid: int) -> list[str]:
    """Unix sockets that a process listens on."""
    own = descriptors(pid)
    rows = (line.split(None, 7) for line in text_of(f"/proc/{pid}/net/unix", 1 << 22).splitlines()[1:])
    return [row[7] for row in rows if len(row) == 8 and f"socket:[{row[6]}]" in own and row[3] == "00010000"]


def program_of(pid: int, name: str) -> str:
    """What runs: the process's own file, or where that is an interpreter, the program it was called as."""
    exe = link_of(f"/proc/{pid}/exe").replace(" (deleted)", "")
    if Path(exe).name.startswith(name):
        return exe
    for word in words_of(pid)[:2]:
        if Path(word).name.startswith(name):
            return (word if word.startswith("/") else shutil.which(word, path=SYSTEM_PATH)) or ""
    return ""


def root_of(pid: int) -> str:
    """A process's root as the host names it: of one in mounts of its own, as a jail's, the link says /."""
    own, told = f"/proc/{pid}/root", link_of(f"/proc/{pid}/root") or "/"
    with contextlib.suppress(OSError):
        if told != "/" or os.path.samefile(own, "/"):  # noqa: PTH121 - text
            return told
    for device, inside, _ in (one for one in mounts(pid) if one[2] == "/"):
        for known, above, at in mounts(os.getpid()):
            if device == known and f"{inside}/".startswith(f"{above.rstrip('/')}/"):
                path = f"{at.rstrip('/')}/{inside[len(above.rstrip('/')) :].strip('/')}"
                with contextlib.suppress(OSError):
                    if os.path.samefile(own, path):  # noqa: PTH121 - text
                        return path
    return own


def mounts(pid: int) -> list[tuple[str, str, str]]:
    """What is mounted where, as a process sees it: device, the folder on it, and the mount point."""
    rows = (line.split(" ") for line in text_of(f"/proc/{pid}/mountinfo", 1 << 22).splitlines())
    return [(row[2], unescaped(row[3]), unescaped(row[4])) for row in rows if len(row) > 4]


def unescaped(path: str) -> str:
    """A path of the mount table."""
    return re.sub(r"\\([0-7]{3})", lambda told: chr(int(told[1], 8)), path)


def on_host(path: str, root: str) -> str:
    """A path as the host names it, where it is one of a process with another root."""
    inside = f"{root.rstrip('/')}{path}"
    return path if root == "/" or path.startswith(f"{root}/") or not os.path.lexists(inside) else inside


def copied(pid: int, programs: Found) -> str:
    """Of the programs that are installed the one that a process runs a copy of."""
    for path in programs:
        with contextlib.suppress(OSError):
            if filecmp.cmp(f"/proc/{pid}/exe", path, shallow=False):
                return str(path)
    return ""


def configured(pid: int, root: str) -> Found:
    """What its --config-file says of the VM."""
    words = words_of(pid)
    named = [words[place + 1] for place, word in enumerate(words[:-1]) if word == "--config-file"]
    named += [word.partition("=")[2] for word in words if word.startswith("--config-file=")]
    if not named:
        return {}
    try:
        told = json.loads(text_of(os.path.join(root, named[0].lstrip("/"))))  # noqa: PTH118
    except (ValueError, RecursionError):
        return {}
    found = {}
    for field, (table, key) in CONFIGURED.items():
        one = told.get(table) if isinstance(told, dict) else None
        rows = [each for each in one if isinstance(each, dict)] if isinstance(one, list) else []
        one = next((each for each in rows if each.get("is_root_device")), rows[0]) if rows else one
        value = one.get(key) if isinstance(one, dict) else None
        if isinstance(value, (str, int)):
            found[field] = on_host(str(value), root) if field in ("kernel", "initrd", "disk") else value
    return found


def brought(pid: int, root: str, paths: list[str]) -> list[str]:
    """Of the files of a jail those that lie elsewhere, too: mounted into it, or linked."""
    inside = [path for path in paths if root != "/" and path.startswith(f"{root}/")]
    points = [at.rstrip("/") for _, _, at in mounts(pid)]
    if "" not in points:  # its mounts cannot be read
        return inside
    found = []
    for path in inside:
        within = path[len(root) :]
        is_mounted = any(f"{within}/".startswith(f"{at}/") for at in points if at)
        with contextlib.suppress(OSError):
            if is_mounted or os.stat(f"/proc/{pid}/root{within}").st_nlink > 1:  # noqa: PTH116 - text
                found.append(path)
    return found


def called(seen: list[Found]) -> Found:
    """What is called by a VM that runs in a jail, and lies in none: its state may be there, too.

    ``uncalled`` names the folders that were not looked through to their ends.
    """
    roots = (Path(one["root"]) for one in seen)
    jails = [one for one in roots if one.name == "root" and len(one.parents) > 3]
    bases = {str(one.parents[2]) for one in jails}
    names = "|".join(sorted(re.escape(one.parent.name) for one in jails))
    title = re.compile(rf"(?<![0-9A-Za-z])(?:{names})(?![0-9A-Za-z])")
    found: list[str] = []
    cut: list[str] = []
    left = MOST_CALLED
    for root in (*ROOTS, *RUNS) if jails else ():
        for at, folders, kept in os.walk(root):
            left -= len(folders) + len(kept)
            if left < 0:
                cut.append(root)
                break
            found += [os.path.join(at, one) for one in (*folders, *kept) if title.search(one)]  # noqa: PTH118
            paths = {one: os.path.join(at, one) for one in folders}  # noqa: PTH118 - text
            deep = at.count("/") - root.count("/") >= DEEPEST
            folders[:] = [] if deep else [one for one in folders if is_walked(one, paths[one], bases)]
    told = [one for one in found if not any(f"{one}/".startswith(f"{base}/") for base in bases)]
    return {"called": sorted(told)[:MOST_FOLDERS], "uncalled": cut}


def is_walked(name: str, path: str, bases: set[str]) -> bool:
    """Whether what is in a folder may be a VM's, and in no jail."""
    return name not in PASSED_BY and not OURS.match(name) and path not in bases and path not in NOT_VMS


def opened(pid: int, name: str, below: dict[int, list[int]], programs: Found) -> Found:
    """What a VMM has open, and what it is. In a jail there is a copy of its program."""
    root = root_of(pid)
    files = opened_by(pid).union(*(opened_by(one) for one in below.get(pid, ())))
    files = {on_host(one, root) for one in files}
    program = on_host(program_of(pid, name), root)
    copy = "" if root == "/" else copied(pid, programs)
    config = configured(pid, root)
    using = (pid, *below.get(pid, ()))
    return {
        "pid": pid,
        "program": program,
        "root": root,
        "unit": unit_of(pid),
        "brought": brought(pid, root, sorted(files))[:MOST_OPEN],
        "files": sorted({*files, *([str(config["disk"])] if "disk" in config else [])})[:MOST_OPEN],
        "sockets": listens_on(pid),
        "kvm": any("/dev/kvm" in descriptors(one) for one in using),
        "version": programs.get(copy, "") if root != "/" else release_of(program),
        "copy_of": copy,
        "config": config,
    }


def installed(name: str) -> Found:
    """Programs called as VMMs are, of any release, and the release that each says it is."""
    found: Found = {}
    known = set()
    for folder in (*SYSTEM_PATH.split(":"), "/opt/firecracker", "/usr/local/lib/firecracker"):
        for path in sorted(Path(folder).glob("*")):
            real = os.path.realpath(path)
            called = re.fullmatch(rf"{re.escape(name)}(-v?\d[\w.-]*)?", path.name)
            if called and real not in known and Path(real).is_file() and os.access(real, os.X_OK):
                known.add(real)
                found[str(path)] = release_of(str(path))
    return found


@functools.cache
def release_of(program: str) -> str:
    """What a program says to --version."""
    said = re.search(r"\bv?(\d+\.\d+\.\d+\S*)", out(program, "--version", timeout=10)) if program else None
    return said[1] if said else ""


def listeners() -> dict[str, list[str]]:
    """Where services listen for TCP, by the service: as address:port, loopback before others."""
    found: dict[str, dict[str, str]] = {}
    for line in out("ss", "-ltnpH").splitlines():
        local = re.search(r"\s(\S+):(\d+)\s", line)
        pids = re.findall(r"pid=(\d+)", line)
        if local and pids:
            address = EVERY.get(local[1], local[1].partition("%")[0])
            ports = found.setdefault(unit_of(int(pids[0])), {})
            if address in LOOPBACK or local[2] not in ports:
                ports[local[2]] = address
    return {
        unit: [f"{ports[port]}:{port}" for port in sorted(ports, key=int)] for unit, ports in found.items()
    }


class Nowhere(urllib.request.HTTPRedirectHandler):
    """Nobody is asked but who was meant to be: a redirection may lead off this machine."""

    def redirect_request(self, *_: Any) -> None:
        """It is not followed."""


def healthy(at: str) -> str:
    """The path that answers 200 where something listens on this machine."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), Nowhere())
    for path in HEALTH:
        try:
            with opener.open(f"http://{at}{path}", timeout=HEALTH_S) as answer:
                if answer.status == 200:
                    return path
        except urllib.error.HTTPError:
            continue
        except Exception:  # noqa: BLE001 - it speaks no HTTP, or not in time
            return ""
    return ""


def sources_of(pid: int, directory: str) -> Iterator[str]:
    """Files that a service's program is written in: those it was started with, and what lies beside them."""
    cwd = directory if directory.startswith("/") else link_of(f"/proc/{pid}/cwd")
    scripts = [os.path.join(cwd, word) for word in words_of(pid)[:4] if not word.startswith("-")]  # noqa: PTH118
    scripts = [one for one in scripts if Path(one).is_file() and one != link_of(f"/proc/{pid}/exe")]
    yield from scripts
    folders = {directory} | {str(Path(one).parent) for one in scripts if one.endswith(SOURCES)}
    for folder in sorted(folders - {"", "/", "/root", "/home", "/usr/bin", "/usr/local/bin"}):
        seen = 0
        for one, kept in walked(folder, 4):
            seen += len(kept) + 1
            if seen > MOST_BESIDE_SOURCES:
                break
            yield from (os.path.join(one, name) for name in kept if name.endswith(SOURCES))  # noqa: PTH118


def walked(folder: str, depth: int) -> Iterator[tuple[str, list[str]]]:
    """Folders below one, and the names in each, those of links to other folders among them."""
    base = folder.rstrip("/").count("/")
    for at, folders, names in os.walk(folder):
        folders[:] = sorted(
            one
            for one in folders
            if one not in PASSED_BY and not OURS.match(one) and at.count("/") - base < depth
        )
        yield at, sorted([*names, *(one for one in folders if os.path.islink(os.path.join(at, one)))])  # noqa: PTH114, PTH118


def mentions(pid: int, directory: str) -> list[Found]:
    """Texts in a service's sources that speak of VMs."""
    found: list[Found] = []
    seen: set[str] = set()
    room = MOST_SOURCE
    for path in sources_of(pid, directory):
        if len(seen) >= MOST_SOURCES or room <= 0:
            break
        if path in seen:
            continue
        seen.add(path)
        text = text_of(path)
        room -= len(text)
        for number, line in enumerate(text.splitlines(), 1):
            texts = (match[2] for match in TEXT.finditer(line[:2000]))
            found += [
                {"text": one, "where": f"{path}:{number}"}
                for one in texts
                if SPEAKS.search(one) and not PRIVATE.search(one)
            ]
    return found[:MOST_MENTIONS]


def log_files(pid: int, told: list[Found]) -> list[Found]:
    """Log files that a service has open, or whose paths its sources name."""
    found = {one: f"open in pid {pid}" for one in sorted(opened_by(pid)) if one.endswith(".log")}
    for one in told:
        for path in re.findall(r"/[\w./-]+\.log\b", one["text"]):
            if path == one["text"] and Path(path).is_file():
                found.setdefault(path, one["where"])
    return [{"text": path, "where": where} for path, where in found.items()]


def marked(unit: str, logs: list[Found], patterns: list[str]) -> Found:
    """How many lines of a journal and of log files have each pattern."""
    text = out("journalctl", "--no-pager", "-q", "-o", "cat", "-n", "5000", "-u", unit, timeout=30)
    text += "".join(tail_of(one["text"]) for one in logs)
    return {one: sum(1 for line in text.splitlines() if re.search(one, line)) for one in patterns}


def tail_of(path: str) -> str:
    """The last of a file; of a pipe nothing, which somebody else is to read."""
    if regular(path):
        with contextlib.suppress(OSError), Path(path).open("rb") as file:
            file.seek(max(0, os.fstat(file.fileno()).st_size - (1 << 20)))
            return file.read(1 << 20).decode("utf-8", "replace")
    return ""


def regular(path: str) -> bool:
    """Whether there is a file of that name, and nothing else of it."""
    try:
        return stat.S_ISREG(os.lstat(path).st_mode)
    except (OSError, ValueError):  # as of a mount whose server is gone
        return False


def services(patterns: list[str], theirs: set[str]) -> list[Found]:
    """Running services that are not the distribution's own, and ``theirs``, which VMMs run in."""
    names = "Id,MainPID,FragmentPath,WorkingDirectory"
    shown = out(
        "systemctl", "show", "--no-pager", f"--property={names}", "--type=service", "--state=running", "*"
    )
    ports, wanted = listeners(), []
    for block in shown.split("\n\n"):
        one = dict(line.split("=", 1) for line in block.splitlines() if "=" in line)
        fragment = one.get("FragmentPath", "")
        is_a_vendors = fragment.startswith(VENDORS) and one["Id"] not in theirs
        runs = fragment and int(one.get("MainPID") or 0)
        if runs and (not is_a_vendors or re.search(CONTROLLER, one["Id"])):
            wanted.append(one)
    with concurrent.futures.ThreadPoolExecutor(SERVICES_AT_ONCE) as pool:
        return list(pool.map(lambda one: service(one, ports.get(one["Id"], []), patterns), wanted))


def service(shown: dict[str, str], listens: list[str], patterns: list[str]) -> Found:
    """One of them: what it says to its health, in its journal and in its sources."""
    pid = int(shown["MainPID"])
    told = mentions(pid, shown.get("WorkingDirectory", "").lstrip("!"))
    logs = log_files(pid, told)
    return {
        "name": shown["Id"],
        "pid": pid,
        "listens": listens,
        "healthy": {at: path for at in listens[:MOST_PORTS] if (path := healthy(at))},
        "mentions": told,
        "log_files": logs,
        "marked": marked(shown["Id"], logs, patterns),
    }


def links() -> list[Found]:
    """Network devices with their IPv4 addresses."""
    with contextlib.suppress(ValueError):
        return [
            {
                "name": one["ifname"],
                "kind": one.get("linkinfo", {}).get("info_kind", ""),
                "addresses": [
                    f"{at['local']}/{at['prefixlen']}"
                    for at in one.get("addr_info", ())
                    if at["family"] == "inet"
                ],
            }
            for one in json.loads(out("ip", "-j", "-d", "address", "show") or "[]", strict=False)
            if one.get("ifname")
        ]
    return []


def kind_of(path: str) -> str:
    """What of a golden snapshot a file is, by its name and its first bytes; or nothing."""
    name = Path(path).name.lower()
    if name == "manifest.json":
        return "manifest"
    if name.startswith(("initrd", "initramfs")):
        return "initrd"
    if name.endswith((".snap", ".vmstate", ".snapshot")) or name in ("snapshot_file", "vmstate", "snapshot"):
        return "vmstate"
    if name.endswith((".mem", ".memory")) or name in ("mem_file", "memory", "memfile"):
        return "memory"
    if "vmlinu" in name or name.startswith("bzimage"):
        return "kernel"
    if name.endswith((".ext4", ".img", ".raw", ".rootfs")) or "rootfs" in name:
        return "ext4" if regular(path) and head_of(path)[1080:1082] == b"\x53\xef" else ""
    return ""


def head_of(path: str) -> bytes:
    """A file's first bytes."""
    with contextlib.suppress(OSError), Path(path).open("rb") as file:
        return file.read(2048)
    return b""


def files(more: set[str]) -> Found:
    """What looks like a part of a golden snapshot, below the usual folders and in those that VMMs use.

    ``cut`` names the folders that were not looked through to their ends.
    """
    found: Found = {}
    linked: dict[str, str] = {}
    cut, left = [], MOST_ENTRIES
    for root, depth in (
        *((one, 0 if one == "/" else 1) for one in sorted(more)),
        *((one, DEEPEST) for one in ROOTS),
    ):
        for at, names in walked(root, depth):
            left -= len(names) + 1
            if left < 0:
                cut.append(root)
                break
            for path in (os.path.join(at, name) for name in names):  # noqa: PTH118 - text
                if os.path.islink(path):  # noqa: PTH114 - text
                    linked[path] = os.path.realpath(path)
                    continue
                kind = kind_of(path) if path not in found and regular(path) else ""
                with contextlib.suppress(OSError):  # it was removed meanwhile
                    if kind:
                        found[path] = {"path": path, "kind": kind, "size": os.lstat(path).st_size}
    told = thinned([found[path] for path in sorted(found)])
    beside_a_disk = {os.path.dirname(one["path"]) for one in found.values() if one["kind"] == "ext4"}  # noqa: PTH120
    golden = {place for one in told for place in (one["path"], os.path.dirname(one["path"]))}  # noqa: PTH120
    alone = [one for one in found.values() if one["kind"] in ("vmstate", "memory")]
    alone = [one["path"] for one in alone if os.path.dirname(one["path"]) not in beside_a_disk]  # noqa: PTH120
    return {
        "files": told,
        "manifests": manifests(told),
        "folders": beside(told),
        "cut": cut,
        "linked": dict([one for one in sorted(linked.items()) if one[1] in golden][:MOST_BESIDE]),
        "snapshots": sorted(alone)[:MOST_FOLDERS],
    }


def thinned(found: list[Found]) -> list[Found]:
    """What lies in folders with disks; of many of a kind, or of many such folders, the first.

    Of these folders those come first in which something else lies, too: a VM has its disk there alone.
    """
    by_folder: dict[str, list[Found]] = {}
    for one in found:
        by_folder.setdefault(os.path.dirname(one["path"]), []).append(one)  # noqa: PTH120 - text
    kept: dict[str, int] = {}
    told = []
    for folder, those in sorted(
        by_folder.items(), key=lambda one: (len({each["kind"] for each in one[1]}) < 2, one[0])
    ):
        kinds = [one["kind"] for one in those]
        above = os.path.dirname(folder)  # noqa: PTH120 - text
        kept[above] = kept.get(above, 0) + ("ext4" in kinds)
        if "ext4" in kinds and kept[above] <= MOST_BESIDE:
            told += [one for place, one in enumerate(those) if kinds[:place].count(one["kind"]) < MOST_BESIDE]
    return sorted(told, key=lambda one: str(one["path"]))


def beside(told: list[Found]) -> list[str]:
    """Folders that lie where those of golden disks do, or above: VMs' own state may be in one of them."""
    disks = {Path(one["path"]).parent for one in told if one["kind"] == "ext4"}
    above = {
        up for one in disks for up in (one.parent, one.parent.parent) if up.name not in ("", "lib", "var")
    }
    found = set()
    for up in above:
        with contextlib.suppress(OSError):  # it was removed meanwhile
            found |= {one.path for one in os.scandir(up) if one.is_dir(follow_symlinks=False)}
    found -= {str(one) for one in disks}
    return sorted(one for one in found if not OURS.match(Path(one).name))[:MOST_FOLDERS]


def manifests(told: list[Found]) -> Found:
    """What manifests say of how a VM is made."""
    found = {}
    for one in told:
        if one["kind"] == "manifest":
            with contextlib.suppress(ValueError, RecursionError):
                said = json.loads(text_of(one["path"]))
                given = said if isinstance(said, dict) else {}  # other programs have one, too
                found[one["path"]] = {
                    name: given[name] for name in SETTINGS if isinstance(given.get(name), (str, int))
                }
    return found


def vmms(ask: Ask) -> Found:
    """What VMMs have open, and which programs there are."""
    below, programs = children(), installed(ask["name"])
    seen = [opened(pid, ask["name"], below, programs) for pid in ask["vmms"] if descriptors(pid)]
    return {"opened": seen, "installed": programs, "kvm_users": [] if seen else kvm_users()}


def kvm_users() -> list[str]:
    """Processes that have KVM open, be they called as they like."""
    pids = sorted(int(name) for name in os.listdir("/proc") if name.isdigit())  # noqa: PTH208 - text
    users = (pid for pid in pids if "/dev/kvm" in descriptors(pid))
    return [f"pid {pid} ({text_of(f'/proc/{pid}/comm').strip()})" for pid in users][:MOST_FOLDERS]


def folders_of(seen: list[Found]) -> set[str]:
    """Folders of what VMMs use, as far as it looks like a part of a golden snapshot."""
    paths = [path for one in seen for path in (one["config"].get("kernel"), *one["files"]) if path]
    found = {os.path.dirname(str(path)) for path in paths if regular(str(path)) and kind_of(str(path))}  # noqa: PTH120
    return {one for one in found if not re.search(r"/acc-[0-9a-f]{6}\b", one)}


def told_in_time(parts: dict[str, Callable[[], Found]], deadline: float) -> Found:
    """What each part told, all at once; what is not told in time is not waited for."""
    pool = concurrent.futures.ThreadPoolExecutor(len(parts))
    asked = {name: pool.submit(part) for name, part in parts.items()}
    concurrent.futures.wait(asked.values(), timeout=max(0.0, deadline - time.monotonic()))
    answer: Found = {"unseen": {}}
    for name, future in asked.items():
        fault = future.exception() if future.done() else TimeoutError("not done in time")
        if fault is None:
            answer.update(future.result())
        else:
            answer["unseen"][name] = f"{type(fault).__name__}: {str(fault)[:500]}"
    return answer


def main() -> None:
    """Look, and tell."""
    ask = json.loads(sys.argv[1] if sys.argv[1] != "-" else sys.stdin.read())
    deadline = time.monotonic() + ask["limit_s"]
    first = told_in_time({"VMMs": lambda: vmms(ask)}, deadline)
    seen = first.get("opened", [])
    theirs = {one["unit"] for one in seen}
    parts = {
        "services": lambda: {"services": services(ask["patterns"], theirs)},
        "network": lambda: {"links": links()},
        "files": lambda: files(folders_of(seen)),
        "folders": lambda: called(seen),
    }
    rest = told_in_time(parts, deadline)
    json.dump({**first, **rest, "unseen": {**first["unseen"], **rest["unseen"]}}, sys.stdout)
    sys.stdout.flush()
    os._exit(0)  # what was not done in time is not waited for


if __name__ == "__main__":
    main()
