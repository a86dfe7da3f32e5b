"""A host on which things are odd: names that are no text, folders without end, peers that never end."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from harness.clocks import Offset
from harness.database.vm_rows import LiveRow
from harness.errors import TransportError
from harness.host.error_lines import with_errors
from harness.host.facts import HostFacts, ask_host
from harness.host.firewall.rulesets import tables_of
from harness.host.parts import Listing, Processes, Taps
from harness.site.profile import ControllerSection, NetworkSection, Site, StateSection, VmmSection
from harness.world.inventory import Inventory
from harness.world.reconcile import JUDGES
from harness.world.strays import stray_entries
from harness.world.things import remains
from tests.unit.host.test_probe import load_probe
from tests.unit.peers.this_machine import Apart, Here

NAME = "acceptance-odd-x"
OURS = LiveRow("vm-6b03852d-0631-4f91-ae8a-fd352348e9c2", "running")


@pytest.fixture
def site(tmp_path: Path) -> Site:
    for name in ("vms", "run"):
        (tmp_path / name).mkdir()
    return Site(
        name="here",
        vmm=VmmSection(process_name=NAME, binary=str(tmp_path / NAME)),
        state=StateSection(vms_dir=str(tmp_path / "vms"), sockets_dir=str(tmp_path / "run")),
        network=NetworkSection(bridge="no-such-bridge"),
        controller=ControllerSection(unit="no-such-unit.service", url="http://127.0.0.1:9"),
    )


def ask(site: Site, *parts: str, host: Here | None = None, paths: tuple[str, ...] = ()) -> HostFacts:
    there = host or Here()
    there.site = site
    return ask_host(there, parts=parts, paths=paths, timeout_s=60)


ODD_NAMES = (
    b"vm-\xff",
    b"vm-\xc3\x28",
    b"vm-\n-x",
    b"vm-\x1b[2J",
    b"vm-$(reboot)",
    "vm-\u202e".encode(),
    b"-rf",
    b"'",
)


def test_a_name_that_is_no_text_still_names_its_file(site: Site) -> None:
    for name in ODD_NAMES:
        Path(site.state.home, os.fsdecode(name)).touch()
    here = Inventory(site, ask(site, "state", "processes", "sockets", "taps", "paths"), ())
    found = stray_entries(here)
    assert {os.fsencode(Path(one.thing).name) for one in found} == set(ODD_NAMES)
    assert all(os.path.lexists(one.thing) for one in found)


def test_of_a_folder_without_end_the_first_are_told_and_how_many_there_are(site: Site) -> None:
    folder = Path(site.state.home)
    for number in range(10_050):
        (folder / f"vm-{number:08}").touch()
    facts = ask(site, "state", "processes", "sockets", "taps", "paths")
    listing = facts.part("state", Listing)
    assert (len(listing.entries), listing.count, listing.is_whole) == (10_000, 10_050, False)
    here = Inventory(site, facts, (OURS,))
    found = stray_entries(here)
    assert len(found) == 10_001
    assert "it holds 10050 entries, and only the first 10000 were looked at" in found[0].why
    with pytest.raises(TransportError, match="holds 10050 entries"):
        remains(here, OURS)


def test_many_things_are_judged_in_time_that_is_linear() -> None:
    """It took the cube of their number: hours for these."""
    site, count = Site(name="x"), 4000
    ids = [f"vm-{n:08x}-0631-4f91-ae8a-fd352348e9c2" for n in range(count)]
    state, sockets = site.state.vms_dir, site.state.sockets_dir
    rows = [LiveRow(vm, "running", "192.168.100.7", vm[:12], 2 + n) for n, vm in enumerate(ids)]
    argv = ["firecracker", "--id"]
    fields = {"ppid": 1, "state": "S", "comm": "firecracker", "started": 1}
    vmms = [{"pid": 2 + n, "argv": [*argv, vm], **fields} for n, vm in enumerate(ids)]
    taps = [{"name": vm[:12], "index": n, "netns": 1, "master": "fcbr0"} for n, vm in enumerate(ids)]
    answers = {
        "processes": {"vmms": vmms, "names": dict.fromkeys(range(2, count + 2), "firecracker")},
        "state": {"entries": [{"path": f"{state}/{vm}", "kind": "file"} for vm in ids], "count": count},
        "sockets": {
            "real": sockets,
            "entries": [{"path": f"{sockets}/{vm}.sock", "kind": "socket"} for vm in ids],
            "count": count,
        },
        "taps": {"host_netns": 1, "names": {}, "taps": taps},
        "paths": {},
    }
    facts = HostFacts({name: {"ok": value} for name, value in answers.items()}, Offset(0, 0), 0)
    here = Inventory(site, facts, rows)
    began = time.process_time()
    assert [len(judge(here)) for judge in JUDGES] == [0, 0, 0, 0, 0, 0, 0, count, 0]  # all have one address
    assert time.process_time() - began < 30


def test_a_command_line_of_megabytes_is_cut(site: Site, tmp_path: Path) -> None:
    shutil.copy("/bin/cat", tmp_path / NAME)
    words = [os.fsencode(tmp_path / NAME), b"-", *[b"\xff" * 100_000] * 15]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        try:
            found = ask(site, "processes").part("processes", Processes)
            (one,) = (one for one in found.vmms if one.pid == process.pid)
            assert os.fsencode(one.argv[2]).startswith(b"\xff\xff")
            assert len(os.fsencode(one.command)) <= 4200
        finally:
            process.kill()


ODD_TAPS = ("fc-$(reboot)", "fc-'q", 'fc-"d', "fc-\x1b[2J", "fc-\udcff", "fc-\\b", "fc-;id", "fc-\x01")


def test_taps_with_odd_names_are_told(site: Site) -> None:
    made = "; ".join(f"ip tuntap add dev {_quoted(name)} mode tap" for name in ODD_TAPS)
    found = ask(site, "taps", host=Apart(made)).part("taps", Taps)
    assert {one.name for one in found.taps} == set(ODD_TAPS)


def _quoted(name: str) -> str:
    """For dash, whose printf knows octal numbers alone."""
    octal = "".join(f"\\{byte:03o}" for byte in os.fsencode(name))
    return f"\"$(printf '{octal}')\""


COMMENTS = (
    *("x\n-A INPUT -j DROP", "it's", '"', "\\", "\udcff", "\x1b]52;c;x\x07"),
    *("-j DROP", "# x", "*filter"),
)


def test_a_comment_makes_no_rule(site: Site) -> None:
    rule = "iptables -A INPUT -j ACCEPT -m comment --comment "
    made = "; ".join(rule + _quoted(comment) for comment in COMMENTS)
    facts = ask(site, "firewall", host=Apart(made))
    (table,) = (one for one in tables_of(facts.part("firewall", dict[str, object])) if "filter" in one.name)
    assert [one.verdict for one in table.chains["INPUT"].rules] == ["accept"] * len(COMMENTS)


@pytest.mark.parametrize("kind", ["a pipe", "a folder", "a device without an end"])
def test_a_log_that_is_no_file_is_named_and_not_waited_for(tmp_path: Path, kind: str) -> None:
    log = tmp_path / "x.log"
    if kind == "a pipe":
        os.mkfifo(log)
    elif kind == "a folder":
        log.mkdir()
    else:
        log.symlink_to("/dev/zero")
    names = load_probe()
    names.update(started=lambda _: 0)
    found = names["answered"](names["log_file"], {"log_file": str(log), "journal_lines": 5})
    assert "is no file" in found["error"] or "Is a directory" in found["error"]


LINES = (
    *("{" * 50_000, '{"ts":' + "9" * 5000 + "}", '{"ts":1e999}', '{"ts":NaN}'),
    *("٢٠٢٦-11-24T03:00:01", "9" * 400_000),
)


@pytest.mark.parametrize("line", LINES, ids=lambda text: ascii(text)[:20])
def test_an_odd_line_hides_no_other(tmp_path: Path, line: str) -> None:
    log = tmp_path / "x.log"
    log.write_text(f"{line}\n2026-11-24T03:00:01Z ERROR: seen\n")
    names = load_probe()
    names.update(started=lambda _: 0, wall_time=lambda _: 1795489200.0)
    told = names["log_file"]({"log_file": str(log), "journal_lines": 9})
    found = with_errors({"log_file": {"ok": told}}, Site(name="x"))
    assert found["log_file"]["ok"]["count"] == 1


def test_a_vmm_that_never_stops_talking_is_cut_short(site: Site) -> None:
    binary = Path(site.vmm.binary)
    binary.write_text("#!/bin/sh\nexec yes\n")
    binary.chmod(0o755)
    said = ask(site, "vmm").vmm.said("version")
    assert said.first_line == "y"
    assert len(said.stdout) < 4 << 20


DRIPS: dict[str, bytes] = {
    "says nothing": b"",
    "drips": b"HTTP/1.1 200 OK\r\nContent-Length: 300\r\n\r\n",
    "is no HTTP": b"SSH-2.0-x\r\n",
    "breaks off": b"HTTP/1.1 2",
}


@pytest.mark.parametrize("said", DRIPS.values(), ids=DRIPS)
def test_a_controller_that_does_not_answer_properly_is_told(site: Site, said: bytes) -> None:
    with peer(said, hangs=said in (DRIPS["says nothing"], DRIPS["drips"])) as port:
        there = site.model_copy(update={"controller": ControllerSection(url=f"http://127.0.0.1:{port}")})
        api = ask(there, "api").api
    assert api.status is None or (api.status, api.body) == (200, "")
    assert api.error
    assert api.seconds < 60


@contextmanager
def peer(said: bytes, *, hangs: bool) -> Iterator[int]:
    """Says this to the first who comes, and then a byte now and then, or nothing."""
    over = threading.Event()

    def serve() -> None:
        with server.accept()[0] as client:
            client.sendall(said)
            while hangs and not over.wait(0.3):
                if said:
                    client.sendall(b"x")

    with socket.create_server(("127.0.0.1", 0)) as server:
        threading.Thread(target=serve, daemon=True).start()
        yield server.getsockname()[1]
        over.set()
