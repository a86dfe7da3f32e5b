"""The one machine of this process: not started, running or paused, and what may be done to it when."""

import os
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from lab.vmm.bodies import DrivePatch, SnapshotCreate, SnapshotLoad
from lab.vmm.console import CHUNK, Console
from lab.vmm.faults import FatalFault, Fault, not_offered, said_by
from lab.vmm.json_text import REFUSED
from lab.vmm.logger import Logger
from lab.vmm.metrics import Metrics
from lab.vmm.qemu import memory
from lab.vmm.qemu.process import Hardware, Qemu
from lab.vmm.resources import Resources, check_drive_file, refuse_limits
from lab.vmm.server import Server

_DEVICES = (
    "Failed to build microVM from snapshot",
    "Failed to restore MMIO device",
    "Cannot restore devices",
)
NOT_STARTED, RUNNING, PAUSED = "Not started", "Running", "Paused"


class Machine:
    """Drives QEMU for the API."""

    def __init__(self, logger: Logger, metrics: Metrics, console: Console, server: Server) -> None:
        self.state = NOT_STARTED
        self.resources = Resources()
        self.touched = False  # a boot resource was named: this process cannot load a snapshot any more
        self.on_started: Callable[[], None] = lambda: None
        self._log = logger
        self._metrics = metrics
        self._console = console
        self._server = server
        self._qemu: Qemu | None = None
        self._accel = "tcg"

    @property
    def qemu(self) -> Qemu:
        """The running QEMU; asking for it before the start is refused."""
        self.require_started()
        assert self._qemu is not None  # noqa: S101 (started means that there is one)
        return self._qemu

    def require_not_started(self) -> None:
        """Refuse what is only allowed before the start."""
        if self.state != NOT_STARTED:
            raise Fault("The requested operation is not supported after starting the microVM.")

    def require_started(self) -> None:
        """Refuse what is only allowed after the start."""
        if self.state == NOT_STARTED:
            raise Fault("The requested operation is not supported before starting the microVM.")

    def start(self) -> None:
        """Boot the configured kernel."""
        self.require_not_started()
        with said_by("Start microvm error"):
            self._boot()
        self.state = RUNNING
        if self._accel == "tcg":
            self._watch_timer(self.qemu)
        self._metrics.flush()
        self.on_started()

    def _boot(self) -> None:
        from lab.vmm.qemu import accel

        boot = self.resources.boot
        if boot is None:
            raise Fault("Cannot start microvm without kernel configuration.")
        try:
            self._accel = accel.choose(boot.kernel_image_path, self._log)
            hardware = self._hardware(self.resources)
            hardware.boot = boot
            hardware.append = self.resources.append() + accel.cmdline(self._accel)
            ram = memory.fresh(self.resources.machine.mem_size_mib)
            self._adopt(Qemu(hardware, ram_fd=ram)).run("cont")
        except OSError as error:  # what was there when it was named is gone
            raise Fault(f"Cannot start the microVM: {error}") from error

    def load(self, request: SnapshotLoad) -> None:
        """Load a snapshot. What goes wrong once files are looked at ends the process, as in Firecracker."""
        self.require_not_started()
        backend = _backend_path(request)
        if self.touched:
            raise Fault(
                "Load snapshot error: Loading a microVM snapshot not allowed after configuring boot-specific "
                "resources."
            )
        began = time.monotonic()
        try:
            self._load(request, backend)
        except (Fault, OSError, ValueError) as error:
            self.kill()
            words = f"Load snapshot error: Failed to restore from snapshot: {error}"
            raise FatalFault(words) from error
        self._metrics.took("load_snapshot", began)
        self._log.info(
            f"'load snapshot' API request took {self._metrics.latencies['load_snapshot']} us.", "fc_api"
        )

    def pause(self) -> None:
        """Stop all vCPUs; nothing happens where they stand already."""
        if self.qemu and self.state == RUNNING:
            began = time.monotonic()
            self.qemu.run("stop")
            self.state = PAUSED
            self._metrics.took("pause_vm", began)

    def resume(self) -> None:
        """Let the vCPUs run; nothing happens where they do already."""
        if self.qemu and self.state == PAUSED:
            began = time.monotonic()
            self.qemu.run("cont")
            self.state = RUNNING
            self._metrics.took("resume_vm", began)

    def create_snapshot(self, request: SnapshotCreate) -> None:
        """Write memory and device state; the machine stays as it is, and may go on or be saved again."""
        from lab.vmm import snapshot
        from lab.vmm.version import VERSION

        qemu = self.qemu
        if self.state != PAUSED:
            raise Fault(
                "Cannot create a snapshot: save/restore unavailable while running. Pause the microVM first."
            )
        if request.snapshot_type != "Full":
            raise not_offered("A Diff snapshot")
        began = time.monotonic()
        state = qemu.save_devices()
        found = self.resources
        header = snapshot.Header(
            accel=self._accel,
            qemu_version=_version(qemu),
            vmm_version=VERSION,
            machine_config=found.machine,
            boot_source=found.boot,
            drives=found.drives,
            network_interfaces=[nic.config for nic in found.nics],
            entropy=found.entropy,
            mmds_config=found.mmds,
            state_size=len(state),
        )
        try:
            with snapshot.replacing(Path(request.mem_file_path)) as target:
                memory.dump(qemu.pid, qemu.ram_fd, found.machine.mem_size_mib, target)
            snapshot.write(Path(request.snapshot_path), snapshot.VmState(header, state))
        except (OSError, ValueError) as error:  # the file system's words, or a path without a name
            raise Fault(f"Cannot create the snapshot: {error}") from error
        self._metrics.took("full_create_snapshot", began)

    def patch_drive(self, patch: DrivePatch) -> None:
        """Exchange the file behind a drive."""
        qemu = self.qemu
        if patch.path_on_host is None and patch.rate_limiter is None:
            raise Fault(
                "Running method expected different backend: path_on_host or rate_limiter is required."
            )
        refuse_limits(patch.rate_limiter)
        ids = [drive.drive_id for drive in self.resources.drives]
        if patch.drive_id not in ids:
            raise Fault(f"Cannot find a block device with id {patch.drive_id}; there are {ids}.")
        if patch.path_on_host is not None:
            index = ids.index(patch.drive_id)
            drive = self.resources.drives[index]
            check_drive_file(drive, patch.path_on_host)
            qemu.swap_file(index, drive, patch.path_on_host)
            drive.path_on_host = patch.path_on_host

    def kill(self) -> None:
        """End QEMU, if there is one."""
        if self._qemu is not None:
            self._qemu.kill()

    def _watch_timer(self, qemu: Qemu) -> None:
        from lab.vmm.qemu.timer_start import LOOK_S, TimerStart

        def start_again() -> None:
            self._log.warning(
                "The guest was held up while it measured its timer, and is stuck: started again."
            )
            qemu.reset()

        def look() -> bool:
            try:
                qemu.end_at_reset()
                return self.state != RUNNING or start.look()
            except Fault:  # too busy to answer, or gone, which is told elsewhere
                return True

        start = TimerStart(qemu.first_lapic, start_again)
        self._server.every(LOOK_S, look)

    def _load(self, request: SnapshotLoad, backend: str) -> None:
        from lab.vmm import snapshot

        if request.vsock_override is not None:
            raise Fault("The snapshot has no vsock device: vsock_override cannot be applied")
        if request.clock_realtime:
            raise Fault("clock_realtime needs kvm-clock, which the QEMU look-alike has not")
        saved = snapshot.read(Path(request.snapshot_path))
        header = saved.header
        found = Resources(header.machine_config, header.boot_source, header.drives)
        found.entropy, found.mmds = header.entropy, header.mmds_config
        ram = memory.of_snapshot(backend, header.machine_config.mem_size_mib)
        with said_by(*_DEVICES, "Block"):
            for drive in header.drives:
                check_drive_file(drive, drive.path_on_host or "")
        _override(header.network_interfaces, request)
        with said_by(*_DEVICES, "Net"):
            for nic in header.network_interfaces:
                found.put_nic(nic)
        self._accel = header.accel
        self.resources = found
        version = _version(self._adopt(Qemu(self._hardware(found), ram_fd=ram, state=saved.device_state)))
        if version != header.qemu_version:
            raise Fault(
                f"The snapshot was made by QEMU {header.qemu_version}, here is {version}: rebuild it here"
            )
        self.state = PAUSED
        self.on_started()
        if request.resume_vm:
            self.resume()

    def _hardware(self, found: Resources) -> Hardware:
        return Hardware(self._accel, found.machine, found.drives, found.nics, found.entropy)

    def _adopt(self, qemu: Qemu) -> Qemu:
        self._qemu = qemu
        try:
            qemu.connect()
        except Fault:
            qemu.close()
            self._qemu = None
            raise
        self._server.watch(qemu.serial.fileno(), self._serial)
        self._server.watch(qemu.monitor.fileno(), lambda: qemu.monitor.pump(self._event))
        self._server.watch(qemu.pidfd, self._died)
        self._server.before_waiting = lambda: qemu.monitor.hand_over(self._event)
        if self._console.wants_stdin:
            self._server.watch(0, self._stdin)
        return qemu

    def _serial(self) -> bool:
        try:
            data = self.qemu.serial.recv(CHUNK)
        except BlockingIOError:
            return False
        except ConnectionResetError:  # it ended with something of ours unread
            data = b""
        if not data:
            self._server.unwatch(self.qemu.serial.fileno())
        self._console.write(data)
        return bool(data)

    def _stdin(self) -> None:
        data = os.read(0, 4096)
        if data:
            with suppress(OSError):  # the guest reads none of it: dropped, as what it writes and nobody takes
                self.qemu.serial.send(data)
        else:
            self._log.warning("stdin has ended: the serial console takes no more input")
            self._server.unwatch(0)

    def _event(self, name: str, data: dict[str, Any]) -> None:
        if name != "SHUTDOWN":
            return
        if (
            data.get("reason") == "guest-shutdown"
        ):  # Firecracker has no power-off: its process stays, so do we
            self._log.warning("The guest has powered off; the process stays, as Firecracker's does.")
            return
        self._end(0, f"The guest has ended the machine ({data.get('reason')}).")

    def _died(self) -> None:
        self._metrics.add("vcpu", "failures")
        self._end(1, f"QEMU has ended unexpectedly. {self.qemu.last_words()}".rstrip())

    def _end(self, code: int, why: str) -> None:
        while self._serial():
            pass
        self.kill()
        self._log.info(why) if code == 0 else self._log.error(why)
        self._log.info("Vmm is stopping.")
        self._server.stop(code)


def _backend_path(request: SnapshotLoad) -> str:
    if (request.mem_backend is None) == (request.mem_file_path is None):
        few = "missing field: either `mem_backend` or `mem_file_path` is required."
        many = "too many fields: either `mem_backend` or `mem_file_path` exclusively is required."
        raise Fault(f"{REFUSED}{few if request.mem_backend is None else many}")
    if request.mem_backend is None:
        return request.mem_file_path or ""
    if request.mem_backend.backend_type != "File":
        raise not_offered("The Uffd memory back end")
    return request.mem_backend.backend_path


def _override(interfaces: list[Any], request: SnapshotLoad) -> None:
    by_id = {nic.iface_id: nic for nic in interfaces}
    for override in request.network_overrides:
        if override.iface_id not in by_id:
            raise Fault("Failed to get snapshot state from file: Unknown Network Device.")
        by_id[override.iface_id].host_dev_name = override.host_dev_name


def _version(qemu: Qemu) -> str:
    number = qemu.run("query-version")["qemu"]
    return f"{number['major']}.{number['minor']}.{number['micro']}"
