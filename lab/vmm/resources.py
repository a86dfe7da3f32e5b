"""What a client has configured before the start, checked as Firecracker checks it when it is given."""

import os
import socket
from dataclasses import dataclass, field
from typing import Any

from lab.vmm.bodies import (
    BootSource,
    Drive,
    Entropy,
    MachineConfig,
    MachineConfigPatch,
    MmdsConfig,
    NetworkInterface,
    RateLimiter,
)
from lab.vmm.faults import Fault, not_offered, os_words, said_by
from lab.vmm.files import open_regular
from lab.vmm.qemu.process import MAX_DEVICES, Nic
from lab.vmm.tap import open_nic

MAX_VCPUS = 32
MAX_CMDLINE = 2048
BAD_VCPUS = (
    "The number of vCPUs must be greater than 0, less than 32 and must be 1 or an even number if SMT is "
    "enabled."
)
BAD_MEMORY = "The memory size (MiB) is either 0, or not a multiple of the configured page size."
NO_SUCH_NIC = (
    "The list of network interface IDs provided contains at least one ID that does not correspond to any "
    "existing network interface."
)
DEFAULT_CMDLINE = (
    "reboot=k panic=1 nomodule 8250.nr_uarts=0 i8042.noaux i8042.nomux i8042.dumbkbd swiotlb=noforce"
)


@dataclass(slots=True)
class Resources:
    """The machine as configured so far."""

    machine: MachineConfig = field(default_factory=lambda: MachineConfig(vcpu_count=1, mem_size_mib=128))
    boot: BootSource | None = None
    drives: list[Drive] = field(default_factory=list)
    nics: list[Nic] = field(default_factory=list)
    entropy: Entropy | None = None
    mmds: MmdsConfig | None = None

    def put_machine(self, config: MachineConfig) -> None:
        """Replace the machine configuration."""
        if not 1 <= config.vcpu_count <= MAX_VCPUS:
            raise Fault(BAD_VCPUS)
        if config.mem_size_mib <= 0:
            raise Fault(BAD_MEMORY)
        if config.smt and config.vcpu_count > 1 and config.vcpu_count % 2:
            raise Fault(BAD_VCPUS)
        if config.cpu_template not in (None, "None"):
            raise not_offered("cpu_template")
        if config.huge_pages != "None":
            raise not_offered("huge_pages")
        self.machine = config

    def patch_machine(self, patch: MachineConfigPatch) -> None:
        """Change some of the machine configuration: all of it or nothing."""
        from msgspec import structs

        given = {key: value for key, value in structs.asdict(patch).items() if value is not None}
        self.put_machine(structs.replace(self.machine, **given))

    def put_boot(self, source: BootSource) -> None:
        """Take a kernel, an optional initrd and the kernel's arguments."""
        _must_open(source.kernel_image_path, "The kernel file cannot be opened:")
        if source.initrd_path is not None:
            _must_open(
                source.initrd_path,
                "The initrd file cannot be opened due to invalid path or invalid permissions.",
            )
        if len(source.boot_args or "") > MAX_CMDLINE:
            raise Fault("The kernel command line is invalid: Invalid cmdline capacity provided.")
        self.boot = source

    def put_drive(self, drive: Drive) -> None:
        """Add a drive, or replace the one with its id."""
        if drive.socket is not None:
            raise not_offered("A vhost-user drive (socket)")
        if drive.path_on_host is None:
            raise Fault("Unable to create the virtio block device: Invalid block config.")
        refuse_limits(drive.rate_limiter)
        with said_by("Unable to create the virtio block device"):
            check_drive_file(drive, drive.path_on_host)
        drive.rate_limiter = None  # one that limits nothing is none
        others = [other for other in self.drives if other.drive_id != drive.drive_id]
        if drive.is_root_device and any(other.is_root_device for other in others):
            raise Fault("A root block device already exists!")
        self._must_have_room(len(others) + len(self.nics), f"drive {drive.drive_id}")
        ids = [other.drive_id for other in self.drives]
        if drive.drive_id in ids:
            self.drives[ids.index(drive.drive_id)] = drive
        else:
            self.drives.append(drive)

    def put_nic(self, config: NetworkInterface) -> None:
        """Open the TAP and add the interface; an id given again moves to the end of the list."""
        refuse_limits(config.rx_rate_limiter, config.tx_rate_limiter)
        others = [nic for nic in self.nics if nic.config.iface_id != config.iface_id]
        if config.guest_mac and any(nic.mac == config.guest_mac.lower() for nic in others):
            raise Fault(f"The MAC address is already in use: {config.guest_mac}")
        self._must_have_room(len(self.drives) + len(others), f"interface {config.iface_id}")
        for nic in self.nics:
            if nic not in others:
                os.close(nic.tap)
        self.nics = others
        with said_by("Could not create the network device"):
            self.nics.append(open_nic(config))

    def put_entropy(self, config: Entropy) -> None:
        """Add the entropy device."""
        refuse_limits(config.rate_limiter)
        self.entropy = config

    def put_mmds(self, config: MmdsConfig) -> None:
        """Name the interfaces that the metadata service answers on."""
        if not config.network_interfaces:
            raise Fault("The list of network interface IDs that allow forwarding MMDS requests is empty.")
        if config.ipv4_address is not None and not _is_link_local(config.ipv4_address):
            raise Fault("The MMDS IPv4 address is not link local.")
        known = {nic.config.iface_id for nic in self.nics}
        missing = [name for name in config.network_interfaces if name not in known]
        if missing:
            raise Fault(NO_SUCH_NIC)
        self.mmds = config

    def append(self) -> str:
        """The kernel command line: the client's or the default, and what a VMM adds for its devices."""
        assert self.boot is not None  # noqa: S101 (checked by the start)
        given = DEFAULT_CMDLINE if self.boot.boot_args is None else self.boot.boot_args
        args, dashes, init = given.partition(" -- ")
        words = [args, "pci=off"]
        root = next((drive for drive in self.drives if drive.is_root_device), None)
        if root is not None:
            device = f"PARTUUID={root.partuuid}" if root.partuuid else "/dev/vda"
            words.append(f"root={device} {'ro' if root.is_read_only else 'rw'}")
        line = " ".join(word for word in words if word) + dashes + init
        if len(line) > MAX_CMDLINE:
            raise Fault(f"The kernel command line is invalid: longer than {MAX_CMDLINE} bytes.")
        return line

    def export(self) -> dict[str, Any]:
        """The answer to GET /vm/config; it is a valid ``--config-file``."""
        return {
            "balloon": None,
            "drives": self.drives,
            "boot-source": self.boot or BootSource(kernel_image_path=""),
            "cpu-config": None,
            "logger": None,
            "machine-config": machine_shown(self.machine),
            "metrics": None,
            "memory-hotplug": None,
            "mmds-config": self.mmds,
            "network-interfaces": [nic.config for nic in self.nics],
            "pmem": [],
            "vsock": None,
            "entropy": self.entropy,
        }

    def _must_have_room(self, others: int, what: str) -> None:
        if others >= MAX_DEVICES - 1:  # one is kept for the entropy device
            raise Fault(f"No slot is left for {what}: this machine has {MAX_DEVICES} for all its devices.")


