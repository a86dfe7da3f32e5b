"""Whatever is sent to the VMM, it answers as the API description says, and the machine lives on."""

from __future__ import annotations

import resource
import socket
import time
from contextlib import ExitStack, suppress
from pathlib import Path

import pytest

from tests.unit.lab.vmm.conftest import Start, boot
from tests.unit.lab.vmm.hostile import DEEPEST, TAKEN, bodies, lists, objects, request, transports
from tests.unit.peers.vmm_program import Answer, Program, ask, receive

TRANSPORTS = list(transports())
Files = dict[str, str]


def send(program: Program, raw: bytes) -> Answer:
    """The first answer to these bytes."""
    with program.connect() as sock:
        sock.settimeout(60)
        with suppress(BrokenPipeError, ConnectionResetError):  # refused, and hung up, before all was sent
            sock.sendall(raw)
        return receive(sock)


def state(program: Program) -> str:
    """What the machine's state is; it also shows that the VMM lives."""
    with program.connect() as sock:
        sock.settimeout(60)
        return str(ask(sock, "GET", "/").json["state"])


def fill(body: bytes, files: Files) -> bytes:
    """The body with the names of files that there are."""
    for name, path in files.items():
        body = body.replace(f"@{name}@".encode(), path.encode())
    return body


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [pytest.param(*case[1:], id=" ".join((case[1], case[2], case[0]))) for case in bodies()],
)
def test_body_is_refused(vmm: Program, files: Files, method: str, path: str, body: bytes) -> None:
    """In every state: 400 with the reason, and all is as before."""
    before = state(vmm)
    answer = send(vmm, request(method, path, fill(body, files)))
    assert (answer.status, list(answer.json)) == (400, ["fault_message"])
    assert state(vmm) == before


@pytest.mark.parametrize("sent", [pytest.param(case.raw, id=case.name) for case in TRANSPORTS])
def test_request_is_refused(vmm: Program, sent: bytes) -> None:
    """In every state: 400, by the API or by the server below it."""
    before = state(vmm)
    answer = send(vmm, sent)
    assert answer.status == 400
    assert answer.body.startswith((b'{"fault_message":', b'{ "error": '))
    assert state(vmm) == before


@pytest.mark.parametrize("sent", [pytest.param(case.raw, id=case.name) for case in TAKEN])
def test_odd_request_is_taken(vmm: Program, sent: bytes) -> None:
    """What is only unusual gets its answer."""
    assert send(vmm, sent).status == 200


@pytest.mark.parametrize("body", [lists(DEEPEST), objects(DEEPEST), b'{"a":1,"a":%s}' % (b"7" * 300)])
def test_metadata_as_deep_and_large_as_can_be(start_vmm: Start, body: bytes) -> None:
    """It is stored, merged with itself, and shown."""
    program = start_vmm()
    for method in ("PUT", "PATCH", "PATCH"):
        assert send(program, request(method, "/mmds", body)).status == 204
    assert send(program, request("GET", "/mmds", b"")).status == 200


@pytest.mark.parametrize("mib", [2**40, 2**43, 2**44, 2**62, 2**63 - 1, 2**64 - 1])
def test_memory_that_nobody_has(start_vmm: Start, small_kernel: Path, mib: int) -> None:
    """It is refused where it is asked for, or by the start; the VMM can still start another machine."""
    program = start_vmm()
    asked = program.ask("PUT", "/machine-config", {"vcpu_count": 1, "mem_size_mib": mib})
    if asked.status == 204:
        program.do("PUT", "/boot-source", {"kernel_image_path": str(small_kernel)})
        started = program.ask("PUT", "/actions", {"action_type": "InstanceStart"})
        assert (started.status, state(program)) == (400, "Not started")
    assert send(program, request("GET", "/vm/config", b"")).status == 200
    boot(program, small_kernel)


def test_numbers_are_shown_as_they_were_given(start_vmm: Start) -> None:
    """The largest number that a field takes can be read again."""
    program = start_vmm()
    bucket = {"size": 2**63 - 1, "refill_time": 0}
    program.do("PUT", "/entropy", {"rate_limiter": {"bandwidth": bucket}})
    shown = program.ask("GET", "/vm/config").json["entropy"]["rate_limiter"]["bandwidth"]
    assert shown["size"] == bucket["size"]


def test_kernel_that_is_gone_at_the_start(start_vmm: Start, tmp_path: Path) -> None:
    """The start is refused; so is one whose kernel is none."""
    program, kernel = start_vmm(), tmp_path / "kernel"
    start = {"action_type": "InstanceStart"}
    for content in (None, b"", b"no kernel"):
        kernel.write_bytes(content or b"")
        program.do("PUT", "/boot-source", {"kernel_image_path": str(kernel)})
        if content is None:
            kernel.unlink()
        assert program.ask("PUT", "/actions", start).status == 400
    assert state(program) == "Not started"


