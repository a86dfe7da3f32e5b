"""The probe itself, run here against real processes, sockets, files and a real HTTP server."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import threading
from collections.abc import Iterator, Sequence
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

from harness.errors import TransportError
from harness.host_facts import HostFacts, ask_host
from harness.host_parts import Entry, Processes, Sockets, Taps
from harness.site import ControllerSection, NetworkSection, Site, StateSection, VmmSection
from harness.wait import wait_until
from tests.unit.this_machine import Apart, Here

VM = "vm-6b03852d-0631-4f91-ae8a-fd352348e9c2"
NAME = "acceptance-vmm-x"  # 16 characters: the kernel keeps 15 of a process's name


@pytest.fixture
def local_site(tmp_path: Path) -> Site:
    vms, sockets = tmp_path / "vms", tmp_path / "run"
    vms.mkdir()
    sockets.mkdir()
    return Site(
        name="here",
        vmm=VmmSection(process_name=NAME, binary=str(tmp_path / NAME)),
        state=StateSection(vms_dir=str(vms), sockets_dir=str(sockets)),
        network=NetworkSection(bridge="no-such-bridge"),
        controller=ControllerSection(unit="no-such-unit.service", url="http://127.0.0.1:9"),
    )


@pytest.fixture
def vmm(tmp_path: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A process with a VMM's name and command line, which is defunct once it was told to end."""
    program = tmp_path / NAME
    shutil.copy("/bin/cat", program)
    with subprocess.Popen(
        [program, "-", f"/tmp/{VM}.sock"], stdin=subprocess.PIPE, stderr=subprocess.DEVNULL
    ) as process:
        yield process
        process.kill()


def ask(local_site: Site, *parts: str, paths: tuple[str, ...] = ()) -> HostFacts:
    return ask_host(Here(), local_site, parts=parts, paths=paths, timeout_s=30)


def test_a_vmm_is_known_by_its_name_and_with_its_whole_command_line(
    local_site: Site, vmm: subprocess.Popen[bytes]
) -> None:
    found = ask(local_site, "processes").part("processes", Processes)
    (one,) = (one for one in found.vmms if one.pid == vmm.pid)
    assert one.argv[1:] == ("-", f"/tmp/{VM}.sock")
    assert (one.comm, one.defunct, one.exe) == (NAME[:15], False, f"{local_site.vmm.binary}")
    assert found.names[1]


def test_a_vmm_that_nobody_waited_for_is_defunct(local_site: Site, vmm: subprocess.Popen[bytes]) -> None:
    assert vmm.stdin
    vmm.stdin.close()

    def states() -> list[bool]:
        found = ask(local_site, "processes").part("processes", Processes)
        return [one.defunct for one in found.vmms if one.pid == vmm.pid]

    wait_until(lambda: states() == [True], what="a defunct process", timeout_s=10)


def test_files_sockets_and_paths_asked_by_name(local_site: Site, tmp_path: Path) -> None:
    Path(local_site.state.vms_dir, VM).mkdir()
    Path(local_site.state.vms_dir, f"{VM}.ext4").write_bytes(b"disk")
    inner = Path(local_site.state.sockets_dir, "folder")
    inner.mkdir()
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(inner / "api.sock"))
        facts = ask(
            local_site, "state", "sockets", "paths", paths=(str(inner / "api.sock"), str(tmp_path / "no/x"))
        )
    assert [one.kind for one in facts.part("state", tuple[Entry, ...])] == ["directory", "file"]
    assert [one.kind for one in facts.part("sockets", Sockets).entries] == ["directory", "socket"]
    kinds = [one and one.kind for one in facts.part("paths", dict[str, Entry | None]).values()]
    assert sorted(kinds, key=str) == [None, "socket"]


