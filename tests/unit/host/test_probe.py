"""The probe itself, run here against real processes, sockets, files and a real HTTP server."""

from __future__ import annotations

import shutil
import socket
import subprocess
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

from harness.errors import TransportError
from harness.host.facts import HostFacts, ask_host
from harness.host.parts import DirectoryEntry, Kvm, Listing, Processes, Sockets, Taps
from harness.site.profile import ControllerSection, NetworkSection, Site, StateSection, VmmSection
from harness.wait import wait_until
from tests.unit.peers.this_machine import Apart, Here

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
    host = Here()
    host.site = local_site
    return ask_host(host, parts=parts, paths=paths, timeout_s=60)


def test_a_vmm_is_known_by_its_name_and_with_its_whole_command_line(
    local_site: Site, vmm: subprocess.Popen[bytes]
) -> None:
    found = ask(local_site, "processes").part("processes", Processes)
    (one,) = (one for one in found.vmms if one.pid == vmm.pid)
    assert one.argv[1:] == ("-", f"/tmp/{VM}.sock")
    assert (one.comm, one.defunct, one.exe) == (NAME[:15], False, f"{local_site.vmm.binary}")
    assert found.names[1]


SHORT, RELEASE = "acc-vmm", "acc-vmm-v1.12.1-x86_64"
VMMS = {
    "a release's own name": ([RELEASE, "-"], None),
    "a release's own name without a v": (["acc-vmm-1.12.1-x86_64", "-"], None),
    "another name for it": (["fc-of-a-user", "-"], NAME),
    "a binary that was replaced": ([NAME, "-"], "gone"),
    "the profile's binary, under whatever name": (["fc-7", "-"], "the binary"),
}


@pytest.mark.parametrize(("argv", "program"), VMMS.values(), ids=VMMS.keys())
def test_a_vmm_is_known_whatever_it_is_called(
    local_site: Site, tmp_path: Path, argv: list[str], program: str | None
) -> None:
    """By its program, by a release's name, or by argv[0]."""
    path = tmp_path / (argv[0] if program is None else NAME)
    if program is None:
        local_site = local_site.model_copy(update={"vmm": VmmSection(process_name=SHORT, binary="/none")})
    if program == "the binary":  # a link, as an update leaves it
        path = tmp_path / "opt" / "vmm"
        path.parent.mkdir()
        (tmp_path / NAME).symlink_to(path)
    shutil.copy("/bin/cat", path)
    with running(argv, path) as process:
        if program == "gone":
            path.unlink()
        assert process.pid in vmms(local_site)


@pytest.mark.parametrize(
    ("device", "fault"),
    [
        ("/dev/none-such", "it cannot be opened: No such file or directory"),
        ("/dev/null", "it is no KVM: Inappropriate ioctl for device"),
        (None, None),
    ],
)
def test_what_of_kvm_cannot_be_used_is_named(local_site: Site, device: str | None, fault: str | None) -> None:
    """A device that opens need not be KVM's; where the VMM needs none, nothing is opened."""
    vmm = local_site.vmm.model_copy(update={"kvm": device})
    assert ask(local_site.model_copy(update={"vmm": vmm}), "kvm").kvm == Kvm(None, fault)


def test_one_that_is_only_asked_is_no_vmm(local_site: Site, tmp_path: Path) -> None:
    """As the suite asks it itself."""
    shutil.copy("/bin/cat", tmp_path / NAME)
    with running([NAME, "-", "--version"], tmp_path / NAME, cat=False) as process:
        assert process.pid not in vmms(local_site)


