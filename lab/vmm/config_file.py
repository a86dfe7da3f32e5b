"""``--config-file`` and ``--metadata``: what a machine is made of, from a file instead of the API."""

from pathlib import Path

from lab.vmm.bodies import VmConfig
from lab.vmm.faults import Aborted, Fault, not_offered, os_words, said_by
from lab.vmm.json_text import REFUSED, decode, decode_any
from lab.vmm.vmm import Vmm

_FROM_JSON = "Configuration for VMM from one single json failed"
UNOFFERED = ("vsock", "balloon", "cpu_config", "pmem", "memory_hotplug")


def boot(path: Path, vmm: Vmm) -> None:
    """Configure the machine as the file says, and start it."""
    try:
        config = decode(_read(path, "configuration"), VmConfig)
    except Fault as error:
        raise Fault(f"{_FROM_JSON}: Invalid JSON: {_without_frame(error)}") from error
    for name in UNOFFERED:
        if getattr(config, name):
            raise not_offered(name)
    with said_by(_FROM_JSON):
        if config.logger is not None:
            vmm.put_logger(config.logger)
        if config.metrics is not None:
            vmm.put_metrics(config.metrics)
        _put_resources(config, vmm)
    vmm.machine.start()


def load_metadata(path: Path, vmm: Vmm) -> None:
    """Fill the metadata store; what cannot be used is a panic, as in Firecracker."""
    try:
        vmm.mmds_put(decode_any(_read(path, "mmds content")))
    except Fault as error:
        words = _without_frame(error)
        raise Aborted(f"MMDS error: metadata provided not valid json: {words}") from error


def _put_resources(config: VmConfig, vmm: Vmm) -> None:
    found = vmm.machine.resources
    if config.machine_config is not None:
        with said_by("Machine config error"):
            found.put_machine(config.machine_config)
    with said_by("Boot source error"):
        found.put_boot(config.boot_source)
    with said_by("Drive config error"):
        for drive in config.drives:
            found.put_drive(drive)
    with said_by("Network config error"):
        for nic in config.network_interfaces:
            found.put_nic(nic)
    if config.mmds_config is not None:
        with said_by("MMMDS config error"):
            found.put_mmds(config.mmds_config)
    if config.entropy is not None:
        found.put_entropy(config.entropy)


def _read(path: Path, what: str) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise Aborted(f"Unable to open or read from the {what} file: {os_words(error)}") from error


def _without_frame(error: Fault) -> str:
    """What is wrong with a text, without what the API says around it."""
    return str(error).removeprefix(REFUSED).removesuffix(".")
