"""Runs ON the host, as root: the way to a VM that does not answer, hop by hop. Python 3.9, standard library.

The argument is JSON: ``word`` (in its VMM's command line), ``programs`` (what its VMM's program may be),
``pid`` (its VMM's, or 0), ``tap``, ``bridge`` (or empty), ``address``,
``ports`` (the agent's and SSH's), ``path`` (of the agent's health), ``netns`` (a namespace's file, or empty)
and ``limit_s``. Prints one JSON document, see ``harness/causes/hops.py``. All is asked at once, and what has
not come by then is not waited for. It changes nothing: it asks by ARP and by one connection to each port.
One file, and so a long one, because it travels as one.
"""

from __future__ import annotations

import concurrent.futures
import contextlib
import ctypes
import http.client
import json
import os
import re
import shutil
import socket
import stat
import struct
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

Ask = dict[str, Any]
Found = dict[str, Any]

SYSTEM_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
CONNECT_S, ANSWER_S, LISTEN_S = 2.0, 3.0, 1.2
MOST = 1 << 18
"""Bytes of a log or an answer."""
LINES = 30
CLONE_NEWNET = 0x40000000
ARP, IP, ALL = 0x0806, 0x0800, 0x0003
NOBODY = "0.0.0.0"  # noqa: S104 - as a question's sender
SETTINGS = (
    "net/ipv4/ip_forward",
    "net/bridge/bridge-nf-call-iptables",
    "net/ipv4/conf/all/rp_filter",
)


def ran(*argv: str) -> subprocess.CompletedProcess[bytes]:
    """A program that has ended."""
    return subprocess.run(
        argv,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=5,
        check=False,
        env={"PATH": SYSTEM_PATH, "LC_ALL": "C.UTF-8"},
    )


def enter(path: str) -> None:
    """Go into a network namespace; threads and programs begun from now on are there, too."""
    libc = ctypes.CDLL(None, use_errno=True)
    with Path(path).open("rb") as file:
        if libc.setns(file.fileno(), CLONE_NEWNET) != 0:
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number), path)


def argv_of(pid: int) -> list[str]:
    """A process's command line; a title that was set has spaces for zeros."""
    with contextlib.suppress(OSError):
        raw = Path(f"/proc/{pid}/cmdline").read_bytes()[:4096]
        return [word for word in raw.decode("utf-8", "surrogateescape").replace("\0", " ").split(" ") if word]
    return []


def vmms(ask: Ask) -> dict[int, bool]:
    """All processes that go by a VMM's name, with its release or without, and whether it is their program's.

    One that an interpreter or an emulator runs is called so, and its program is that one's.
    """
    names = set()
    for program in ask["programs"]:
        found = shutil.which(program, path=SYSTEM_PATH)
        names |= {Path(program).name, Path(os.path.realpath(found or program)).name}
    found_pids = {}
    for name in filter(str.isdigit, os.listdir("/proc")):  # noqa: PTH208 - text
        with contextlib.suppress(OSError):  # it ended meanwhile, or is a kernel's
            exe = Path(f"/proc/{name}/exe").readlink().name.replace(" (deleted)", "")
            comm = Path(f"/proc/{name}/comm").read_text("utf-8", "replace").rstrip("\n")
            if goes_by(exe, names) or goes_by(comm, names):
                found_pids[int(name)] = goes_by(exe, names)
    return found_pids


def goes_by(word: str, names: set[str]) -> bool:
    """Whether it is one of the names, cut as the kernel cuts it or not, or one with its release."""
    return any(word in (one, one[:15]) or re.match(rf"{re.escape(one)}-v\d", word) for one in names)


def vmm(ask: Ask, among: dict[int, bool]) -> int:
    """The one VMM that has the word for its id, or else names it as a whole; 0 where that is not one.

    One by its program goes before those that are only called so; of these, who started another waits for it.
    """
    whole = re.compile(rf"(?<![0-9A-Za-z]){re.escape(ask['word'])}(?![0-9A-Za-z])")
    named = {pid: words for pid in among if whole.search(" ".join(words := argv_of(pid)))}
    own = [pid for pid, words in named.items() if ("--id", ask["word"]) in zip(words, words[1:])]  # noqa: B905, RUF007 - Python 3.9
    found = own or list(named)
    starters = {parent_of(pid) for pid in found}
    found = [pid for pid in found if among[pid]] or [pid for pid in found if pid not in starters]
    return found[0] if len(found) == 1 else 0