def refuse_limits(*limiters: RateLimiter | None) -> None:
    """Rate limiters that would limit anything are refused; empty ones are what their absence is."""
    if any(limiter.limits() for limiter in limiters if limiter is not None):
        raise not_offered("A rate limiter")


def check_drive_file(drive: Drive, path: str) -> None:
    """Open the backing file as the machine will, so that a bad path is refused when it is given."""
    mode = os.O_RDONLY if drive.is_read_only else os.O_RDWR
    try:
        os.close(open_regular(path, mode, or_disk=True))
    except OSError as error:
        raise Fault(
            f"Virtio backend error: Error manipulating the backing file: {os_words(error)} {path}"
        ) from error


def _must_open(path: str, message: str) -> None:
    try:
        os.close(open_regular(path, os.O_RDONLY))
    except OSError as error:
        raise Fault(f"{message} {os_words(error)}") from error


def machine_shown(config: MachineConfig) -> dict[str, Any]:
    """A machine configuration as the API shows it: a template is told only where one is set."""
    from msgspec import structs

    shown = structs.asdict(config)
    if config.cpu_template in (None, "None"):
        del shown["cpu_template"]
    return shown


def _is_link_local(address: str) -> bool:
    parts = socket.inet_aton(address)
    return parts[:2] == bytes([169, 254]) and 1 <= parts[2] <= 254