def test_what_cannot_be_asked_says_so_and_disturbs_nothing_else(local_site: Site) -> None:
    gone = local_site.model_copy(update={"state": StateSection(vms_dir="/no/such/folder")})
    facts = ask(gone, "state", "identity", "unit", "journal")
    assert facts.identity.monotonic > 0
    with pytest.raises(TransportError, match="/no/such/folder"):
        facts.part("state", tuple[Entry, ...])
    with pytest.raises(TransportError, match="no answer"):
        _ = facts.api


class Health(BaseHTTPRequestHandler):
    """Answers 503, as a controller that is starting does."""

    def do_GET(self) -> None:
        body = b'{"status": "starting"}'
        self.send_response(503)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Quiet."""


def test_the_controllers_answer_and_that_there_is_none(local_site: Site) -> None:
    with HTTPServer(("127.0.0.1", 0), Health) as server:
        threading.Thread(target=server.handle_request, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_port}/"
        there = local_site.model_copy(update={"controller": ControllerSection(url=url)})
        answer = ask(there, "api").api
        assert (answer.status, answer.body) == (503, '{"status": "starting"}')
    assert ask(there, "api").api.status is None
    assert "refused" in ask(there, "api").api.error


def test_a_bridge_that_is_not_there_a_vmm_that_is_not_there_and_room(local_site: Site) -> None:
    facts = ask(local_site, "bridge", "vmm", "room")
    assert facts.bridge is None
    assert facts.vmm.path is None
    assert facts.room.disk_mib > 0
    assert facts.room.memory_mib > 0


def test_the_clock_of_this_machine_is_its_own(local_site: Site) -> None:
    clock = ask(local_site, "identity").clock
    assert clock.at_least == 0
    assert clock.at_most < 5


SAYS = """#!/bin/sh
case "$1" in
  --version) echo "Firecracker v1.16.1"; echo; echo exiting;;
  --snapshot-version) echo "v10.0.0";;
  *) echo "cannot read $2" >&2; exit 1;;
esac
"""


def test_what_the_vmm_says_of_itself(local_site: Site) -> None:
    binary = Path(local_site.vmm.binary)
    binary.write_text(SAYS)
    binary.chmod(0o755)
    answers = ask(local_site, "vmm").vmm.answers
    assert answers["version"].first_line == "Firecracker v1.16.1"
    assert answers["describe"].status == 1
    assert "browser-vm-golden.snap" in answers["describe"].stderr


TWO_VMS = "; ".join(
    f"ip netns add acc-vm{n}; ip -n acc-vm{n} tuntap add vmtap{n} mode tap; {{leftover}}{n}" for n in (1, 2)
)
LEFTOVERS = {
    "nothing": ": acc-",
    "plain files": "touch /run/netns/acc-",
    "names that are gone when they are looked at": "ln -s /run/no-such-thing /run/netns/acc-",
}


@pytest.mark.parametrize("leftover", LEFTOVERS.values(), ids=LEFTOVERS)
def test_taps_of_every_namespace_are_seen_whatever_lies_beside(local_site: Site, leftover: str) -> None:
    host = Apart(TWO_VMS.format(leftover=leftover))
    found = ask_host(host, local_site, parts=("taps",), paths=(), timeout_s=30).part("taps", Taps)
    seen = {(one.netns_name, one.name) for one in found.taps}
    assert seen == {("acc-vm1", "vmtap1"), ("acc-vm2", "vmtap2")}


@pytest.mark.parametrize("is_there", [True, False])
def test_a_namespace_that_cannot_be_entered_counts_unless_it_went_meanwhile(
    tmp_path: Path, is_there: bool
) -> None:
    def refused(enter: Sequence[str], *_: object) -> list[Any]:
        if enter:
            raise RuntimeError("nsenter: Invalid argument")
        return []

    own = Path("/proc/self/ns/net")
    (tmp_path / "unmounted").touch()  # `ip netns delete` unmounts, and only then removes the file
    path = own if is_there else tmp_path / "unmounted"
    names = load_probe()
    names.update(taps_in=refused, namespaces=lambda *_: {own.stat().st_ino: ("acc-vm", str(path))})
    found = names["answered"](names["taps"], {"ours": "acc-[0-9a-f]{6}"})
    assert ("error" in found) == is_there


def load_probe() -> dict[str, Any]:
    """The probe's own functions, for what no real host would show."""
    source = Path("harness/probes/host.py")
    names: dict[str, Any] = {"__name__": "probe"}
    exec(compile(source.read_text(), str(source), "exec"), names)  # noqa: S102 - our own file
    return names


