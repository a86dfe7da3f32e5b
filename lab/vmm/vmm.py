"""This process: the machine and what stands around it, as the API sees them."""

from collections.abc import Callable
from typing import Any

from lab.vmm.bodies import Action, NetworkInterfacePatch, Serial, VmState
from lab.vmm.bodies import Logger as LoggerBody
from lab.vmm.bodies import Metrics as MetricsBody
from lab.vmm.console import Console
from lab.vmm.faults import Fault, not_offered, said_by
from lab.vmm.logger import Logger
from lab.vmm.machine import NOT_STARTED, Machine
from lab.vmm.metrics import Metrics
from lab.vmm.mmds.store import Mmds
from lab.vmm.resources import Resources, refuse_limits
from lab.vmm.server import Server


class Vmm:
    """Logger, metrics, console, metadata store and the machine."""

    def __init__(
        self, instance: str, log: Logger, metrics: Metrics, server: Server, *, mmds_limit: int
    ) -> None:
        self.instance = instance
        self.log = log
        self.metrics = metrics
        self.mmds = Mmds(mmds_limit)
        self._console = Console(metrics)
        self._server = server
        self.machine = Machine(log, metrics, self._console, server)
        self.machine.on_started = self._serve_metadata

    def configure(self, whose: str, change: Callable[[Resources], None]) -> None:
        """Change a boot resource; whatever comes of it, a snapshot cannot be loaded any more."""
        self.machine.require_not_started()
        self.machine.touched = True
        with said_by(whose):
            change(self.machine.resources)

    def act(self, action: Action) -> None:
        """PUT /actions."""
        if action.action_type == "InstanceStart":
            self.machine.start()
        elif action.action_type == "FlushMetrics":
            self.machine.require_started()
            self.metrics.flush()
        else:
            self.machine.require_started()
            raise not_offered(
                "SendCtrlAltDel (the machine has no keyboard controller; use the guest's own reboot)"
            )

    def set_state(self, wanted: VmState) -> None:
        """PATCH /vm."""
        self.machine.require_started()
        if wanted.state == "Paused":
            self.machine.pause()
        else:
            self.machine.resume()

    def patch_nic(self, patch: NetworkInterfacePatch) -> None:
        """PATCH /network-interfaces: only rate limiters can change, and only to none."""
        self.machine.require_started()
        if patch.iface_id not in [nic.config.iface_id for nic in self.machine.resources.nics]:
            raise Fault(f"Cannot find a network device with id {patch.iface_id}.")
        refuse_limits(patch.rx_rate_limiter, patch.tx_rate_limiter)

    def put_serial(self, serial: Serial) -> None:
        """PUT /serial."""
        self.machine.require_not_started()
        bucket = serial.rate_limiter
        if bucket is not None and bucket.size and bucket.refill_time:
            raise not_offered("A rate limiter")
        if serial.serial_out_path is not None:
            try:
                self._console.redirect(serial.serial_out_path)
            except OSError as error:
                raise Fault(
                    f"Cannot open the serial output {serial.serial_out_path}: {error.strerror}"
                ) from error

    def put_logger(self, body: LoggerBody) -> None:
        """PUT /logger."""
        self.machine.require_not_started()
        with said_by("Logger error"):
            self.log.configure(
                body.log_path, body.level, show_level=body.show_level, show_origin=body.show_log_origin
            )

    def put_metrics(self, body: MetricsBody) -> None:
        """PUT /metrics."""
        self.machine.require_not_started()
        with said_by("Metrics error"):
            self.metrics.configure(body.metrics_path)

    def mmds_get(self) -> Any:
        """GET /mmds."""
        self._require_mmds()
        return self.mmds.data

    def mmds_put(self, document: Any) -> None:
        """PUT /mmds."""
        self._require_mmds()
        self.mmds.put(document)

    def mmds_patch(self, change: Any) -> None:
        """PATCH /mmds."""
        self._require_mmds()
        self.mmds.patch(change)

    def _require_mmds(self) -> None:
        if self.machine.state != NOT_STARTED and self.machine.resources.mmds is None:
            raise Fault("MMDS error: The MMDS data store is not initialized.")

    def _serve_metadata(self) -> None:
        """Put the metadata service on the interfaces it was configured for."""
        config = self.machine.resources.mmds
        if config is None:
            return
        from lab.vmm.mmds.http import MmdsHttp
        from lab.vmm.mmds.net import DEFAULT_ADDRESS, MetadataNic

        http = MmdsHttp(self.mmds, config)
        for nic in self.machine.resources.nics:
            if nic.config.iface_id in config.network_interfaces:
                service = MetadataNic(
                    nic.config.host_dev_name, config.ipv4_address or DEFAULT_ADDRESS, http.answer
                )
                self._server.watch(service.socket.fileno(), service.ready)
