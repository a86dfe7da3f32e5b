"""The lab's host as a whole machine: one QEMU process, the cgroup it lives in, and the file that names it.

Its processor is emulated, and has KVM: slow, and everywhere. Where a guest was seen to come up in this
machine's own KVM, that is used instead. Its network leads nowhere; one port of this machine's loopback leads
to its sshd, which opens for the lab's key alone. It is owned like the twin: what a killed ``lab up`` leaves
behind, the next one finds.
"""

from __future__ import annotations

import json
import os
import shlex
import socket
import subprocess
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from harness.errors import CommandError, UsageError
from harness.run import environment, run
from harness.wait import wait_until
from lab.digest import digest_of_text
from lab.image import kernel as guest_kernel
from lab.image import verbs
from lab.minipc import access, cgroups, code, console, deployment, record, tree
from lab.minipc.host import Host, HostError
from lab.minipc.kvm import golden, kernel, monitor, pace, probe, root, state, vmm
from lab.minipc.process import Process, process
from lab.minipc.steps import say, step
from lab.paths import LabPaths
from lab.vmm.qemu.accel import tsc_khz

MEMORY_MIB = int(os.environ.get("LAB_KVM_MEMORY_MIB", "8192"))
ADDRESS = "10.0.2.15"
"""As the overlay has it."""
BOOT_TIMEOUT_S = 900
COMMAND_LINE = "console=ttyS0 net.ifnames=0 mitigations=off audit=0 panic=1"
EMULATED = ("-accel", "tcg,thread=multi,tb-size=1024", "-cpu", "EPYC,+svm,+npt")
REAL = ("-accel", "kvm", "-cpu", "host")


@dataclass(frozen=True)
class Machine:
    """The running machine."""

    leader: Process
    """Its QEMU."""
    port: int
    """This machine's, on loopback, that leads to its sshd."""
    paths: LabPaths

    patience = 8
    look_s = 3.0

    @property
    def told(self) -> str:
        """By what it is known on this machine."""
        try:
            state = monitor.status(_monitor(self.paths))
        except monitor.MonitorError as error:
            state = error.message
        return f"QEMU {self.leader.pid} ({state}), ssh on 127.0.0.1:{self.port}"

    def inside(self, words: Sequence[str | Path]) -> list[str | Path]:
        """The command that runs ``words`` in it as root."""
        line = shlex.join(str(word) for word in words)
        return [*_shared(access.ssh(self.paths, self), self.paths), f"cd / && exec sudo -n -- {line}"]

    def terminal(self, words: Sequence[str | Path]) -> list[str | Path]:
        """The same, for a person at a terminal."""
        line = shlex.join(str(word) for word in words)
        return [*access.ssh(self.paths, self, tty=True), f"cd / && exec sudo -n -- {line}"]

    def door(self, port: int, address: str = "127.0.0.1") -> str:
        """The command line whose standard input and output are a connection from it to a port."""
        if (port, address) == (22, "127.0.0.1"):
            return f"socat - TCP:127.0.0.1:{self.port}"
        *words, target = access.ssh(self.paths, self)
        return shlex.join(str(word) for word in (*words, "-W", f"{address}:{port}", target))


def find(paths: LabPaths) -> Machine | None:
    """The running machine, or None."""
    found = record.read(paths)
    return Machine(found.leader, found.port, paths) if found and found.port is not None else None


def refuse(one: deployment.Deployment) -> None:
    """Refuse a deployment that knows no restored VMs.

    :raises UsageError: it is one.
    """
    if one is not deployment.RUNBOOK:
        raise UsageError(
            "the machine with KVM has the runbook's deployment alone",
            hint="python -m lab up --host=kvm --deployment=runbook",
        )


def build(paths: LabPaths) -> None:
    """Have its disks as they should be; a machine that runs on others is ended."""
    paths.kvm.mkdir(parents=True, exist_ok=True)
    verbs.fetch(paths)
    own = kernel.fetch(paths)
    if not tree.is_current(paths):
        with step("build the host's tree"):
            tree.build(paths)
    code.install(paths)
    if not root.is_current(paths, own):
        stop(paths)
        with step("write the machine's root disk"):
            root.build(paths, own)
    if find(paths) is None or golden.why_rebuild(paths) or not _has_code(paths):
        stop(paths)
        _write_state(paths)


def boot(paths: LabPaths) -> Machine:
    """Start the machine; its sshd answers then, and its system may still be starting."""
    stop(paths)
    paths.run.mkdir(mode=0o755, parents=True, exist_ok=True)
    port = _free_port()
    with console.log_file(paths).open("wb") as log:
        child = subprocess.Popen(
            cgroups.joined(cgroups.made(name(paths)), _qemu(paths, port)),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
            env=environment({"TMPDIR": str(paths.kvm)}),
        )
    leader = process(child.pid)
    if leader is None:
        raise HostError("QEMU ended at once", hint=f"its words are in {console.log_file(paths)}")
    record.write(paths, record.Record(leader, port))
    machine = Machine(leader, port, paths)
    wait_until(
        lambda: _answers(machine, child),
        what="the machine's sshd",
        timeout_s=BOOT_TIMEOUT_S,
        interval_s=1,
        retry_on=(CommandError,),
        hint=f"its console is in {console.log_file(paths)}",
    )
    return machine


def finish(paths: LabPaths, host: Host) -> None:
    """Have its own Firecracker take the golden snapshot, where the one that it has is out of date."""
    if why := golden.why_rebuild(paths):
        say(f"golden snapshot: the machine's Firecracker takes it ({why})")
        with step("take the golden snapshot"):
            golden.build(paths, host)


