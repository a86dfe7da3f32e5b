"""Whatever a site answers: a value comes of it, or a finding, or an error that names who said what.

Every reader of a site's answers is in one of two tables: of text, and of JSON, whose every part is exchanged
for something odd. A new one belongs in there; and so that nobody looks in two files for it, the tables are in
one, however long.
"""

from __future__ import annotations

import base64
import contextlib
import copy
import functools
import json
from collections.abc import Callable, Iterator
from ipaddress import IPv4Address
from typing import Any, cast

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.answers import read_json
from harness.causes.facts import Facts
from harness.causes.hops import Target, read_hops
from harness.causes.inside import read_inside
from harness.causes.table import diagnose
from harness.clocks import Offset, utc_text
from harness.database.vm_rows import LiveRow
from harness.database.whole_rows import NewestRows
from harness.errors import HarnessError
from harness.guest import console
from harness.guest.agent_answer import read_answer
from harness.guest.agent_state import parse_state
from harness.guest.birth import read_birth
from harness.guest.handler_claims import (
    handler_exits,
    handler_is_first,
    listens_on_every_address,
    server_error_exits,
)
from harness.guest.inspector import session_url
from harness.guest.running import PROCESS_EVENTS
from harness.guest.runtime import AgentRuntime
from harness.guest.trial import read_trial
from harness.guest.unit_file import assignments, parse_commands, parse_span
from harness.host.facts import HostFacts, ask_host
from harness.host.firewall.packets import aimed_at, conversation, obstacles
from harness.host.firewall.rulesets import tables_of
from harness.host.golden.files import GoldenSnapshot, parse_manifest, read_facts
from harness.host.golden.judge import built_at, format_fault, newer_inputs, unlike_manifest, vmm_version
from harness.host.journal import lines_about
from harness.host.knock import knocked
from harness.host.parts import Answer, Vmm
from harness.host.standing import ask_standing
from harness.infra.environment import parse_environment
from harness.infra.listeners import parse_listening
from harness.infra.start_failure import first_error, said_in
from harness.infra.units import read_show, shown_apart
from harness.session.authorization import read_authorization, read_callback
from harness.session.control_api import ControlApi, table_of
from harness.session.launch import launch
from harness.site.profile import Site, SnapshotSection
from harness.urls import read_url
from harness.values import decimal, ipv4, moment, name, natural
from harness.vm.firecracker import Firecracker, fault
from harness.vm.silent_listener import SilentListener
from harness.window.dashboard import read_look
from harness.world.difference import changed_bridge, changed_firewall, changed_rows, changed_things
from harness.world.inventory import Inventory
from harness.world.look import World
from harness.world.reconcile import JUDGES
from harness.world.strays import defunct_processes
from harness.world.things import nobodys, remains

SITE = Site(name="x", snapshot=SnapshotSection(manifest="/m.json", inputs=("/in",)))
VM = "vm-6b03852d-0631-4f91-ae8a-fd352348e9c2"
OURS = LiveRow(VM, "running", "192.168.100.7", "fc-vm-6b038", 100, f"/run/firecracker/{VM}.sock")


def held(read: Callable[[Any], object], answer: object) -> None:
    """It is read, or refused as an answer."""
    with contextlib.suppress(HarnessError, AssertionError):
        read(answer)


# Of text


def response(text: str) -> httpx.Response:
    return httpx.Response(200, content=text.encode(errors="surrogatepass"))


def judged(text: str) -> None:
    """All that is made of what a guest told of its agent's trial."""
    seen = AgentRuntime(8080, None, "nobody answered", read_trial(text))
    for event in PROCESS_EVENTS:
        handler_is_first(seen, event)
        handler_exits(seen, event)
    server_error_exits(seen)
    listens_on_every_address(seen)
    seen.told  # noqa: B018 - it is told to the evidence


def rules(text: str) -> None:
    packets = conversation(IPv4Address("192.168.100.1"), IPv4Address("192.168.100.7"), 8080, "fcbr0")
    tables = tables_of({"iptables": text})
    obstacles(tables, packets)
    aimed_at(tables, packets[0].source, packets[0].target, 8080, "fcbr0")


def manifest(text: str) -> None:
    content = base64.b64encode(text.encode(errors="surrogatepass")).decode()
    parse_manifest("/m.json", {"content": content, "now": 1.8e9})


