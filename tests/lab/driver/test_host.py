"""Questions to a host, with SSH and without."""

from __future__ import annotations

import hashlib
import os
import socket
from concurrent.futures import ThreadPoolExecutor

import pytest

from harness.errors import CommandError
from harness.host.golden.files import GoldenSnapshot
from harness.host.hypervisor import Hypervisor
from harness.wait import wait_until
from tests.lab.driver.traces import processes

pytestmark = pytest.mark.lab


def test_a_script_runs_as_root_and_tells_how_it_ended(hypervisor: Hypervisor) -> None:
    result = hypervisor.script("id -u; echo trouble >&2; exit 7", timeout_s=30)
    assert (result.status, result.stdout, result.stderr) == (7, "0\n", "trouble\n")


def test_a_script_that_takes_too_long_is_ended_with_all_it_started(hypervisor: Hypervisor) -> None:
    mark = f"{os.getpid()}.25"
    with pytest.raises(CommandError, match=r"took over 1 s"):
        hypervisor.script(f"echo before; sleep {mark} & sleep {mark}", timeout_s=1)
    wait_until(lambda: processes(mark), what="they are gone", timeout_s=30, until=lambda left: left == [])


def test_python_gets_its_argument_and_answers_json(hypervisor: Hypervisor) -> None:
    read = "sys.stdin.read() if sys.argv[1] == '-' else sys.argv[1]"
    source = f"import json, sys; print(json.dumps(json.loads({read})))"
    for argument in ({"a": [1, "ü"]}, "x" * 200_000):
        assert hypervisor.python(source, argument, timeout_s=30) == argument


def test_python_that_fails_is_told_with_its_traceback(hypervisor: Hypervisor) -> None:
    with pytest.raises(CommandError, match=r"ZeroDivisionError"):
        hypervisor.python("1 / 0", timeout_s=30)


def test_scripts_run_side_by_side(hypervisor: Hypervisor) -> None:
    """Each ends only when all have begun."""
    folder = hypervisor.script("mktemp -d", timeout_s=30).stdout.strip()
    meet = f"touch {folder}/$$; until [ $(ls {folder} | wc -l) -eq 8 ]; do sleep 0.1; done"
    try:
        with ThreadPoolExecutor(8) as pool:
            met = list(pool.map(lambda _: hypervisor.script(meet, timeout_s=60).status, range(8)))
    finally:
        hypervisor.script(f"rm -r {folder}", timeout_s=30)
    assert met == [0] * 8


def test_a_tcp_port_of_the_host_is_reached_by_a_local_socket(hypervisor: Hypervisor) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server, socket.socket(socket.AF_UNIX) as client:
        path = hypervisor.forward(f"tcp:127.0.0.1:{server.getsockname()[1]}")
        client.connect(str(path))
        far, _ = server.accept()
        with far:
            far.sendall(b"hello")
            assert client.recv(5) == b"hello"


def test_testinfra_goes_over_the_same_connection(hypervisor: Hypervisor) -> None:
    assert hypervisor.testinfra.run("id -u").stdout == "0\n"


def test_files_inside_the_disk_are_read_without_mounting_it(hypervisor: Hypervisor) -> None:
    files = GoldenSnapshot(hypervisor).read_from_disk(["/etc/with space", "/etc/not-there"])
    assert files["/etc/with space"].sha256 == hashlib.sha256(b"found\n").hexdigest()
    assert files["/etc/not-there"].sha256 == ""
    assert "not found" in files["/etc/not-there"].error


def test_facts_of_the_snapshots_files(hypervisor: Hypervisor) -> None:
    files = GoldenSnapshot(hypervisor).files()
    assert files["disk"].exists
    assert files["disk"].size == 8 << 20
    assert not files["vmstate"].exists