ASK = {"error_pattern": r"\[?ERROR\]?[: ]", "ignore_errors": ["harmless"], "journal_lines": 100}


def test_error_lines_are_counted_and_those_that_are_known_apart() -> None:
    lines = [(1.0, "[INFO]: fine"), (2.0, "[ERROR]: bad"), (3.0, "ERROR harmless"), (4.0, "TERRORS")]
    found = load_probe()["errors_among"](ASK, lines)
    assert (found["read"], found["count"], found["last"][0]["text"]) == (4, 1, "[ERROR]: bad")
    assert found["ignored"] == {"harmless": 1}


STARTED = 1795489200.0  # 2026-11-24 03:00:00 UTC


def read_log(log: Path, text: str, *, written: float = STARTED + 60) -> dict[str, Any]:
    """What the probe says of a log file that was last written to at this time."""
    log.write_text(text)
    os.utime(log, (written, written))
    names = load_probe()
    names.update(started=lambda _: 0, wall_time=lambda _: STARTED)
    found: dict[str, Any] = names["log_file"]({**ASK, "log_file": str(log)})
    return found


def test_a_log_file_counts_from_the_start_of_the_unit(tmp_path: Path) -> None:
    found = read_log(
        tmp_path / "controller.log",
        "no time [ERROR]: before all\n"
        "2026-01-01T00:00:00.123Z [ERROR]: of last year\n"
        "    [ERROR]: its second line\n"
        "2026-11-24T04:00:00+01:00 [INFO]: started\n"
        "2026-11-24 03:00:01,5Z [ERROR]: now\n"
        "    [ERROR]: and its second line\n",
    )
    assert [one["text"].strip() for one in found["last"]] == [
        "2026-11-24 03:00:01,5Z [ERROR]: now",
        "[ERROR]: and its second line",
    ]
    assert (found["read"], found["undated"]) == (3, False)


WRITTEN = {
    "winston's JSON": '{{"level":"ERROR: x","msg":"{0:>90}","health":{{"time":"{1}"}},"timestamp":"{2}"}}',
    "winston's plain text": '[ERROR]: {0} a session of {1} {{"vmId":"vm-1","timestamp":"{2}"}}',
    "a colour": "\x1b[31m{2} [ERROR]: a session of {1}",
    "a level first": "[ERROR]: {2} a session of {1}",
    "a duration in its JSON": '[ERROR]: {2} {{"vmId":"vm-1","time":60012,"ts":"12ms"}}',
    "no colon in the zone": "{2} [ERROR]: a session of {1}",
}


@pytest.mark.parametrize("line", WRITTEN.values(), ids=WRITTEN.keys())
@pytest.mark.parametrize(
    ("own", "other", "counts"), [("03:00:01", "01:00:00", 1), ("02:59:59", "03:00:01", 0)]
)
def test_a_line_is_of_its_own_time_wherever_it_says_so(
    tmp_path: Path, line: str, own: str, other: str, counts: int
) -> None:
    """Not of one that its message names."""
    times = (f"2026-11-24T{time}.5+0000" for time in (other, own))
    text = line.format("message", *times) + "\n2026-11-24T03:00:02Z [INFO]: fine\n"
    assert read_log(tmp_path / "x.log", text)["count"] == counts


def test_a_line_may_tell_its_time_in_milliseconds(tmp_path: Path) -> None:
    lines = [f'{{"time":{int(STARTED + at) * 1000},"msg":"ERROR: {at}"}}\n' for at in (-5, 5)]
    assert [one["text"][-5:] for one in read_log(tmp_path / "x.log", "".join(lines))["last"]] == [': 5"}']