def version(text: str) -> None:
    vmm = Vmm("/vmm", dict.fromkeys(("version", "snapshot_version", "describe"), Answer(0, text, text)))
    vmm_version(vmm)
    format_fault(vmm)


def sick_guest(text: str) -> str:
    """What ails a guest that says so, wherever in its answer."""
    marks = ("show", "processes", "journal", "listen", "failed", "root", "address", "cmdline", "check")
    said = "".join(
        f"\n=== acceptance: {mark}\nId=a.service\n\n{text}\n" for mark in marks if mark != "processes"
    )
    odd = f"{said}\n=== acceptance: processes\n{text}\n"
    found = [diagnose(Facts("it", unit="a.service", inside=read_inside(said))).text]
    with contextlib.suppress(HarnessError):
        found.append(diagnose(Facts("it", unit="a.service", inside=read_inside(odd))).text)
    return "\n".join(found)


TEXTS: dict[str, Callable[[str], object]] = {
    "JSON": lambda text: read_json(text, whose="it"),
    "JSON in bytes": lambda text: read_json(text.encode(errors="surrogatepass"), whose="it", unique=True),
    "a whole number": lambda text: natural(text, whose="it"),
    "a number": lambda text: decimal(text, whose="it"),
    "a time": lambda text: utc_text(moment(text, whose="it")),
    "an address": lambda text: ipv4(text, whose="it"),
    "a name": lambda text: name(text, whose="it"),
    "a URL": lambda text: read_url(text, whose="it"),
    "a login's address": lambda text: read_authorization(text).redirect,
    "a callback": lambda text: read_callback(text).query,
    "a controller's answer": lambda text: table_of(response(text)),
    "an agent's answer": lambda text: str(read_answer(response(text))),
    "an agent's state": lambda text: parse_state(text, since_s=1).tail(),
    "an agent's journal": lambda text: parse_state(f"UPTIME=1\nMainPID=1\nNRestarts=0\n{text}").exits,
    "an inspector's list": lambda text: session_url(text.encode(errors="surrogatepass")),
    "a trial": lambda text: judged("".join(f"{letter} {text}\n" for letter in "RJK")),
    "a trial's record": lambda text: judged(
        f'R {{"kind":"listening","pid":1,"at":1,"port":8080,"x":{text}}}'
    ),
    "a failed start": lambda text: first_error(said_in(f"Jan 01 00:00:00 vm systemd[1]: Started x\n{text}")),
    "a sick guest": lambda text: sick_guest(text),
    "a console": console.trouble,
    "a birth": lambda text: read_birth(text, 1.0, whose="it").booted,
    "a unit": lambda text: read_show(text, "here", "a.service"),
    "several units": lambda text: shown_apart(text, ["a", "b"]),
    "a unit's file": assignments,
    "a unit's commands": parse_commands,
    "a time span": parse_span,
    "an environment": parse_environment,
    "listeners": parse_listening,
    "a fault of Firecracker": fault,
    "a VMM's version": version,
    "iptables": rules,
    "a manifest": manifest,
}
LINES = (
    *("UPTIME=abc", "UPTIME=²", "UPTIME=1e999", "UPTIME=nan", "MainPID=-1", "MainPID=99999999999999999999"),
    *("MainPID=٣", "NRestarts=" + "9" * 5000, '{"MESSAGE": [300]}', '{"MESSAGE": [["x"]], "a": {}}'),
    *('{"__MONOTONIC_TIMESTAMP": "²"}', '{"__MONOTONIC_TIMESTAMP": [1]}', "LISTEN 0 1 0.0.0.0:² 0.0.0.0:*"),
    *('LISTEN 0 1 *:99999999999 *:* users:(("x",pid=' + "9" * 5000 + "))", "Id=a.service\nLoadState=", "{"),
    *(
        "-A INPUT -s 1.2.3.4.5 -j DROP",
        "-A INPUT --dport http -j DROP",
        "-A INPUT --dport " + "9" * 5000 + " -j DROP",
    ),
    *(
        "*filter\n:",
        "*filter\n-A",
        "-A INPUT -j",
        '-A INPUT -m comment --comment "x',
        "-A INPUT -s -d -j DROP",
    ),
    *(
        "-A INPUT --ctstate -j DROP",
        '-A INPUT -m comment --comment "\n-A INPUT -j DROP" -j ACCEPT',
        "\x1b]52;c;x\x07",
    ),
    *(
        "v1.2.3",
        "v" + "9" * 5000 + ".1.1",
        "v1.16.²",
        "9" * 5000,
        "1e999",
        "-1",
        "NaN",
        "²",
        "٣",
        "1_0",
        " 1",
        "+1",
    ),
    *(
        "9998-01-01T00:00:00Z",
        "0001-01-01T00:00:00+23:59",
        "2026-01-01",
        "infinity",
        "2026-01-01T00:00:00.9999999",
    ),
    *(
        "http://[::1",
        "http://h:99999/",
        "http://h:²/",
        "//",
        "http://\u2100/",
        "http://a..b",
        "\udcff",
        "a\0b",
    ),
    *(
        '{"a": 1, "a": 2}',
        "[" * 5000,
        '{"a":' * 5000,
        '"\\ud800"',
        "[" + "9" * 5000 + "]",
        "[1e999]",
        "[NaN]",
        "\ufeff{}",
    ),
    *(
        '[{"webSocketDebuggerUrl": "ws://["}]',
        '[{"webSocketDebuggerUrl": 7}]',
        "[[]]",
        '{"fault_message": {}}',
    ),
    *(
        "MESSAGE=\\x",
        "A='",
        "$'\\xZZ'",
        "argv[]=x",
        "127.0.0.1\n",
        "1.2.3",
        "١.1.1.1",
        base64.b64encode(b"x").decode(),
    ),
)


