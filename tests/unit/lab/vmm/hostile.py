"""Requests that no well-meaning client sends, as bytes; ``@NAME@`` stands for a file that a test has made."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

DIGITS = b"7" * 5000
DEEP = 5000
DEEPEST = 127
"""As deep as Firecracker's own reader of JSON goes."""
NUL = rb'"/tmp/a\u0000b"'
KINDS = (b"@FIFO@", b"@FOLDER@", b"@SOCKET@", b"/dev/zero", b"/nowhere", b"", b"/" + b"long" * 2000)


class Input(NamedTuple):
    """A name for the test, and what is sent."""

    name: str
    raw: bytes


def request(method: str, path: str, body: bytes) -> bytes:
    """A request that is in order but for its body."""
    return f"{method} {path} HTTP/1.1\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body


def lists(depth: int) -> bytes:
    """Lists in lists, ``depth`` of them, in an object."""
    return b'{"a":' + b"[" * (depth - 1) + b"]" * (depth - 1) + b"}"


def objects(depth: int) -> bytes:
    """Objects in objects."""
    return b'{"a":' * depth + b"1" + b"}" * depth


def bodies() -> Iterator[tuple[str, str, str, bytes]]:
    """Bodies that are refused in every state of the machine: a name, method, path, the body."""
    for method in ("PUT", "PATCH"):
        yield "lists nested 5,000 deep", method, "/mmds", lists(DEEP)
        yield "objects nested 5,000 deep", method, "/mmds", objects(DEEP)
        yield "one level too deep", method, "/mmds", lists(DEEPEST + 1)
        yield "deep, and never closed", method, "/mmds", b"[" * 50000
        yield "brackets closed alone", method, "/mmds", b"]" * 50000
        yield "quotes that open nothing", method, "/mmds", b'"\\' * 25000
        yield "5,000 digits", method, "/mmds", b'{"a":%s}' % DIGITS
        yield "-5,000 digits", method, "/mmds", b'{"a":-%s}' % DIGITS
        yield "5,000 digits of exponent", method, "/mmds", b'{"a":1e%s}' % DIGITS
        for word in (b"NaN", b"Infinity", b"-Infinity", b"nan", b"1e999", b"01", b"+1", b".5", b"undefined"):
            yield word.decode(), method, "/mmds", b'{"a":%s}' % word
        yield "byte that is not UTF-8", method, "/mmds", b'{"a":"\xff"}'
        yield "key that is not UTF-8", method, "/mmds", b'{"\xff":1}'
        yield "surrogate in UTF-8", method, "/mmds", b'{"a":"\xed\xa0\x80"}'
        yield "UTF-16", method, "/mmds", '{"a":1}'.encode("utf-16")
        yield "byte order mark", method, "/mmds", b'\xef\xbb\xbf{"a":1}'
        for name in (rb"\ud800", rb"\udcff x", rb"\ud800\u0041", rb"\u00", rb"\x00"):
            yield f"escape {name.decode()}", method, "/mmds", b'{"a":"%s"}' % name
            yield f"escape {name.decode()} in a key", method, "/mmds", b'{"%s":1}' % name
        yield "zero bytes", method, "/mmds", bytes(50000)
        yield "two documents", method, "/mmds", b"{}{}"
    yield from _fields()


def _fields() -> Iterator[tuple[str, str, str, bytes]]:
    machine = b'{"vcpu_count":%s,"mem_size_mib":%s}'
    for number in (
        DIGITS,
        b"-" + DIGITS,
        b"1e400",
        b"1.5",
        b"18446744073709551616",
        b"NaN",
        b"true",
        b"null",
    ):
        yield f"vcpu_count {number[:20].decode()}", "PUT", "/machine-config", machine % (number, b"128")
        yield f"mem_size_mib {number[:20].decode()}", "PUT", "/machine-config", machine % (b"1", number)
        yield f"vcpu_count {number[:20].decode()}", "PATCH", "/machine-config", b'{"vcpu_count":%s}' % number
        bucket = b'{"rate_limiter":{"bandwidth":{"size":%s,"refill_time":0}}}' % number
        yield f"size {number[:20].decode()}", "PUT", "/entropy", bucket
        nic = b'{"iface_id":"n","host_dev_name":"@NO_TAP@","mtu":%s}' % number.replace(b"null", b'"1"')
        yield f"mtu {number[:20].decode()}", "PUT", "/network-interfaces/n", nic
    yield "vcpu_count twice", "PUT", "/machine-config", b'{"vcpu_count":1,"vcpu_count":2,"mem_size_mib":64}'
    yield "kernel twice", "PUT", "/boot-source", b'{"kernel_image_path":"/a","kernel_image_path":"@FILE@"}'
    yield "state twice", "PATCH", "/vm", b'{"state":"Paused","state":"Resumed"}'
    yield "unknown key that is not UTF-8", "PUT", "/entropy", b'{"\xff":1}'
    yield "unknown depths", "PUT", "/metrics", b'{"metrics_path":"@FILE@","a":%s}' % lists(DEEP)
    yield (
        "deep override",
        "PUT",
        "/snapshot/load",
        b'{"snapshot_path":"/a","vsock_override":%s}' % lists(DEEP),
    )
    yield from _paths()
    yield from _texts()