def parent_of(pid: int) -> int:
    """Who started a process; 0 where that is not known."""
    with contextlib.suppress(OSError, IndexError):
        return int(Path(f"/proc/{pid}/stat").read_text("utf-8", "replace").rsplit(")", 1)[1].split()[1])
    return 0


def is_apart(pid: int) -> bool:
    """Whether a process is in another network namespace than we are."""
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/ns/net").stat().st_ino != Path("/proc/self/ns/net").stat().st_ino
    return False


def as_it_has(pid: int, path: str) -> str:
    """The path of a file that a process calls so: one in a jail has another root than we."""
    return f"/proc/{pid}/root{path}" if pid and path.startswith("/") else path


def held(pid: int) -> set[tuple[int, int]]:
    """The files that a process has open."""
    files = set()
    with contextlib.suppress(OSError):
        for name in os.listdir(f"/proc/{pid}/fd"):  # noqa: PTH208 - text
            with contextlib.suppress(OSError):
                found = os.stat(f"/proc/{pid}/fd/{name}")  # noqa: PTH116 - follows the kernel's own link
                files.add((found.st_dev, found.st_ino))
    return files


def process(pid: int) -> Found:
    """State and memory."""
    found: Found = {"pid": pid, "state": "", "rss_kib": 0, "said": ""}
    with contextlib.suppress(OSError, IndexError):
        text = Path(f"/proc/{pid}/stat").read_text("utf-8", "replace").rsplit(")", 1)[1]
        found["state"] = text.split()[0]
        told = re.search(r"VmRSS:\s+(\d+)", Path(f"/proc/{pid}/status").read_text("utf-8", "replace"))
        found["rss_kib"] = int(told[1]) if told else 0
    return found


def tail(path: str, own: set[tuple[int, int]]) -> str:
    """The end of a regular file, where it is among these: any process may name any file."""
    with contextlib.suppress(OSError):
        handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
        with os.fdopen(handle, "rb") as file:
            found = os.fstat(handle)
            if stat.S_ISREG(found.st_mode) and (found.st_dev, found.st_ino) in own:
                file.seek(max(0, found.st_size - MOST))
                return file.read(MOST).decode("utf-8", "replace")
    return ""


def kernel_log(pid: int) -> str:
    """The host kernel's last line about an end of that process for want of memory."""
    done = ran("journalctl", "-k", "-n", "400", "-o", "cat", "--no-pager", "-q")
    lines = done.stdout.decode("utf-8", "replace").splitlines()
    about = [line for line in lines if re.search(rf"[Kk]illed process {pid}\b", line)]
    return about[-1][:500] if about else ""


class Api(http.client.HTTPConnection):
    """HTTP over a unix socket."""

    def __init__(self, path: str) -> None:
        super().__init__("localhost", timeout=CONNECT_S)
        self.path = path

    def connect(self) -> None:
        """Connect to it."""
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(CONNECT_S)
        folder = os.open(os.path.dirname(self.path) or ".", os.O_PATH)  # noqa: PTH120 - text
        try:  # a whole path may be longer than an address of a socket can be
            self.sock.connect(f"/proc/self/fd/{folder}/{os.path.basename(self.path)}")  # noqa: PTH119 - text
        finally:
            os.close(folder)


def api(path: str) -> Found:
    """The state that the VMM tells, and the kernel's arguments of a VM that was booted."""
    found = {"api": "", "boot_args": ""}
    with contextlib.suppress(OSError, ValueError, http.client.HTTPException):
        found["api"] = str(get(path, "/").get("state", ""))
        boot = get(path, "/vm/config").get("boot-source") or {}
        found["boot_args"] = str(boot.get("boot_args") or "")
    return found


def get(socket_path: str, what: str) -> Found:
    """One answer of the API."""
    with contextlib.closing(Api(socket_path)) as way:
        way.request("GET", what)
        value = json.loads(way.getresponse().read(MOST))
    return value if isinstance(value, dict) else {}


