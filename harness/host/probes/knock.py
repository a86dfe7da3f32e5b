"""Runs ON the host, as root: whether its connections to addresses behind the VMs' bridge arrive, and answers.

Python 3.9, standard library only. Somebody listens in a network namespace that has no name, behind a port of
the bridge; the kernel removes both with the process that holds the namespace, however that ends.

The argument is JSON: ``bridge``, ``address`` (the bridge's own), ``device`` (the port's name), ``port``,
``control`` (another port), ``timeout_s``, ``groups``: of each the first address that nobody has is tried,
and is ours for no longer than that: somebody may be given it at any time.
Prints JSON: ``{"untold": why}`` where nothing could be tried, else ``{"knocks": [...]}``, one for each group.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import ipaddress
import json
import os
import signal
import socket
import struct
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

_CLONE_NEWNET, _PR_SET_PDEATHSIG = 0x40000000, 1
_ETH_ARP, _ARP_S = 0x0806, 1.0
_MOST_LATE = 10_000  # frames that wait for a probe that was held up; a socket holds fewer
_INSIDE = "eth0"
# Above all others: a bridge has the lowest address of its ports, and must not have ours.
_PORT_MAC = bytes((0xFE, 0xFF, 0xFF, *os.urandom(3)))
_INSIDE_MAC = bytes((0x02, *os.urandom(5)))
_SYSTEM_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


class Untold(Exception):  # noqa: N818 - it reads as what happened
    """Nothing could be tried; the text says why."""


def ip(*words: str) -> str:
    """What ``ip`` prints."""
    env = {"PATH": _SYSTEM_PATH, "LC_ALL": "C"}
    done = subprocess.run(["ip", *words], capture_output=True, text=True, env=env, timeout=20, check=False)
    if done.returncode:
        raise Untold(f"ip {' '.join(words)}: {done.stderr.strip()}")
    return done.stdout


class Inside:
    """The end that is in the namespace: a process of its own, which is told what to do, a line each."""

    def __init__(self) -> None:
        ours, theirs = socket.socketpair()
        parent = os.getpid()
        self.pid = os.fork()
        if not self.pid:
            ours.close()
            with contextlib.suppress(BaseException):
                _live_inside(theirs, parent)
            os._exit(0)
        theirs.close()
        self._stream = ours.makefile("rw", encoding="utf-8")
        self.ask("enter")

    def ask(self, what: str, argument: object = None) -> Any:
        """Have something done there; what came of it."""
        self._stream.write(json.dumps([what, argument]) + "\n")
        self._stream.flush()
        line = self._stream.readline()
        answer = json.loads(line) if line else {"error": "it ended"}
        if "error" in answer:
            raise Untold(f"{what} in a network namespace: {answer['error']}")
        return answer["ok"]

    def end(self) -> None:
        """With it goes all that it holds."""
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)


def _live_inside(stream: socket.socket, parent: int) -> None:
    """Do what is asked, until whoever asks is gone."""
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        return
    listening: list[socket.socket] = []
    lines = stream.makefile("rw", encoding="utf-8")
    for line in lines:
        what, argument = json.loads(line)
        try:
            answer = {"ok": _done_inside(libc, what, argument, listening)}
        except (OSError, Untold) as error:
            answer = {"error": str(error)}
        lines.write(json.dumps(answer) + "\n")
        lines.flush()


def _done_inside(libc: Any, what: str, argument: Any, listening: list[socket.socket]) -> Any:
    if what == "enter":
        if libc.unshare(_CLONE_NEWNET):
            raise OSError(ctypes.get_errno(), "unshare")
        with contextlib.suppress(OSError):  # a kernel without IPv6 has none
            Path("/proc/sys/net/ipv6/conf/all/disable_ipv6").write_text("1")
            Path("/proc/sys/net/ipv6/conf/default/disable_ipv6").write_text("1")
    elif what == "taken":
        ip("link", "set", _INSIDE, "up")
        return sorted(taken(argument))
    elif what == "listen":
        for port in argument:
            listening.append(socket.create_server(("", port), backlog=64))
    elif what in ("add", "delete"):
        ip("address", what, argument, "dev", _INSIDE)
    elif what == "count":
        return segments()
    return None


def taken(addresses: list[str]) -> set[str]:
    """Those that somebody answers for: asked as whoever is about to take one asks (RFC 5227)."""
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(_ETH_ARP)) as raw:
        raw.bind((_INSIDE, _ETH_ARP))
        mac = raw.getsockname()[4]
        for address in addresses:
            asked = struct.pack(
                "!HHBBH6s4s6s4s", 1, 0x0800, 6, 4, 1, mac, bytes(4), bytes(6), packed(address)
            )
            raw.send(b"\xff" * 6 + mac + struct.pack("!H", _ETH_ARP) + asked)
        heard = (frame for frame in _frames(raw, _ARP_S) if len(frame) >= 42 and frame[22:28] != mac)
        return {str(ipaddress.IPv4Address(frame[28:32])) for frame in heard} & set(addresses)


def _frames(raw: socket.socket, within_s: float) -> Iterator[bytes]:
    """What comes within a time: also what had come by then and could not be looked at before."""
    deadline, late = time.monotonic() + within_s, 0
    while late < _MOST_LATE:
        left_s = deadline - time.monotonic()
        late += left_s <= 0
        raw.settimeout(max(0.0, left_s))
        try:
            yield raw.recv(128)
        except (socket.timeout, BlockingIOError):  # noqa: UP041 - another class before Python 3.10
            if left_s <= 0:
                return


def packed(address: str) -> bytes:
    """Its four bytes."""
    return ipaddress.IPv4Address(address).packed


def segments() -> dict[str, int]:
    """The namespace's own counters of TCP: what came, and what was sent."""
    heads, values = (
        line.split()[1:]
        for line in Path("/proc/self/net/snmp").read_text().splitlines()
        if line[:4] == "Tcp:"
    )
    told = dict(zip(heads, map(int, values)))  # noqa: B905 - not in Python 3.9
    return {"came": told["InSegs"], "sent": told["OutSegs"]}