def test_nothing_is_left_open(start_vmm: Start, tmp_path: Path) -> None:
    """Files named over and over, and starts that fail, cost no descriptors."""
    program, kernel = start_vmm(), tmp_path / "kernel"
    kernel.write_bytes(b"no kernel")
    program.do("PUT", "/boot-source", {"kernel_image_path": str(kernel)})
    assert program.ask("PUT", "/actions", {"action_type": "InstanceStart"}).status == 400
    resource.prlimit(program.process.pid, resource.RLIMIT_NOFILE, (40, 40))
    for _ in range(40):
        program.do("PUT", "/logger", {"log_path": str(tmp_path / "log")})
        program.do("PUT", "/serial", {"serial_out_path": str(tmp_path / "console")})
    for _ in range(8):
        assert program.ask("PUT", "/actions", {"action_type": "InstanceStart"}).status == 400
    assert state(program) == "Not started"


@pytest.mark.parametrize("name", ["FIFO", "FOLDER", "SOCKET", "FILE", "ZERO", "LONG"])
@pytest.mark.parametrize("field", ["snapshot_path", "mem_file_path"])
def test_failed_load_ends_the_process(start_vmm: Start, files: Files, name: str, field: str) -> None:
    """As Firecracker's: 400 and then exit code 1, at once, whatever other clients are still sending."""
    program = start_vmm()
    paths = {"snapshot_path": files["FILE"], "mem_file_path": files["FILE"]}
    with program.connect() as slow:
        slow.sendall(b"PUT /mmds HTTP/1.1\r\nContent-Length: 100\r\n\r\n{")
        answer = program.ask("PUT", "/snapshot/load", {**paths, field: files[name]})
        assert (answer.status, "Load snapshot error" in answer.fault) == (400, True)
        assert program.wait() == 1


def test_client_that_reads_nothing_holds_nobody_up(vmm: Program) -> None:
    """It asks without end and takes no answer; others are served."""
    with vmm.connect() as deaf:
        deaf.settimeout(0.5)
        with suppress(TimeoutError):
            while True:
                deaf.sendall(b"GET /vm/config HTTP/1.1\r\n\r\n" * 1000)
        assert state(vmm)


def test_client_that_reads_nothing_does_not_hold_up_the_end(start_vmm: Start) -> None:
    """The end waits a second for its last answer to be taken, and no longer."""
    program = start_vmm()
    load = b'{"snapshot_path":"/nowhere","mem_file_path":"/nowhere"}'
    with program.connect() as deaf:
        deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1)
        deaf.sendall(b"GET /version HTTP/1.1\r\n\r\n" * 2000 + request("PUT", "/snapshot/load", load))
        ended = program.process
        deadline = time.monotonic() + 60
        while ended.poll() is None and time.monotonic() < deadline:
            with suppress(TimeoutError):  # a byte now and then
                deaf.settimeout(0.2)
                deaf.recv(1)
        assert ended.poll() == 1


def test_slow_clients_hold_nobody_up(vmm: Program) -> None:
    """Nine that are in the middle of a line, of their headers, of a body; the tenth is served."""
    pieces = (b"PU", b"PUT /mmds HTTP/1.1\r\nContent-Le", b"PUT /mmds HTTP/1.1\r\nContent-Length: 9\r\n\r\n{")
    with ExitStack() as stack:
        for piece in pieces * 3:
            sock = stack.enter_context(vmm.connect())
            sock.sendall(piece)
        assert state(vmm)


def test_more_connections_than_it_takes(vmm: Program) -> None:
    """Those over the limit hang up before they hear that they are; those within it are served."""
    with ExitStack() as stack:
        opened = [stack.enter_context(vmm.connect()) for _ in range(10)]
        assert [ask(sock, "GET", "/version").status for sock in opened] == [200] * 10
        for _ in range(300):
            with socket.socket(socket.AF_UNIX) as late:
                late.setblocking(False)
                with suppress(BlockingIOError):  # as many as wait to be let in
                    late.connect(str(vmm.socket_path))
        assert [ask(sock, "GET", "/version").status for sock in opened] == [200] * 10
    assert state(vmm)


def test_headers_without_end_cost_no_memory(vmm: Program) -> None:
    """They are read as they come, and not kept."""
    with vmm.connect() as sock:
        sock.sendall(b"GET /version HTTP/1.1\r\n")
        before = resident_kib(vmm)
        for _ in range(200):
            sock.sendall(b"X: %s\r\n" % (b"y" * 900) * 70)
        assert resident_kib(vmm) < before + 4096
        sock.sendall(b"\r\n")
        assert receive(sock).status == 200


def resident_kib(program: Program) -> int:
    """The memory of its process."""
    text = Path(f"/proc/{program.process.pid}/status").read_text()
    return int(text.partition("VmRSS:")[2].split()[0])


def test_pipelined_requests_each_get_their_answer(vmm: Program) -> None:
    """Good and bad ones in one piece; what is no request ends the connection."""
    good, bad = b"GET /version HTTP/1.1\r\n\r\n", request("PUT", "/mmds", lists(5000))
    with vmm.connect() as sock:
        sock.settimeout(60)
        sock.sendall((good + bad) * 3 + b"no request\r\n\r\n" + good)
        got = b""
        while data := sock.recv(65536):
            got += data
    assert got.count(b"HTTP/1.1 200 ") == 3
    assert got.count(b"HTTP/1.1 400 ") == 4