def link(name: str) -> Found | None:
    """A device, with its addresses and counters; None where there is none."""
    done = ran("ip", "-j", "-s", "-d", "address", "show", "dev", name)
    if done.returncode and b"does not exist" in done.stderr:
        return None
    if done.returncode:
        raise RuntimeError(done.stderr.decode("utf-8", "replace").strip()[-300:])
    one = next(each for each in json.loads(done.stdout, strict=False) if each)
    stats, info = one.get("stats64", {}), one.get("linkinfo", {}).get("info_data", {})
    return {
        "name": name,
        "mac": one.get("address", ""),
        "up": "UP" in one.get("flags", ()),
        "master": one.get("master", ""),
        "vnet_hdr": info.get("vnet_hdr"),
        "addresses": [
            f"{each['local']}/{each['prefixlen']}"
            for each in one.get("addr_info", ())
            if each.get("family") == "inet"
        ],
        "sent": stats.get("tx", {}).get("packets", 0),
        "received": stats.get("rx", {}).get("packets", 0),
    }


def inside(pid: int, ask: Ask) -> Found:
    """The TAP, and who answers on it, in its VMM's own network namespace: this thread goes there.

    On a TAP there is nobody but the guest; a question from no address asks anybody.
    """
    enter(f"/proc/{pid}/ns/net")
    before = link(ask["tap"])
    if before is None and (others := taps()):
        raise RuntimeError(f"in its VMM's network namespace is no {ask['tap']}, but {', '.join(others)}")
    if before is None:
        return {"tap": None, "answers": None}
    answers = None
    with contextlib.suppress(OSError):  # one that is down cannot be asked
        answers = arp(ask, {**before, "addresses": [NOBODY]})["macs"]
    after = link(ask["tap"])
    return {"tap": after and passed(before, after), "answers": answers}


def taps() -> list[str]:
    """The TAPs of the network namespace that we are in."""
    done = ran("ip", "-j", "-d", "link", "show", "type", "tun")
    return [one["ifname"] for one in json.loads(done.stdout or b"[]", strict=False) if one.get("ifname")]


def passed(before: Found, after: Found) -> Found:
    """A device as it is after a time, with what passed in that time."""
    return {**after, **{name: max(0, after[name] - before[name]) for name in ("sent", "received")}}


def arp(ask: Ask, device: Found | None) -> Found:
    """Who answers to the address, and what other addresses the guest's own packets come from."""
    if device is None or not device["up"] or not device["addresses"]:
        return {"macs": None, "elsewhere": []}
    macs: dict[str, None] = {}
    elsewhere: dict[str, None] = {}
    source = socket.inet_aton(device["addresses"][0].partition("/")[0])
    mac = bytes.fromhex(device["mac"].replace(":", ""))
    wanted = socket.inet_aton(ask["address"])
    question = b"\xff" * 6 + mac + struct.pack("!HHHBBH", ARP, 1, IP, 6, 4, 1) + mac + source
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ALL)) as wire:
        wire.bind((device["name"], ALL))
        deadline, again = time.monotonic() + LISTEN_S, 0.0
        while (now := time.monotonic()) < deadline:
            if now >= again:
                wire.send(question + b"\0" * 6 + wanted)
                again = now + LISTEN_S / 3
            wire.settimeout(max(0.01, min(deadline, again) - now))
            with contextlib.suppress(OSError):
                packet, where = wire.recvfrom(1500)
                if where[2] != socket.PACKET_OUTGOING:
                    heard(packet, wanted, mac, macs, elsewhere)
    # On a bridge other VMs speak, too, each under its own address.
    return {"macs": list(macs), "elsewhere": [] if ask["bridge"] else list(elsewhere)}


def heard(packet: bytes, wanted: bytes, own: bytes, macs: dict[str, None], other: dict[str, None]) -> None:
    """One packet: an answer of the address, or a word of the guest under another."""
    kind = int.from_bytes(packet[12:14], "big")
    sender = packet[28:32] if kind == ARP else packet[26:30] if kind == IP else b""
    if len(sender) != 4 or packet[6:12] == own:
        return
    if sender == wanted and kind == ARP:
        macs[packet[6:12].hex(":")] = None
    elif sender != wanted and any(sender):
        other[socket.inet_ntoa(sender)] = None


def fate(address: str, port: int) -> tuple[str, socket.socket | None]:
    """How a connection fares."""
    way = socket.socket()
    way.settimeout(CONNECT_S)
    try:
        way.connect((address, port))
    except (TimeoutError, socket.timeout):  # noqa: UP041 - Python 3.9
        way.close()
        return "timeout", None
    except OSError as error:
        way.close()
        return "refused" if isinstance(error, ConnectionRefusedError) else (error.strerror or "failed"), None
    return "connected", way


