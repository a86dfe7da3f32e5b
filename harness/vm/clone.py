"""Making a clone: a VMM in a namespace of its own, told to restore the golden snapshot or boot its disk."""

from __future__ import annotations

import contextlib
import hashlib
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import Future
from pathlib import Path
from typing import Any

from harness.custodian.cell import LOGS
from harness.errors import ApiError, HarnessError, TransportError, VmError, VmmError
from harness.host.hypervisor import Hypervisor
from harness.site.profile import Site, SnapshotSection
from harness.vm.firecracker import Firecracker

TAP = "vmtap0"  # each clone has a namespace of its own, so they all may use one name
_CLONE_REQUEST_S = 30.0
_SINCE = {
    "unknown field `network_overrides`": (
        "network_overrides, which a clone in a namespace of its own needs",
        "1.12",
    ),
    "unknown field `mem_backend`": ("mem_backend, which names a clone's memory file", "1.1"),
    "unknown field `clock_realtime`": ("clock_realtime, which the profile says of a load", "1.16"),
    "unknown field `vsock_override`": ("vsock_override, by which each clone has a vsock of its own", "1.16"),
    "Invalid request method and/or path: PUT entropy.": ("the entropy device, which a clone gets", "1.4"),
}
"""How Firecracker refuses what it does not know, what that is, and the first version that knows it."""
_VSOCK = "vsock.sock"