@pytest.mark.parametrize("line", LINES, ids=lambda text: ascii(text)[:40])
def test_an_odd_text_is_read_or_refused(line: str) -> None:
    for read in TEXTS.values():
        for text in (
            line,
            f"*filter\n:INPUT ACCEPT [0:0]\n{line}\n",
            f"UPTIME=1\nMainPID=1\nNRestarts=0\n{line}",
        ):
            held(read, text)


@pytest.mark.parametrize("reader", TEXTS)
@given(text=st.text(st.characters(exclude_categories=()), max_size=200) | st.binary(max_size=200))
def test_any_text_is_read_or_refused(reader: str, text: str | bytes) -> None:
    held(TEXTS[reader], text.decode(errors="surrogateescape") if isinstance(text, bytes) else text)


# Of JSON


class Said:
    """A host whose every answer this is."""

    def __init__(self, answer: object) -> None:
        self.answer = answer
        self.site = SITE

    def python(self, source: str, argument: object = None, *, timeout_s: float) -> Any:  # noqa: ARG002
        """The answer."""
        return copy.deepcopy(self.answer)


def silence(answer: object) -> None:
    listener = SilentListener(lambda op, **_: {"port": 1} if op == "listen" else answer, "127.0.0.1", 1)
    listener.heard().open_for(1)


def golden(answer: object) -> GoldenSnapshot:
    return GoldenSnapshot(cast(Any, Said(answer)))


def read_snapshot_files(answer: object) -> None:
    """As the checks of the golden snapshot do; the digests stand for files, too."""
    made = parse_manifest("/m.json", {"content": _encoded(answer), "now": 1.8e9})
    facts = {"disk": read_facts({"/d": {"exists": True, "size": 1, "mtime": 1.0}})["/d"]}
    unlike_manifest(facts, made, {})
    newer_inputs(facts, built_at(facts, made), made, {})
    assert made.boot_id is None or isinstance(made.boot_id, str)


def _encoded(answer: object) -> str:
    return base64.b64encode(json.dumps(answer).encode()).decode()


def session(answer: object) -> None:
    """A launch, and what is then asked of the session."""
    row = {"session": answer}

    def say(request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, content=json.dumps(answer if request.method == "POST" else row))

    api = ControlApi(httpx.MockTransport(say), base_url="http://h")
    made = launch(api, SITE, user_id="u")
    for ask in (lambda: made.address, lambda: made.vm_id, made.row):
        held(lambda _: ask(), None)  # noqa: B023 - it is done at once


class Vmm1(Firecracker):
    """Its every answer is this one."""

    def __init__(self, answer: object) -> None:
        self.answer = answer

    def request(self, *_: Any, **__: Any) -> Any:
        """The answer."""
        return self.answer


def vmm(answer: object) -> None:
    api = Vmm1(answer)
    for ask in (api.version, api.writable_drives, api.describe_instance):
        held(lambda _: ask(), None)  # noqa: B023 - it is done at once