def stop(paths: LabPaths) -> None:
    """End it, and remove what it left; nothing happens where there is none.

    It is cut off: its root was never written to, and its other disk has a journal.
    """
    _hang_up(paths)
    with suppress(monitor.MonitorError):
        monitor.end(_monitor(paths))
    found = find(paths)
    names = {name(paths), *(cgroups.names(found.leader) if found else ())}
    cgroups.end_all([group for one in names for group in cgroups.groups(one)])
    _monitor(paths).unlink(missing_ok=True)
    record.forget(paths)


def name(paths: LabPaths) -> str:
    """The machine's name; another lab's machine has another one."""
    return "machine" if paths == LabPaths() else f"machine-{digest_of_text(str(paths.home))[:8]}"


def is_current(paths: LabPaths) -> bool:
    """Whether it is made of what is here now."""
    return code.is_current(paths) and root.is_current(paths, kernel.fetch(paths)) and _has_code(paths)


def why_rebuild(paths: LabPaths) -> str:
    """Why its golden snapshot is not the one that would be built now; empty where it is."""
    return golden.why_rebuild(paths)


def profile(_paths: LabPaths) -> Mapping[str, Mapping[str, object]]:
    """Tables of the site profile that are its own."""
    return pace.TABLES


def manifest(paths: LabPaths) -> Path:
    """The manifest of its golden snapshot."""
    return golden.kept_manifest(paths)


def _write_state(paths: LabPaths) -> None:
    code.forget_old(paths)
    if golden.why_rebuild(paths):
        with (
            step("write the golden snapshot's parts, and the machine's other disk"),
            golden.parts(paths) as parts,
        ):
            state.update(paths, parts)
    else:
        with step("bring the machine's other disk up to date"):
            state.update(paths, None)
    _code_stamp(paths).write_text(json.dumps(_code(paths)))


def _has_code(paths: LabPaths) -> bool:
    stamp = _code_stamp(paths)
    return stamp.exists() and json.loads(stamp.read_text()) == _code(paths)


def _code(paths: LabPaths) -> str:
    return (code.folder(paths) / "current").readlink().name


def _code_stamp(paths: LabPaths) -> Path:
    return paths.kvm / "code.json"


def _shared(words: Sequence[str | Path], paths: LabPaths) -> list[str | Path]:
    """An ssh that goes through one connection with others: a login takes an emulated processor seconds.

    The first one stays for a while, in the background, and ends with the machine at the latest.
    """
    first, *rest = words
    place = ("-o", f"ControlPath={paths.run}/ssh")
    return [first, "-o", "ControlMaster=auto", *place, "-o", "ControlPersist=300", *rest]


def _hang_up(paths: LabPaths) -> None:
    if (paths.run / "ssh").is_socket():
        run(
            ["ssh", "-F", "none", "-o", f"ControlPath={paths.run}/ssh", "-O", "exit", "x"],
            timeout_s=30,
            check=False,
        )
        (paths.run / "ssh").unlink(missing_ok=True)


def _monitor(paths: LabPaths) -> Path:
    return paths.run / "machine.qmp"


def _answers(machine: Machine, child: subprocess.Popen[bytes]) -> bool:
    if child.poll() is not None:
        raise HostError(
            f"QEMU ended with status {child.returncode} before the machine was up",
            hint=f"its console is in {console.log_file(machine.paths)}",
        )
    # Its port takes connections before there is an sshd behind it.
    first, *rest = machine.inside(["true"])
    return run([first, "-o", "ConnectTimeout=60", *rest], timeout_s=90, check=False).status == 0


def _free_port() -> int:
    with socket.socket() as probe_socket:
        probe_socket.bind(("127.0.0.1", 0))
        return int(probe_socket.getsockname()[1])


def _processor(paths: LabPaths) -> tuple[str, ...]:
    """And the kernel's command line: one that is held up while it measures its clock has a wrong one."""
    real = probe.works(vmm.chosen(paths), guest_kernel.fetch(paths).vmlinux)
    told = "real, by this machine's KVM" if real else "emulated: no guest comes up in this machine's own KVM"
    say(f"the machine's processor is {told}")
    if real:
        return (*REAL, "-append", COMMAND_LINE)
    return (*EMULATED, "-append", f"{COMMAND_LINE} tsc_early_khz={tsc_khz()} tsc=reliable")


def _qemu(paths: LabPaths, port: int) -> list[str]:
    own = kernel.fetch(paths)
    root_disk, state_disk = root.file(paths, own), state.file(paths)
    return [
        *("qemu-system-x86_64", "-name", name(paths), "-M", "q35", "-nodefaults", "-no-user-config"),
        *("-no-reboot", "-display", "none", *_processor(paths), "-smp", "2", "-m", str(MEMORY_MIB)),
        *("-kernel", str(own.vmlinuz), "-initrd", str(own.initrd)),
        *("-serial", "stdio", "-qmp", f"unix:{_monitor(paths)},server=on,wait=off"),
        *("-drive", f"id=root,if=none,format=raw,file={root_disk},snapshot=on,cache=unsafe"),
        *("-device", "virtio-blk-pci,drive=root"),
        *("-drive", f"id=state,if=none,format=raw,file={state_disk},discard=unmap,cache=writeback"),
        *("-device", "virtio-blk-pci,drive=state", "-device", "virtio-rng-pci"),
        *("-netdev", f"user,id=uplink,restrict=on,ipv6=off,hostfwd=tcp:127.0.0.1:{port}-{ADDRESS}:22"),
        *("-device", "virtio-net-pci,netdev=uplink"),
    ]