def _paths() -> Iterator[tuple[str, str, str, bytes]]:
    drive = b'{"drive_id":"d","is_root_device":false,"is_read_only":%s,"path_on_host":%s}'
    create = b'{"snapshot_path":%s,"mem_file_path":%s}'
    for path in (NUL, rb'"\u0000"', b'"\xff"', rb'"/tmp/\udcff"', *(b'"%s"' % kind for kind in KINDS)):
        name = path[:24].decode(errors="backslashreplace")
        source = b'{"kernel_image_path":%s}' % path
        yield f"kernel {name}", "PUT", "/boot-source", source
        initrd = b'{"kernel_image_path":"@FILE@","initrd_path":%s}' % path
        yield f"initrd {name}", "PUT", "/boot-source", initrd
        for read_only in (b"true", b"false"):
            yield f"drive {name} {read_only.decode()}", "PUT", "/drives/d", drive % (read_only, path)
        yield f"drive {name}", "PATCH", "/drives/rootfs", b'{"drive_id":"rootfs","path_on_host":%s}' % path
        if path not in (b'"/dev/zero"', b'"/nowhere"'):
            yield f"snapshot {name}", "PUT", "/snapshot/create", create % (path, b'"@NEW@"')
            yield f"memory {name}", "PUT", "/snapshot/create", create % (b'"@NEW@"', path)
        nic = b'{"iface_id":"n","host_dev_name":%s}' % path
        yield f"tap {name}", "PUT", "/network-interfaces/n", nic
    for path in (NUL, rb'"\u0000"', b'"\xff"', rb'"/tmp/\udcff"', b'"@FOLDER@"', b'"/nowhere/a"', b'""'):
        name = path[:24].decode(errors="backslashreplace")
        yield f"log {name}", "PUT", "/logger", b'{"log_path":%s}' % path
        yield f"console {name}", "PUT", "/serial", b'{"serial_out_path":%s}' % path
        yield f"metrics {name}", "PUT", "/metrics", b'{"metrics_path":%s}' % path
    for path in (NUL, rb'"\u0000"', b'"\xff"', rb'"/tmp/\udcff"', b'""'):
        name = path[:24].decode(errors="backslashreplace")
        load = b'{"snapshot_path":%s,"mem_file_path":%s}'
        yield f"load {name}", "PUT", "/snapshot/load", load % (path, b'"/nowhere"')
        yield f"load with memory {name}", "PUT", "/snapshot/load", load % (b'"/nowhere"', path)
    for path in (b'"/"', b'"."', b'".."'):
        yield f"snapshot {path.decode()}", "PUT", "/snapshot/create", create % (path, b'"@NEW@"')
        yield f"memory {path.decode()}", "PUT", "/snapshot/create", create % (b'"@NEW@"', path)


def _texts() -> Iterator[tuple[str, str, str, bytes]]:
    for words in WORDS:
        source = b'{"kernel_image_path":"@FILE@","boot_args":"%s"}' % words
        yield f"boot_args {words[:12].decode()}", "PUT", "/boot-source", source
    for words in WORDS[:-1]:
        drive = b'{"drive_id":"d","is_root_device":true,"path_on_host":"@FILE@","partuuid":"%s"}' % words
        yield f"partuuid {words[:12].decode()}", "PUT", "/drives/d", drive
    for address in ADDRESSES:
        config = b'{"network_interfaces":["n"],"ipv4_address":"%s"}' % address.encode()
        yield f"address {address[:24]}", "PUT", "/mmds/config", config
    for mac in ("06:00:00:00:00:²1", "06:00:00:00:00:01\\n", "06-00-00-00-00-01", "٠6:00:00:00:00:01", ""):
        nic = b'{"iface_id":"n","host_dev_name":"@NO_TAP@","guest_mac":"%s"}' % mac.encode()
        yield f"mac {mac}", "PUT", "/network-interfaces/n", nic