def answer(address: str, port: int, path: str) -> Found:
    """What is answered to a request for a path; or, without one, the banner."""
    how, way = fate(address, port)
    found: Found = {"port": port, "fate": how, "status": None, "said": ""}
    if way is None:
        return found
    raw = b""
    with way, contextlib.suppress(OSError):
        if path:
            way.sendall(f"GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n".encode())
        way.settimeout(ANSWER_S)
        deadline = time.monotonic() + ANSWER_S
        while True:  # what has come by then is read, however late we come to it
            chunk = way.recv(2000)
            raw += chunk
            if not chunk or not path or len(raw) >= 2000 or time.monotonic() >= deadline:
                break
    text = raw.decode("utf-8", "replace")
    status = re.match(r"HTTP/1\.[01] (\d{3})", text)
    head, _, body = text.partition("\r\n\r\n")
    server = re.search(r"(?im)^server: (.*)$", head)
    said = f"{body.strip()[:300]}" + (f" (Server: {server[1].strip()})" if server else "")
    return {**found, "status": int(status[1]) if status else None, "said": said if status else text[:300]}


def settings() -> dict[str, str]:
    """How the host's kernel is set."""
    found = {}
    for name in SETTINGS:
        with contextlib.suppress(OSError):
            found[name] = Path("/proc/sys", name).read_text().strip()
    return found


def look(ask: Ask) -> Found:
    """All of it; the device first and last, so that what passed meanwhile is counted."""
    others = vmms(ask)
    pid = int(ask.get("pid") or 0) or vmm(ask, others)
    words = argv_of(pid)
    named = dict(zip(words, words[1:]))  # noqa: B905, RUF007 - Python 3.9
    # Where the VMM is in a namespace of its own, so is its TAP; the host's way to the guest begins here.
    apart = not ask["netns"] and is_apart(pid)
    before = None if apart else link(ask["tap"])
    bridge = link(ask["bridge"]) if ask["bridge"] else None
    own_end = bridge if ask["bridge"] else before
    agent_port, ssh_port = ask["ports"]
    parts: dict[str, Callable[[], Any]] = {
        "api": lambda: api(as_it_has(pid, named.get("--api-sock", ""))),
        "oom": lambda: kernel_log(pid),
        "arp": lambda: arp(ask, own_end),
        "agent": lambda: answer(ask["address"], agent_port, ask["path"]),
        "ssh": lambda: answer(ask["address"], ssh_port, ""),
    }
    if apart:
        parts["tap"] = lambda: inside(pid, ask)
    pools = {name: concurrent.futures.ThreadPoolExecutor(1) for name in parts}  # one may go elsewhere
    asked = {name: pools[name].submit(part) for name, part in parts.items()}
    concurrent.futures.wait(asked.values(), timeout=ask["limit_s"])
    found = {name: one.result() for name, one in asked.items() if one.done() and not one.exception()}
    unknown = {
        name: str(one.exception())[:300] if one.done() else f"no answer within {ask['limit_s']:g} s"
        for name, one in asked.items()
        if not one.done() or one.exception()
    }
    if not pid:
        unknown["vmm"] = "there is no VMM, or more than one, whose command line names it"
    after = None if apart else link(ask["tap"])
    there = {"tap": passed(before, after) if after and before else after, **found.get("tap", {})}
    # What another VMM writes to, too, tells of other VMs; what only waits for this one is none.
    own = held(pid).difference(*(held(other) for other in others if other not in (pid, parent_of(pid))))
    log = tail(as_it_has(pid, named["--log-path"]), own) if "--log-path" in named else ""
    console = tail(f"/proc/{pid}/fd/1", own) if pid else ""
    return {
        "process": {
            **process(pid),
            "said": "\n".join(log.splitlines()[-LINES:]),
            "oom": found.get("oom", ""),
        },
        **found.get("api", {}),
        **found.get("arp", {"macs": None}),
        **there,
        "apart": apart,
        "bridge": bridge,
        "agent": found.get("agent"),
        "ssh": found.get("ssh"),
        "settings": settings(),
        "console": console,
        "unknown": unknown,
    }


def main() -> None:
    """Look once."""
    ask = json.loads(sys.argv[1])
    if ask["netns"]:
        enter(ask["netns"])
    json.dump(look(ask), sys.stdout)
    sys.stdout.flush()
    os._exit(0)  # what is not done would be waited for


if __name__ == "__main__":
    main()