class Clone:
    """A VMM of ours on the host, and what leads to it.

    :param paths: local sockets: ``api``, and one for each port of the guest that was asked for.
    :param disk: its own copy of the golden disk, on the host.
    :param began: ``time.perf_counter()`` when its making began.
    """

    def __init__(
        self, hypervisor: Hypervisor, name: str, paths: dict[int | str, Path], *, disk: str, began: float
    ) -> None:
        self.hypervisor = hypervisor
        self.name = name
        self.paths = paths
        self.disk = disk
        self.kept = False
        """Whether it stays on the host when the run lets go of it."""
        self.timings: dict[str, float] = {}
        self._began = began
        self.started_at = 0.0
        """``time.monotonic()`` when it was told to run."""
        slow_s = hypervisor.site.vmm.load_timeout_s
        self.api = Firecracker(paths["api"], slow_timeout_s=slow_s, epitaph=self.last_words)

    def ask(self, op: str, **fields: Any) -> Any:
        """A request to the custodian about this clone."""
        return self.hypervisor.custodian.ask(op, name=self.name, timeout_s=_CLONE_REQUEST_S, **fields)

    def last_words(self) -> str:
        """How the VMM ended, where it has, with the end of its log and console."""
        return str(self.ask("last_words"))

    def restore(self, *, mmds: Mapping[str, Any] | None = None) -> None:
        """Load the golden snapshot, give it its own disk, and let it run.

        :param mmds: what its metadata service is to say, else as the profile has it.
        """
        files = self.hypervisor.site.snapshot
        self.load()
        with self.timed("disk"):
            self._give_own_disk(files.drive_id)
        with self.timed("resume"):
            if mmds is None and files.clone_metadata == "mmds":
                mmds = {"clone": {"generation": self.name, "time": time.time()}}
            if mmds is not None:  # as late as can be: it tells the time
                self.api.put_mmds(mmds)
            self.started_at = time.monotonic()
            self.api.patch_vm("Resumed")

    def load(self) -> None:
        """Load the golden snapshot, and no more: its disk is still the one that it was taken with."""
        files = self.hypervisor.site.snapshot
        if files.vmstate is None or files.memory is None:
            raise VmError("the profile names no memory snapshot", hint='make the VM with boot="cold"')
        with self.timed("load"), _new_enough():
            self.api.load_snapshot(
                snapshot_path=files.vmstate,
                mem_file_path=files.memory,
                network_overrides=[{"iface_id": files.iface_id, "host_dev_name": TAP}],
                **load_options(files),
            )

    def boot(self, *, boot_args: str | None = None) -> None:
        """Configure it from the profile, and boot its disk."""
        files = self.hypervisor.site.snapshot
        if files.kernel is None:
            raise VmError("the profile names no kernel to boot", hint="set snapshot.kernel")
        with self.timed("configure"):
            self.api.put_machine_config(vcpu_count=files.vcpus, mem_size_mib=files.memory_mib)
            arguments = boot_args or files.boot_args
            self.api.put_boot_source(
                kernel_image_path=files.kernel, initrd_path=files.initrd, boot_args=arguments
            )
            self.api.put_drive(files.drive_id, path_on_host=self.disk, is_root_device=True)
            mac = files.guest_mac or mac_of(self.name)
            self.api.put_network_interface(files.iface_id, host_dev_name=TAP, guest_mac=mac)
            with _new_enough():
                self.api.put_entropy()
        with self.timed("start"):
            self.started_at = time.monotonic()
            self.api.put_action("InstanceStart")

    @contextlib.contextmanager
    def timed(self, step: str) -> Iterator[None]:
        """Put the body's duration on record."""
        began = time.perf_counter()
        yield
        now = time.perf_counter()
        self.timings |= {step: now - began, "total": now - self._began}

    def keep(self, why: str, *, seconds: float) -> None:
        """Have it stay on the host for so long when the run is over.

        :param why: the check for which it does.
        :raises HarnessError: it does not, with the reason.
        """
        spare = self.hypervisor.site.host
        self.ask(
            "keep",
            why=why,
            seconds=seconds,
            spare_memory_mib=spare.free_memory_mib,
            spare_disk_mib=spare.free_disk_mib,
        )
        self.kept = True

    def release(self) -> dict[str, str]:
        """Let go of one that is kept; its console and log until now."""
        with contextlib.ExitStack() as steps:
            steps.callback(self.hypervisor.connection.cancel, list(self.paths.values()))
            steps.callback(self.api.close)
            return {file: str(self.ask("read", file=file)) for file in LOGS}

    def destroy(self) -> dict[str, str]:
        """Kill the VMM and remove all that belongs to it; its last console and log.

        :raises VmError: something could not be removed; the rest was.
        """
        with contextlib.ExitStack() as steps:
            steps.callback(self.hypervisor.connection.cancel, list(self.paths.values()))
            steps.callback(self.api.close)
            answer = self.ask("destroy")
        if answer["failures"]:
            raise VmError(f"{self.name}: not all could be removed: {'; '.join(answer['failures'])}")
        return dict(answer["texts"])

    def _give_own_disk(self, drive_id: str) -> None:
        """What was loaded still has the golden disk: exchange it before anything runs."""
        writable = self.api.writable_drives()
        if writable != [drive_id]:
            raise VmError(
                f"the snapshot's writable drives are {writable}, where only {drive_id!r} was expected: "
                "clones would write to one file",
                hint="set snapshot.drive_id, or make the other drives read-only",
            )
        self.api.patch_drive(drive_id, path_on_host=self.disk)


@contextlib.contextmanager
def _new_enough() -> Iterator[None]:
    """A VMM that does not know what each clone needs can make none: that is no fault of the snapshot."""
    try:
        yield
    except ApiError as error:
        for words, (what, version) in _SINCE.items():
            if words in error.message:
                raise VmError(
                    f"the VMM does not know {what}: {error.message}",
                    hint=f"install Firecracker {version} or newer",
                ) from error
        raise


def load_options(files: SnapshotSection) -> dict[str, Any]:
    """What else the profile says of a load. A socket's path is as the VMM sees it: in the clone's folder."""
    options: dict[str, Any] = {"clock_realtime": True} if files.clock_realtime else {}
    return options | ({"vsock_override": {"uds_path": _VSOCK}} if files.vsock else {})