UNDATED = "Nov 24 03:00:01 minipc node[7]: [ERROR]: bad\nNov 24 03:00:02 minipc node[7]: [INFO]: fine\n"
MENTIONED = "Nov 24 02:59:58 minipc node[7]: [INFO]: a session of 2026-01-01T00:00:00Z\n"
STRANGE = "2026-11-45T03:00:01Z [ERROR]: on a day that no month has\n"


@pytest.mark.parametrize("text", [UNDATED, MENTIONED + UNDATED, STRANGE])
def test_lines_of_which_none_tells_its_time_are_all_read(tmp_path: Path, text: str) -> None:
    """An error among them may be of now."""
    found = read_log(tmp_path / "x.log", text)
    assert (found["undated"], found["count"], found["read"]) == (True, 1, text.count("\n"))


def test_a_log_that_ended_before_the_start_says_nothing_of_now(tmp_path: Path) -> None:
    found = read_log(tmp_path / "x.log", UNDATED, written=STARTED - 1)
    assert (found["undated"], found["count"], found["read"]) == (False, 0, 0)


def test_the_limit_is_what_there_was_of_a_long_log(tmp_path: Path) -> None:
    """So that the verdict says that not all was read."""
    lines = [f"2026-11-24T03:00:01Z [INFO]: {'x' * 20_000}\n" for _ in range(60)]
    found = read_log(tmp_path / "x.log", "".join(lines))
    assert found["read"] == found["limit"] == 52


def test_a_journal_counts_from_the_very_moment_of_the_start() -> None:
    """Wherever the clock has been set since: without its predecessor's lines, with all its own."""
    said = [  # seconds since boot, wall time
        (10.5, 9000.5, "[ERROR]: of the one before, in the same second"),
        (10.7, 9000.7, "[ERROR]: at once"),
        (20.0, 5000.0, "[ERROR]: after the clock was set back"),
        (30.0, 9999.0, "[INFO]: fine"),
    ]
    asked: list[str] = []

    def journalctl(*words: str, timeout: int) -> str:
        assert timeout
        asked.extend(words)
        times = ("__MONOTONIC_TIMESTAMP", "__REALTIME_TIMESTAMP")
        records = [
            {"MESSAGE": text, **{name: str(int(at * 1e6)) for name, at in zip(times, moments, strict=True)}}
            for *moments, text in said
        ]
        return "\n".join(map(json.dumps, records))

    names = load_probe()
    names.update(started=lambda _: 10_600_000, out=journalctl)
    found = names["journal"]({**ASK, "unit": "master-controller.service"})
    assert [(one["time"], one["text"]) for one in found["last"]] == [
        (9000.7, "[ERROR]: at once"),
        (5000.0, "[ERROR]: after the clock was set back"),
    ]
    assert (found["read"], found["count"]) == (3, 2)
    assert "--boot" in asked


def test_a_journal_is_read_to_the_end_of_its_lines() -> None:
    """journalctl shows a message of more than 4096 bytes only to those who ask for all of it."""
    bad = "[ERROR]: " + "x" * 4096

    def journalctl(*words: str, timeout: int) -> str:
        assert timeout
        messages = [bad if "--all" in words else None, "[ERROR]: in \u2028 two", list(b"[ERROR]: \xff")]
        times = {"__MONOTONIC_TIMESTAMP": "1", "__REALTIME_TIMESTAMP": "1"}
        return "".join(json.dumps({"MESSAGE": m, **times}, ensure_ascii=False) + "\n" for m in messages)

    names = load_probe()
    names.update(started=lambda _: 1, out=journalctl)
    found = names["journal"]({**ASK, "unit": "master-controller.service"})
    assert [one["text"] for one in found["last"]] == [bad[:400], "[ERROR]: in \u2028 two", "[ERROR]: \ufffd"]