WORDS = (rb"a\u0000b", rb"a\nb", "ä".encode(), rb"\u001b[2J", b"a" * 2049)
ADDRESSES = (
    *("169.254.²5.1", "169.254.٣.1", "169.254.1.1\\n", " 169.254.1.1", "169.254.1.1\\u0000", "169.254.001.1"),
    *("169.254.1", "169.254.1.1.1", "169.254.-1.1", "169.254.+1.1", "169.254.1_0.1", "169.254.0x1.1", ""),
    *("169.254." + "1" * 5000 + ".1", "169.254.256.1", "fe80::1", "2851995905"),
)


LENGTHS = (
    *("-5", "5 5", "", "9" * 20, "9" * 900, "²", "٣", "0x10", "1e3", "1_0"),
    *("4294967295", "51201"),
)


def transports() -> Iterator[Input]:
    """What is refused below the API's own level, or names nothing there."""
    for length in LENGTHS:
        line = f"Content-Length: {length}\r\n"
        yield Input(f"length {length[:24]}", b"PUT /mmds HTTP/1.1\r\n" + line.encode() + b"\r\n")
    body = b'{"a":1}'
    yield Input("no length", b"PUT /mmds HTTP/1.1\r\n\r\n" + body)
    yield Input("length 0", b"PUT /mmds HTTP/1.1\r\nContent-Length: 0\r\n\r\n" + body)
    yield Input("length too small", b"PUT /mmds HTTP/1.1\r\nContent-Length: 3\r\n\r\n" + body)
    chunked = b"PUT /mmds HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n7\r\n%s\r\n0\r\n\r\n" % body
    yield Input("chunked", chunked)
    for method in ("POST", "HEAD", "OPTIONS", "TRACE", "CONNECT", "put", "", "PUTT", "\0", "GÉT", "G" * 900):
        yield Input(f"method {method[:12]}", f"{method} /version HTTP/1.1\r\n\r\n".encode())
    for method in ("PUT", "PATCH", "DELETE"):
        yield Input(f"{method} /version", request(method, "/version", b"{}"))
    for path in ("", "/%00", "/../..", "/mmds?a=1", "/é", "/\0", "/a\nb", "/\x1b[2J"):
        yield Input(f"path {path}", f"GET {path} HTTP/1.1\r\n\r\n".encode())
    yield Input("path of 2,000", b"GET /" + b"a" * 2000 + b" HTTP/1.1\r\n\r\n")
    for name in (b"", b"%00", b"a%2Fb", b"a-b", b"..", "²".encode(), b"a" * 600, b"a/b", b"\xff"):
        drive = b'{"drive_id":"d","is_root_device":false,"path_on_host":"@FILE@"}'
        head = b"PUT /drives/%s HTTP/1.1\r\nContent-Length: %d\r\n\r\n" % (name, len(drive))
        yield Input(f"id {name[:12].decode(errors='backslashreplace')}", head + drive)
    for version in ("HTTP/0.9", "HTTP/2.0", "HTTP/1.1 ", "http/1.1", "", "HTTP/1.²"):
        yield Input(f"version {version}", f"GET /version {version}\r\n\r\n".encode())
    yield Input("header that is not UTF-8", b"GET /version HTTP/1.1\r\nX: \xff\xfe\r\n\r\n")
    yield Input("no version", b"GET /version\r\n\r\n")
    yield Input("header without a colon", b"GET /version HTTP/1.1\r\nHost\r\n\r\n")
    yield Input("header of 2,000", b"GET /version HTTP/1.1\r\nHost: " + b"a" * 2000 + b"\r\n\r\n")
    yield Input("folded header", b"GET /version HTTP/1.1\r\nHost: a\r\n b\r\n\r\n")
    yield Input("GET with a body", request("GET", "/version", body))
    yield Input("no request", b"\r\n\r\n")
    yield Input("TLS", bytes.fromhex("160301020001000001fc0303") + b"\xff\r\n" * 20)
    yield Input("zero bytes", bytes(100000))
    yield Input("one line", b"a" * 100000)


TAKEN = (
    Input("HTTP/1.0", b"GET /version HTTP/1.0\r\n\r\n"),
    Input("no Host", b"GET /version HTTP/1.1\r\n\r\n"),
    Input("absolute", b"GET http://localhost/version HTTP/1.1\r\nHost: a\r\n\r\n"),
    Input("no path at all", b"GET version HTTP/1.1\r\n\r\n"),
    Input("odd spaces", b"GET //version/ HTTP/1.1\r\nContent-Length :  0 \r\n\r\n"),
    Input("many headers", b"GET /version HTTP/1.1\r\n" + b"X: y\r\n" * 20000 + b"\r\n"),
)