@contextlib.contextmanager
def behind(ask: dict[str, Any]) -> Iterator[Inside]:
    """Somebody behind a port of the bridge."""
    mtu = _mtu_of_fit(ask)
    inside = Inside()
    try:
        mac = _INSIDE_MAC.hex(":")
        peer = ("peer", "name", _INSIDE, "address", mac, "mtu", mtu, "netns", str(inside.pid))
        port = (
            "link",
            "add",
            "name",
            ask["device"],
            "address",
            _PORT_MAC.hex(":"),
            "mtu",
            mtu,
            "type",
            "veth",
        )
        ip(*port, *peer)
        _without_ipv6(ask["device"])
        ip("link", "set", "dev", ask["device"], "master", ask["bridge"], "up")
        yield inside
    finally:
        inside.end()


def _without_ipv6(device: str) -> None:
    try:
        ip("link", "set", "dev", device, "addrgenmode", "none")
    except Untold as why:  # a kernel without IPv6 gives it no such address
        if os.strerror(errno.EAFNOSUPPORT) not in str(why):
            raise


def _mtu_of_fit(ask: dict[str, Any]) -> str:
    """The bridge's MTU, which a port of another would change.

    :raises Untold: it is no bridge that lets anything through at once.
    """
    told = json.loads(ip("-j", "-d", "address", "show", "dev", ask["bridge"]))
    shown = next(one for one in told if one)  # an older one begins with an empty object
    link = shown.get("linkinfo", {})
    if link.get("info_kind") != "bridge":
        raise Untold(f"{ask['bridge']} is no bridge")
    if link.get("info_data", {}).get("stp_state"):
        raise Untold(f"{ask['bridge']} runs STP, and lets nothing through a new port for some time")
    if "UP" not in shown["flags"]:
        raise Untold(f"{ask['bridge']} is down")
    if ask["address"] not in [one.get("local") for one in shown["addr_info"]]:
        raise Untold(f"{ask['bridge']} has no address {ask['address']}")
    return str(shown["mtu"])


def knock(inside: Inside, address: str, ask: dict[str, Any]) -> dict[str, Any]:
    """One connection, with the counters of the other end before and after; a second one, where it fails."""
    before = inside.ask("count")
    error = connect(address, ask["port"], ask["timeout_s"])
    after = inside.ask("count")
    return {
        "address": address,
        "through": not error,
        "error": error,
        "came": after["came"] - before["came"],
        "sent": after["sent"] - before["sent"],
        "control": bool(error) and not connect(address, ask["control"], ask["timeout_s"]),
    }


def connect(address: str, port: int, timeout_s: float) -> str:
    """How a connection fails; empty where it does not."""
    try:
        socket.create_connection((address, port), timeout=timeout_s).close()
    except OSError as error:
        return error.strerror or str(error)
    return ""


def by_hand(bridge: str) -> set[str]:
    """Addresses of which somebody has told the host where they are: such an entry is not ours to lose."""
    told = json.loads(ip("-j", "neighbour", "show", "dev", bridge, "nud", "permanent") or "[]")
    return {one["dst"] for one in told if one}


def forget(address: str, bridge: str) -> None:
    """Whoever gets the address next is to be found at once: the host has learnt that it is here."""
    with contextlib.suppress(Untold):
        told = json.loads(ip("-j", "neighbour", "show", address, "dev", bridge) or "[]")
        if any(one.get("lladdr") == _INSIDE_MAC.hex(":") for one in told):
            ip("neighbour", "delete", address, "dev", bridge)


@contextlib.contextmanager
def held(inside: Inside, address: str, ask: dict[str, Any]) -> Iterator[None]:
    """The address is ours meanwhile."""
    prefixed = f"{address}/{ask['prefix']}"
    try:
        inside.ask("add", prefixed)
        with contextlib.suppress(Untold):  # where whoever had it last was: nobody has answered for it
            ip("neighbour", "delete", address, "dev", ask["bridge"])
        yield
        inside.ask("delete", prefixed)
    finally:
        forget(address, ask["bridge"])


def tried(inside: Inside, ask: dict[str, Any]) -> Iterator[dict[str, Any] | None]:
    """What came of each group; None where somebody has each of its addresses."""
    inside.ask("listen", [ask["port"], ask["control"]])
    seen: dict[str, dict[str, Any]] = {}
    for group in ask["groups"]:
        used = by_hand(ask["bridge"]) | set(inside.ask("taken", group))
        address = next((one for one in group if one not in used), None)
        if address and address not in seen:
            with held(inside, address, ask):
                seen[address] = knock(inside, address, ask)
        yield seen[address] if address else None


def main() -> None:
    """Try all."""
    ask: dict[str, Any] = json.loads(sys.argv[1] if sys.argv[1] != "-" else sys.stdin.read())
    try:
        with behind(ask) as inside:
            knocks = list(tried(inside, ask))
        json.dump({"knocks": knocks}, sys.stdout)
    except Untold as why:
        json.dump({"untold": str(why)}, sys.stdout)


if __name__ == "__main__":
    main()