def world(parts: object) -> World:
    """A look at a host that gave this answer."""
    facts = ask_host(cast(Any, Said({"parts": parts, "began": 1.8e9, "ended": 1.8e9})))
    inventory = Inventory(SITE, facts, (OURS,))
    return World(inventory, NewestRows({}, {}), nobodys(inventory))


@functools.cache
def good_world() -> World:
    return world(PARTS)


def part(name: str) -> Callable[[Any], None]:
    """All that is made of one part of a host's answer, where the others are good."""

    def read(answer: Any) -> None:
        after = {**PARTS, name: {"ok": answer}}
        facts = ask_host(cast(Any, Said({"parts": after, "began": 1.8e9, "ended": 1.8e9})))
        here = Inventory(SITE, facts, (OURS,))
        for ask in ASKS.get(name, INVENTORY_ASKS):
            held(ask, here)

    return read


def packets(here: Inventory) -> None:
    tables = tables_of(here.facts.part("firewall", dict[str, object]))
    obstacles(tables, conversation(IPv4Address("192.168.100.1"), IPv4Address("192.168.100.7"), 8080, "fcbr0"))


Ask = Callable[[Inventory], object]
INVENTORY_ASKS: list[Ask] = [*JUDGES, defunct_processes, nobodys, lambda here: remains(here, OURS)]
ASKS: dict[str, list[Ask]] = {
    "identity": [lambda here: here.facts.unit.active_for(here.facts.identity.monotonic)],
    "unit": [lambda here: here.facts.unit.active_for(here.facts.identity.monotonic)],
    "bridge": [
        lambda here: changed_bridge(good_world(), World(here, NewestRows({}, {}), ())),
        lambda here: here.facts.bridge and here.facts.bridge.addresses,
    ],
    "firewall": [
        packets,
        lambda here: changed_firewall(good_world(), World(here, NewestRows({}, {}), ()), OURS),
    ],
    "journal": [lambda here: utc_text(here.facts.journal.since)],
    "log_file": [lambda here: here.facts.log_file],
    "api": [lambda here: here.facts.api],
    "room": [lambda here: here.facts.room],
    "vmm": [lambda here: (vmm_version(here.facts.vmm), format_fault(here.facts.vmm))],
    "kvm": [lambda here: here.facts.kvm],
    "processes": [
        *INVENTORY_ASKS,
        lambda here: changed_things(good_world(), World(here, NewestRows({}, {}), nobodys(here))),
    ],
}


def rows(row: object) -> None:
    if not isinstance(row, dict):
        return
    LiveRow.of(row)
    here = HostFacts({}, Offset(0, 0), 1.8e9)
    old = {**row, "status": "destroyed"}
    worlds = [
        World(Inventory(SITE, here, ()), NewestRows({VM: old}, {VM: {**old, "status": "completed"}}), ()),
        World(Inventory(SITE, here, ()), NewestRows({}, {}), ()),
    ]
    changed_rows(*worlds)