def mac_of(name: str) -> str:
    """A MAC of its own: a guest would else make one of its machine-id, which clones share."""
    digest = hashlib.sha256(name.encode()).digest()
    return ":".join(f"{byte:02x}" for byte in (0x02, *digest[:5]))


@contextlib.contextmanager
def making(hypervisor: Hypervisor) -> Iterator[Clone]:
    """A clone whose VMM awaits orders; destroyed if the body fails.

    :raises VmmError: the VMM refused, did not start, or ended; with its exit status and last lines.
    :raises VmError: whatever else it was, with its hint.
    """
    name = hypervisor.next_name()
    try:
        clone = _prepared(hypervisor, name)
        try:
            yield clone
        except BaseException:
            with contextlib.suppress(HarnessError):  # what made us give up is what matters
                clone.destroy()
            raise
    except HarnessError as error:
        kind = VmmError if isinstance(error, VmmError) else VmError
        raise kind(f"{name} could not be made: {error.message}", hint=error.hint) from error


def _prepared(hypervisor: Hypervisor, name: str) -> Clone:
    """One request to the custodian and one to ssh, side by side.

    ssh listens on our side at once, and looks for the far side only when a socket is used.
    """
    number = name.rpartition("-")[2]
    ports = _ports(hypervisor.site)
    keys: list[int | str] = ["api", *ports]
    paths = {key: hypervisor.connection.directory / f"{number}-{key}" for key in keys}
    far = f"{hypervisor.custodian.facts['directory']}/{number}"
    began = time.perf_counter()
    answer = hypervisor.custodian.begin("make_clone", name=name, ports=ports, **_plan(hypervisor.site))
    try:
        hypervisor.connection.forward_all([f"unix:{far}/{key}.sock" for key in keys], list(paths.values()))
        forwarded = time.perf_counter()
        made = _made(hypervisor, answer)
        clone = Clone(hypervisor, name, paths, disk=made["disk"], began=began)
    except BaseException:
        _abandon(hypervisor, name, list(paths.values()))
        raise
    clone.timings = {f"host.{step}": took for step, took in made["timings"].items()}
    clone.timings |= {"forward": forwarded - began, "prepare": time.perf_counter() - began}
    return clone


def _made(hypervisor: Hypervisor, answer: Future[Any]) -> dict[str, Any]:
    """The custodian's answer. It gives up a VMM that does not start, so what takes longer is the copy."""
    snapshot = hypervisor.site.snapshot
    try:
        return dict(answer.result(hypervisor.site.vmm.start_timeout_s + snapshot.copy_s))
    except TimeoutError as error:
        raise TransportError(
            f"the copy of {snapshot.disk} to {hypervisor.clones_dir} took more than {snapshot.copy_s:g} s",
            hint="have both on one file system with reflinks (XFS, Btrfs): state.clones_dir of the profile; "
            "or raise its snapshot.copy_s",
        ) from error


def _ports(site: Site) -> list[int]:
    guest = site.guest
    return sorted({guest.ssh_port, site.agent.port, guest.vnc_port, guest.novnc_port})


def _plan(site: Site) -> dict[str, Any]:
    return {
        "guest": str(site.snapshot.guest_address.ip),
        "binary": site.vmm.binary,
        "tap": TAP,
        "address": f"{site.snapshot.gateway}/{site.snapshot.guest_address.network.prefixlen}",
        "source_disk": site.snapshot.disk,
        "start_timeout_s": site.vmm.start_timeout_s,
    }


def _abandon(hypervisor: Hypervisor, name: str, sockets: list[Path]) -> None:
    """Each undo for itself: what made us give up is what matters, and there may be nothing to undo."""
    with contextlib.suppress(HarnessError):
        hypervisor.connection.cancel(sockets)
    with contextlib.suppress(HarnessError):
        hypervisor.custodian.ask("destroy", name=name, timeout_s=_CLONE_REQUEST_S)
