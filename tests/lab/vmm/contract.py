"""What is asked of both VMMs before a machine is started: the contract that the lab's is held to."""

from __future__ import annotations

from dataclasses import dataclass

from tests.lab.vmm.description import CALLS, NOT_OFFERED, POST, bad_bodies

Body = dict[str, object] | None
Asked = tuple[str, str, Body]
FOLDER = "{folder}"
"""Stands for a folder of the test's own: a ``file`` of no use, ``zeros``, ``empty``, configurations."""
FILE = f"{FOLDER}/file"


@dataclass(frozen=True)
class Case:
    """Requests on one VMM, one after the other: as a call with a body, or as bytes."""

    name: str
    asked: tuple[Asked | bytes, ...]


def raw(method: str, path: str, body: bytes = b"", more: str = "") -> bytes:
    """A request, byte for byte."""
    return f"{method} {path} HTTP/1.1\r\n{more}Content-Length: {len(body)}\r\n\r\n".encode() + body


def _calls() -> list[Case]:
    bad = [Case(name, ((call.method, call.path, body),)) for name, call, body, _ in bad_bodies()]
    early = [Case(f"early {c.name}", ((c.method, c.path, c.body),)) for c in CALLS if c.phase == POST]
    whole: list[Asked] = [(m, p, None if m == "GET" else {"amount_mib": 1}) for m, p in NOT_OFFERED]
    return [*bad, *early, *(Case(f"{asked[0]} {asked[1]}", (asked,)) for asked in whole)]


_VCPUS = b'{"vcpu_count": '
_TEXTS = {
    "an object cut off": b"{",
    "a value cut off": _VCPUS + b"1",
    "a field to come": _VCPUS + b"1,",
    "a value to come": _VCPUS,
    "a key cut off": b'{"vcpu_co',
    "a word cut off": b"nul",
    "white space": b" ",
    "a text": b'"s"',
    "a number": b"7",
    "nothing": b"null",
    "a list for an object": b"[]",
    "quotes of another kind": b"{'a':1}",
    "no UTF-8": b"\xff",
    "a fraction": _VCPUS + b"1.5}",
    "a number too large": _VCPUS + b"300}",
    "a number below zero": _VCPUS + b"-1}",
    "null for a number": _VCPUS + b"null}",
    "a truth for a number": _VCPUS + b"true}",
    "a list for a number": _VCPUS + b"[1]}",
    "an object for a number": _VCPUS + b"{}}",
    "a field twice": _VCPUS + b'1, "vcpu_count": 1}',
    "a comma too many": _VCPUS + b'1, "mem_size_mib": 128,}',
    "a number with a nought before": _VCPUS + b"01}",
    "a control character": b'{"a\x01": 1}',
    "a number of 65 bits": _VCPUS + b'1, "mem_size_mib": 18446744073709551616}',
    "null for a truth": b'{"smt": null}',
    "an unknown word": b'{"huge_pages": "x"}',
}
_LINES = {
    "POST": b"POST / HTTP/1.1",
    "HEAD": b"HEAD / HTTP/1.1",
    "get": b"get / HTTP/1.1",
    "no method": b" / HTTP/1.1",
    "HTTP/2": b"GET / HTTP/2.0",
    "two words": b"GET /",
    "no path": b"GET  HTTP/1.1",
    "two spaces": b"GET  / HTTP/1.1",
    "no slash": b"GET nowhere HTTP/1.1",
    "a space too many": b"GET /version HTTP/1.1 ",
    "a path of no UTF-8": b"GET /\xff HTTP/1.1",
    "an address": b"GET http://h/version HTTP/1.1",
    "an address alone": b"GET http://h HTTP/1.1",
    "HTTP/1.0": b"GET / HTTP/1.0",
    "an empty line": b"",
    "a line too long": b"GET /" + b"a" * 1100 + b" HTTP/1.1",
}
_HEADERS = {
    "no colon": b"Bad",
    "no value": b"A:",
    "no name": b": b",
    "no UTF-8": b"A: \xff",
    "no length": b"Content-Length: many",
    "a length below zero": b"Content-Length: -1",
    "a length of 33 bits": b"Content-Length: 4294967296",
    "a payload too large": b"Content-Length: 51201",
    "chunks": b"Transfer-Encoding: chunked",
    "another type": b"Content-Type: text/x",
    "no encoding": b"Accept-Encoding: ",
    "nothing plain": b"Accept-Encoding: identity;q=0",
    "nothing else": b"Accept-Encoding: *;q=0",
    "a packed answer": b"Accept-Encoding: gzip",
    "a header too long": b"X: " + b"y" * 1100,
}
_PATHS = [
    "/",
    "//",
    "//version",
    "/version/",
    "//version//",
    "/version/x",
    "/version?x=1",
    "/%76ersion",
    "/vm",
    "/vm//config",
    "/nothing",
]
_PATHS += ["/drives/d", "/vsock", "/cpu-config", "/machine-config"]
_EMPTY = ("PUT /nothing", "PUT /logger", "PATCH /vm", "PUT /drives/a")
_WITH_BODY = {
    "GET": "/version /nothing",
    "PUT": "/version /nothing /vm /snapshot /snapshot/x /drives /drives/ /drives/a-b /drives/a/b /drives//a "
    "/network-interfaces /mmds/x /machine-config/x /actions/x",
    "PATCH": "/logger /boot-source /snapshot/create /mmds/config /vsock",
}