_SAYS = {"status": 0, "stdout": "v1.16.0", "stderr": ""}
_ERRORS = {
    "since": 1.0,
    "limit": 5,
    "read": 1,
    "count": 1,
    "last": [{"time": 1.0, "text": "x"}],
    "ignored": {"a": 1},
}
_NFT = [
    {"metainfo": {"version": "1"}},
    {"table": {"family": "ip", "name": "t", "handle": 1}},
    {
        "chain": {
            "family": "ip",
            "table": "t",
            "name": "c",
            "type": "filter",
            "hook": "input",
            "policy": "drop",
        }
    },
    {
        "set": {
            "family": "ip",
            "table": "t",
            "name": "s",
            "elem": ["10.0.0.1", {"prefix": {"addr": "10.0.0.0", "len": 8}}],
        }
    },
    {
        "rule": {
            "family": "ip",
            "table": "t",
            "chain": "c",
            "handle": 2,
            "expr": [
                {
                    "match": {
                        "op": "==",
                        "left": {"payload": {"protocol": "ip", "field": "saddr"}},
                        "right": "@s",
                    }
                },
                {"match": {"op": "in", "left": {"ct": {"key": "state"}}, "right": {"set": ["new"]}}},
                {
                    "match": {
                        "op": "<",
                        "left": {"payload": {"protocol": "tcp", "field": "dport"}},
                        "right": 9,
                    }
                },
                {
                    "vmap": {
                        "key": {"meta": {"key": "iifname"}},
                        "data": {"set": [["lo", {"jump": {"target": "c"}}]]},
                    }
                },
                {"drop": None},
            ],
        }
    },
]
PARTS: dict[str, Any] = {
    name: {"ok": value}
    for name, value in {
        "identity": {"uid": 0, "hostname": "h", "kernel": "k", "python": "3", "monotonic": 9.5},
        "processes": {
            "vmms": [
                {
                    "pid": 100,
                    "ppid": 1,
                    "state": "S",
                    "comm": "firecracker",
                    "started": 5,
                    "argv": ["firecracker", "--id", VM],
                    "exe": "/x",
                    "netns": 7,
                }
            ],
            "names": {"1": "systemd", "100": "firecracker"},
        },
        "state": {"entries": [{"path": f"/var/lib/firecracker/vms/{VM}", "kind": "directory"}], "count": 1},
        "sockets": {
            "real": "/run/firecracker",
            "entries": [{"path": f"/var/run/firecracker/{VM}.sock", "kind": "socket"}],
            "count": 1,
        },
        "paths": {"/x": {"path": "/x", "kind": "file", "size": 1, "mtime": 1.0, "inode": 1}, "/y": None},
        "taps": {
            "host_netns": 1,
            "names": {"7": "n"},
            "taps": [
                {
                    "name": "fc-vm-6b038",
                    "index": 3,
                    "netns": 1,
                    "netns_name": "",
                    "master": "fcbr0",
                    "up": True,
                }
            ],
        },
        "bridge": {
            "ifname": "fcbr0",
            "flags": ["UP"],
            "addr_info": [{"family": "inet", "local": "192.168.100.1", "prefixlen": 24}],
            "linkinfo": {"info_kind": "bridge"},
        },
        "firewall": {"nft": _NFT, "iptables": "*filter\n:INPUT ACCEPT [0:0]\n-A INPUT -j ACCEPT\n"},
        "unit": {"NRestarts": "0", "ActiveEnterTimestampMonotonic": "5", "ActiveState": "active"},
        "journal": _ERRORS,
        "log_file": {**_ERRORS, "undated": False},
        "api": {"status": 200, "body": "", "error": "", "seconds": 0.1},
        "room": {"disk_mib": 1, "memory_mib": 1},
        "vmm": {"path": "/vmm", "answers": {"version": _SAYS, "snapshot_version": _SAYS, "describe": _SAYS}},
        "kvm": {"version": 12, "fault": None},
    }.items()
}
ROW = {
    "vm_id": VM,
    "status": "running",
    "ip_address": "192.168.100.7/32",
    "tap_device": "fc",
    "firecracker_pid": 100,
    "socket_path": "/s",
    "destroyed_at": "2026-01-01T00:00:00+00:00",
}
_LINK = {"name": "t", "up": True, "master": "b", "vnet_hdr": None, "addresses": ["1.2.3.4/24"], "sent": 1}
_ANSWER = {"port": 8080, "fate": "connected", "status": 404, "said": "x"}
_SICK = {
    "process": {"pid": 7, "state": "S", "rss_kib": 1, "said": "", "oom": ""},
    "macs": ["02:01"],
    "elsewhere": [],
    "api": "Running",
    "boot_args": "ip=1.2.3.4",
    "tap": _LINK,
    "bridge": _LINK,
    "agent": _ANSWER,
    "ssh": _ANSWER,
    "settings": {"net/ipv4/ip_forward": "1"},
    "console": "x",
    "unknown": {},
}
ANSWERS: dict[str, tuple[Callable[[Any], object], Any]] = {
    **{f"the host's {name}": (part(name), one["ok"]) for name, one in PARTS.items()},
    "a whole answer of a host": (
        lambda answer: ask_host(cast(Any, Said(answer))),
        {"parts": {"room": PARTS["room"]}, "began": 1.0, "ended": 2.0},
    ),
    "a journal": (
        lambda answer: lines_about(cast(Any, Said(answer)), VM, since=0),
        {"read": 1, "whole": True, "lines": [[1.0, "x"]]},
    ),
    "the way to a sick VM": (
        lambda answer: diagnose(Facts("it", hops=read_hops(answer, Target("it", "x", "::1", "t")).hops)).text,
        _SICK,
    ),
    "files": (read_facts, {"/d": {"exists": True, "size": 1, "mtime": 1.0, "error": ""}}),
    "digests": (
        lambda answer: golden(answer).sha256(["/d"]),
        {"/d": {"sha256": "0" * 64, "size": 1, "id": [1, 2, 3, 4, 5], "error": "", "remembered": True}},
    ),
    "which machine a host is": (
        lambda answer: ask_standing(cast(Any, Said(answer))),
        {"files": {"/proc/loadavg": "1.0 "}, "systemd": "s", "hostname": "h", "kernel": "k", "processors": 2},
    ),
    "connections behind a bridge": (
        lambda answer: [
            one and one.told(8080)
            for one in knocked(
                cast(Any, Said(answer)), [[IPv4Address("192.168.100.7")]], 8080, device="acc-b"
            ).knocks
        ],
        {"knocks": [{"address": "a", "through": False, "error": "e", "came": 1, "sent": 0, "control": True}]},
    ),
    "files on a disk": (
        lambda answer: golden(answer).read_from_disk(["/d"]),
        {"/d": {"sha256": "0" * 64, "size": 5}},
    ),
    "a manifest that was read": (
        lambda answer: parse_manifest("/m", answer),
        {"content": _encoded({}), "now": 1.0},
    ),
    "a manifest": (
        read_snapshot_files,
        {
            "format": 1,
            "created_at": "2026-01-01T00:00:00Z",
            "boot_id": "x",
            "files": {"d": {"sha256": "0" * 64, "size": 3}},
            "inputs": {"d": {"sha256": "1" * 64, "guest_path": "/d"}},
        },
    ),
    "a session": (
        session,
        {
            "success": True,
            "sessionId": "s",
            "browserIP": "192.168.100.7",
            "browser_vm_id": VM,
            "status": "ready",
        },
    ),
    "a VMM": (
        vmm,
        {"firecracker_version": "1.16.0", "drives": [{"drive_id": "root", "is_read_only": False}]},
    ),
    "a canvas": (read_look, [0.5, 1, 1, base64.b64encode(b"rgba").decode()]),
    "a row": (rows, ROW),
    "a silent listener": (
        silence,
        {
            "count": 1,
            "now_s": 9.5,
            "connections": [
                {"came_s": 0.5, "size": 3, "request": "GET /", "closed_s": None, "closed_by": ""}
            ],
        },
    ),
}
ODD: tuple[Any, ...] = (
    *(
        None,
        True,
        0,
        -1,
        10**20 - 1,
        -(10**19),
        0.5,
        -1e308,
        1e308,
        [],
        {},
        [[]],
        [None],
        {"": None},
        {"a": []},
    ),
    *(
        "",
        "²",
        "٣",
        "-1",
        "9" * 5000,
        "\ud800",
        "\x1b[2J",
        "a\nb",
        "NaN",
        "1e999",
        "x" * 5000,
        "/../..",
        "..",
        "/",
    ),
    *(
        "http://[",
        "http://h:99999",
        "127.0.0.1",
        "::1",
        "300.1.1.1",
        "9998-01-01T00:00:00Z",
        "0001-01-01",
        [1, 2],
    ),
)


def exchanged(good: Any) -> Iterator[Any]:
    """The answer with each part of it, and itself, in turn something odd, or gone."""
    yield from ODD
    if isinstance(good, dict):
        for key, value in good.items():
            yield {name: one for name, one in good.items() if name != key}
            yield from ({**good, key: odd} for odd in exchanged(value))
        yield {**good, "\ud800": 1, "more": None}
    elif isinstance(good, list):
        for place, value in enumerate(good):
            yield from ([*good[:place], odd, *good[place + 1 :]] for odd in exchanged(value))
        yield good * 2


@pytest.mark.parametrize("kind", ANSWERS)
def test_an_answer_is_read_whatever_part_of_it_is_odd(kind: str) -> None:
    read, good = ANSWERS[kind]
    read(copy.deepcopy(good))
    for answer in exchanged(good):
        try:
            held(read, copy.deepcopy(answer))
        except Exception as error:
            raise AssertionError(f"{ascii(answer)[:2000]}") from error


anything = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**19), 10**20 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


@pytest.mark.parametrize("kind", ANSWERS)
@given(answer=anything)
def test_any_json_is_read_or_refused(kind: str, answer: Any) -> None:
    held(ANSWERS[kind][0], answer)
