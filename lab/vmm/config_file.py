"""``--config-file`` and ``--metadata``: what a machine is made of, from a file instead of the API."""

from pathlib import Path

from lab.vmm.bodies import VmConfig
from lab.vmm.faults import Aborted, Fault, not_offered
from lab.vmm.json_text import decode, decode_any
from lab.vmm.vmm import Vmm

UNOFFERED = ("vsock", "balloon", "cpu_config", "pmem", "memory_hotplug")


def boot(path: Path, vmm: Vmm) -> None:
    """Configure the machine as the file says, and start it."""
    config = decode(_read(path), VmConfig)
    for name in UNOFFERED:
        if getattr(config, name):
            raise not_offered(name)
    if config.logger is not None:
        vmm.put_logger(config.logger)
    if config.metrics is not None:
        vmm.put_metrics(config.metrics)
    _put_resources(config, vmm)
    vmm.machine.start()


def load_metadata(path: Path, vmm: Vmm) -> None:
    """Fill the metadata store; what cannot be used is a panic, as in Firecracker."""
    try:
        vmm.mmds_put(decode_any(_read(path)))
    except Fault as error:
        raise Aborted(f"{path} is not metadata: {error}") from error


def _put_resources(config: VmConfig, vmm: Vmm) -> None:
    found = vmm.machine.resources
    if config.machine_config is not None:
        found.put_machine(config.machine_config)
    found.put_boot(config.boot_source)
    for drive in config.drives:
        found.put_drive(drive)
    for nic in config.network_interfaces:
        found.put_nic(nic)
    if config.mmds_config is not None:
        found.put_mmds(config.mmds_config)
    if config.entropy is not None:
        found.put_entropy(config.entropy)


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise Aborted(f"Unable to open or read from the file {path}: {error.strerror}") from error