def _wire() -> list[Case]:
    texts = [Case(name, (raw("PUT", "/machine-config", text),)) for name, text in _TEXTS.items()]
    lines = [Case(f"line: {name}", (line + b"\r\n\r\n",)) for name, line in _LINES.items()]
    head = b"GET /version HTTP/1.1\r\n"
    headers = [Case(f"header: {name}", (head + one + b"\r\n\r\n",)) for name, one in _HEADERS.items()]
    paths = [Case(f"GET {path}", (raw("GET", path),)) for path in _PATHS]
    empty = [Case(f"{method} {path}, empty", (raw(method, path),)) for method, path in map(str.split, _EMPTY)]
    calls = [(method, path) for method, paths in _WITH_BODY.items() for path in paths.split()]
    bodies = [Case(f"{method} {path} {{}}", (raw(method, path, b"{}"),)) for method, path in calls]
    gone = [Case(f"DELETE {path}", (raw("DELETE", path),)) for path in ("/vm", "/drives/d")]
    return [
        *texts,
        *lines,
        *headers,
        *paths,
        *empty,
        *bodies,
        *gone,
    ]


ON_ONE = tuple(_calls() + _wire())
"""None of them changes anything: all are asked of one VMM."""


def _machine(method: str = "PUT", **fields: object) -> Asked:
    return (
        method,
        "/machine-config",
        fields if method == "PATCH" else {"vcpu_count": 1, "mem_size_mib": 128} | fields,
    )


def _drive(name: str = "a", **fields: object) -> Asked:
    body = {"drive_id": name, "is_root_device": False, "path_on_host": FILE, "is_read_only": True}
    return "PUT", "/drives/a" if name == "a" else "/drives/b", body | fields


def _boot(**fields: object) -> Asked:
    return "PUT", "/boot-source", {"kernel_image_path": FILE} | fields


def _nic(**fields: object) -> Asked:
    return "PUT", "/network-interfaces/n0", {"iface_id": "n0", "host_dev_name": "lo"} | fields


def _mmds(*names: str, **fields: object) -> Asked:
    return "PUT", "/mmds/config", {"network_interfaces": names} | fields


def _load(state: str = "/nowhere", **fields: object) -> Asked:
    backend = {"backend_type": "File", "backend_path": FILE}
    return "PUT", "/snapshot/load", {"snapshot_path": state, "mem_backend": backend} | fields


_BUCKET = {"bandwidth": {"size": 1, "refill_time": 100}}
_SHOW: Asked = ("GET", "/vm/config", None)
_START: Asked = ("PUT", "/actions", {"action_type": "InstanceStart"})