def test_a_shell_that_waits_for_a_vmm_is_none(local_site: Site, tmp_path: Path) -> None:
    """A wrapper goes by the VMM's name; the VMM is its child, or itself where it ends with exec."""
    shutil.copy("/bin/cat", tmp_path / RELEASE)
    local_site = local_site.model_copy(
        update={"vmm": VmmSection(process_name=SHORT, binary=str(tmp_path / SHORT))}
    )
    for ending, counted in ((": done", [False, True]), ("", [True])):
        (tmp_path / SHORT).write_text(
            f"#!/bin/sh\n{'exec ' * (not ending)}{tmp_path / RELEASE} -\n{ending}\n"
        )
        (tmp_path / SHORT).chmod(0o755)
        with running([str(tmp_path / SHORT)], tmp_path / SHORT) as process:
            children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
            if ending:
                wait_until(
                    partial(named, children), what="the VMM", timeout_s=60, until={RELEASE[:15]}.__eq__
                )
            else:
                comm = Path(f"/proc/{process.pid}/comm")
                wait_until(comm.read_text, what="exec", timeout_s=60, until=lambda name: name != f"{SHORT}\n")
            pids = [process.pid, *map(int, children.read_text().split())]
            assert [pid in vmms(local_site) for pid in pids] == counted


def named(children: Path) -> set[str]:
    """What a process's children run; one that was only just made runs what its parent does."""
    return {Path(f"/proc/{pid}/comm").read_text().strip() for pid in children.read_text().split()}


def vmms(local_site: Site) -> set[int]:
    return {one.pid for one in ask(local_site, "processes").part("processes", Processes).vmms}


@contextmanager
def running(argv: list[str], program: Path, *, cat: bool = True) -> Iterator[subprocess.Popen[bytes]]:
    """A process that waits for its input to end."""
    words = argv if cat else [argv[0], "-c", "read line", *argv[2:]]
    executable = program if cat else Path("/bin/sh")
    with subprocess.Popen(
        words, executable=executable, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL
    ) as one:
        try:
            yield one
        finally:
            one.kill()


def test_a_vmm_that_nobody_waited_for_is_defunct(local_site: Site, vmm: subprocess.Popen[bytes]) -> None:
    assert vmm.stdin
    vmm.stdin.close()

    def states() -> list[bool]:
        found = ask(local_site, "processes").part("processes", Processes)
        return [one.defunct for one in found.vmms if one.pid == vmm.pid]

    wait_until(lambda: states() == [True], what="a defunct process", timeout_s=60)


def test_files_sockets_and_paths_asked_by_name(local_site: Site, tmp_path: Path) -> None:
    Path(local_site.state.home, VM).mkdir()
    Path(local_site.state.home, f"{VM}.ext4").write_bytes(b"disk")
    inner = Path(str(local_site.state.sockets_dir), "folder")
    inner.mkdir()
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(inner / "api.sock"))
        facts = ask(
            local_site, "state", "sockets", "paths", paths=(str(inner / "api.sock"), str(tmp_path / "no/x"))
        )
    assert [one.kind for one in facts.part("state", Listing).entries] == ["directory", "file"]
    assert [one.kind for one in facts.part("sockets", Sockets).entries] == ["directory", "socket"]
    kinds = [one and one.kind for one in facts.part("paths", dict[str, DirectoryEntry | None]).values()]
    assert sorted(kinds, key=str) == [None, "socket"]


def test_what_cannot_be_asked_says_so_and_disturbs_nothing_else(local_site: Site) -> None:
    gone = local_site.model_copy(update={"state": StateSection(vms_dir="/no/such/folder")})
    facts = ask(gone, "state", "identity", "unit", "journal")
    assert facts.identity.monotonic > 0
    with pytest.raises(TransportError, match="/no/such/folder"):
        facts.part("state", Listing)
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


def test_the_controllers_answer_and_that_there_is_none(
    local_site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("harness.host.facts.API_TIMEOUT_S", 40)
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
    assert clock.at_most < 60


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
    host.site = local_site
    found = ask_host(host, parts=("taps",), paths=(), timeout_s=60).part("taps", Taps)
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


def load_probe(file: str = "host.py") -> dict[str, Any]:
    """A probe's own functions, for what no real host would show."""
    source = Path("harness/host/probes", file)
    names: dict[str, Any] = {"__name__": "probe"}
    exec(compile(source.read_text(), str(source), "exec"), names)  # noqa: S102 - our own file
    return names