REFUSED_ALONE: dict[str, Asked] = {
    "a start without a kernel": _START,  # before one is taken
    "no vCPU": _machine(vcpu_count=0),
    "too many vCPUs": _machine(vcpu_count=33),
    "vCPUs that are not even": _machine(vcpu_count=3, smt=True),
    "no memory": _machine(mem_size_mib=0),
    "an empty change": _machine("PATCH"),
    "a change to nothing": _machine("PATCH", vcpu_count=0),
    "a drive that is not there": _drive(path_on_host="/nowhere"),
    "a drive without a name": _drive(path_on_host=""),
    "a drive without a file": ("PUT", "/drives/a", {"drive_id": "a", "is_root_device": False}),
    "a drive that is a folder": _drive(path_on_host="/etc"),
    "a drive that limits": _drive(rate_limiter=_BUCKET),
    "a drive that limits below zero": _drive(rate_limiter={"ops": {"size": -1, "refill_time": 1}}),
    "a drive by a socket": ("PUT", "/drives/a", {"drive_id": "a", "is_root_device": False, "socket": "/no"}),
    "a drive by file and socket": _drive(socket="/no"),
    "a drive of another name": ("PUT", "/drives/b", {"drive_id": "a", "is_root_device": False}),
    "a kernel that is not there": _boot(kernel_image_path="/nowhere"),
    "an initrd that is not there": _boot(initrd_path="/nowhere"),
    "a kernel that is a folder": _boot(kernel_image_path="/etc"),
    "arguments that are too long": _boot(boot_args="x" * 3000),
    "arguments that are no ASCII": _boot(boot_args="ü"),
    "no TAP": _nic(),
    "a TAP of a long name": _nic(host_dev_name="x" * 16),
    "a TAP without a name": _nic(host_dev_name=""),
    "a MAC that is none": _nic(guest_mac="zz"),
    "a MAC that is too long": _nic(guest_mac="00:11:22:33:44:555"),
    "metadata for nobody": _mmds(),
    "metadata for somebody unknown": _mmds("x"),
    "metadata of version 2": _mmds("x", version="V2"),
    "metadata elsewhere": _mmds("x", ipv4_address="1.2.3.4"),
    "metadata nowhere": _mmds("x", ipv4_address="1.2.3"),
    "a log in no folder": ("PUT", "/logger", {"log_path": "/nowhere/log"}),
    "metrics in no folder": ("PUT", "/metrics", {"metrics_path": "/nowhere/metrics"}),
    "a log that is not there": ("PUT", "/logger", {"log_path": f"{FOLDER}/{{name}}.new"}),
    "a load without memory": ("PUT", "/snapshot/load", {"snapshot_path": FILE}),
    "a load of two memories": _load(mem_file_path=FILE),
    "a load after configuring": _load(),
    "the largest size": _machine(mem_size_mib=2**64 - 1),
    "a CPU template": _machine(cpu_template="T2"),
    "huge pages": _machine(huge_pages="2M"),
    "memory by Uffd": _load(mem_backend={"backend_type": "Uffd", "backend_path": FILE}),
    "memory by magic": _load(mem_backend={"backend_type": "Magic", "backend_path": FILE}),
    "a limited entropy device": ("PUT", "/entropy", {"rate_limiter": _BUCKET}),
}
"""On a VMM that has been told a kernel before, where none is asked for: so no load is tried."""

SCRIPTS = (
    Case(
        "a configuration",
        (
            _SHOW,
            raw("GET", "/vm/config/x"),
            _machine(vcpu_count=2, mem_size_mib=256),
            _machine("PATCH", mem_size_mib=512),
            ("GET", "/machine-config", None),
            _machine(smt=False, cpu_template="None", track_dirty_pages=True),
            _boot(boot_args="quiet"),
            _drive(partuuid="x", rate_limiter={"ops": {"size": 0, "refill_time": 0}}),
            _drive(is_root_device=True, io_engine="Async"),
            _drive("b", is_root_device=True),
            ("PUT", "/entropy", {}),
            ("PUT", "/logger", {"level": "warning"}),
            ("PUT", "/metrics", {"metrics_path": "/dev/null", "more": 1}),
            ("PUT", "/metrics", {"metrics_path": "/dev/null"}),
            _SHOW,
            ("GET", "/", None),
        ),
    ),
    Case("a start of what is no kernel", (_boot(), _START)),
    Case(
        "metadata",
        (
            ("PATCH", "/mmds", {"a": 1}),
            ("GET", "/mmds", None),
            ("PUT", "/mmds", {"a": {"b": 1, "c": 2}}),
            ("PATCH", "/mmds", {"a": {"b": None, "d": 3}}),
            ("GET", "/mmds", None),
            raw("PUT", "/mmds", b'{"a": 1, "a": 2}'),
            raw("PATCH", "/mmds", b'{"a":'),
            raw("PUT", "/mmds", b"[" * 200),
            ("GET", "/mmds", None),
            raw("PUT", "/mmds", b"[1]"),
            raw("PATCH", "/mmds", b"7"),
            ("GET", "/mmds", None),
            ("PUT", "/mmds", {"a": "x" * 30000}),
            ("PATCH", "/mmds", {"b": "x" * 30000}),
        ),
    ),
    Case("a vmstate that is not there", (_load(),)),
    Case("a vmstate of nothing", (_load(f"{FOLDER}/empty"),)),
    Case("a vmstate of no use", (_load(FILE),)),
    Case("a vmstate of nothing but zeros", (_load(f"{FOLDER}/zeros"),)),
)
"""Each on a VMM of its own."""
