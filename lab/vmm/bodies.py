"""Request bodies, one struct for each definition of the API description.

Firecracker refuses unknown fields everywhere except in metrics, token buckets and network_overrides' items.
``None`` stands for "absent or null" where the API takes null.
"""

import re
import socket
from typing import Annotated, Any, Literal

from msgspec import Meta, Struct, field

HostPath = Annotated[str, Meta(pattern=r"^[^\0]*\Z")]
"""A path on this host: anything that can be one."""
FilePath = Annotated[str, Meta(pattern=r"^[^\0]*\Z", title="path string")]
"""The same, where Firecracker calls it a path."""
KernelWords = Annotated[str, Meta(pattern=r"^[ -~]*\Z")]
"""For the kernel's command line: printable ASCII, as Firecracker takes it."""
Count = Annotated[int, Meta(ge=0, le=2**63 - 1, title="u64")]
"""The API description's ``int64`` with a minimum of 0."""
Size = Annotated[int, Meta(ge=0, le=2**63 - 1, title="usize")]
"""The same, where Firecracker counts by the size of a word."""
Byte = Annotated[int, Meta(ge=0, le=255, title="u8")]
LEVELS = ("off", "trace", "debug", "info", "warn", "warning", "error")
_MAC = re.compile(r"[0-9a-fA-F]{2}(:[0-9a-fA-F]{2}){5}")


class Strict(Struct, forbid_unknown_fields=True, omit_defaults=False):
    """A body that refuses fields it does not know."""


class TokenBucket(Struct):
    """A token bucket; unknown fields are let through, as Firecracker does."""

    size: Count
    refill_time: Count
    one_time_burst: Count | None = None


class RateLimiter(Strict):
    """Limits of bytes and of operations per second."""

    bandwidth: TokenBucket | None = None
    ops: TokenBucket | None = None

    def limits(self) -> bool:
        """Whether anything is limited at all (a zero size or refill time switches a bucket off)."""
        return any(b and b.size and b.refill_time for b in (self.bandwidth, self.ops))


CpuTemplate = Literal["C3", "T2", "T2S", "T2CL", "T2A", "V1N1", "None"]
HugePages = Literal["None", "2M"]


class MachineConfig(Strict):
    """PUT /machine-config."""

    vcpu_count: Byte
    mem_size_mib: Size
    smt: bool = False
    cpu_template: CpuTemplate | None = None
    track_dirty_pages: bool = False
    huge_pages: HugePages = "None"


class MachineConfigPatch(Strict):
    """PATCH /machine-config: any subset, at least one."""

    vcpu_count: Byte | None = None
    mem_size_mib: Size | None = None
    smt: bool | None = None
    cpu_template: CpuTemplate | None = None
    track_dirty_pages: bool | None = None
    huge_pages: HugePages | None = None


class BootSource(Strict):
    """PUT /boot-source."""

    kernel_image_path: HostPath
    initrd_path: HostPath | None = None
    boot_args: KernelWords | None = None


class Drive(Strict):
    """PUT /drives/{id}."""

    drive_id: str
    is_root_device: bool
    partuuid: KernelWords | None = None
    cache_type: Literal["Unsafe", "Writeback"] = "Unsafe"
    is_read_only: bool = False
    path_on_host: HostPath | None = None
    rate_limiter: RateLimiter | None = None
    io_engine: Literal["Sync", "Async"] = "Sync"
    socket: HostPath | None = None


class DrivePatch(Strict):
    """PATCH /drives/{id}."""

    drive_id: str
    path_on_host: HostPath | None = None
    rate_limiter: RateLimiter | None = None


class NetworkInterface(Strict):
    """PUT /network-interfaces/{id}."""

    iface_id: str
    host_dev_name: HostPath
    guest_mac: str | None = None
    mtu: int | None = None
    rx_rate_limiter: RateLimiter | None = None
    tx_rate_limiter: RateLimiter | None = None

    def __post_init__(self) -> None:
        if self.guest_mac is not None and not _MAC.fullmatch(self.guest_mac):
            raise ValueError("The provided MAC address is invalid.")


class NetworkInterfacePatch(Strict):
    """PATCH /network-interfaces/{id}."""

    iface_id: str
    rx_rate_limiter: RateLimiter | None = None
    tx_rate_limiter: RateLimiter | None = None


class Entropy(Strict):
    """PUT /entropy."""

    rate_limiter: RateLimiter | None = None


class Serial(Strict):
    """PUT /serial."""

    serial_out_path: HostPath | None = None
    rate_limiter: TokenBucket | None = None


class Logger(Strict):
    """PUT /logger."""

    log_path: FilePath | None = None
    level: str | None = None
    show_level: bool | None = None
    show_log_origin: bool | None = None
    module: str | None = None

    def __post_init__(self) -> None:
        if self.level is not None and self.level.lower() not in LEVELS:
            raise ValueError("Invalid LevelFilter")


class Metrics(Struct):
    """PUT /metrics; unknown fields are let through, as Firecracker does."""

    metrics_path: FilePath


class MmdsConfig(Strict):
    """PUT /mmds/config."""

    network_interfaces: list[str]
    version: Literal["V1", "V2"] = "V1"
    ipv4_address: Annotated[str, Meta(title="IPv4 address")] | None = None
    imds_compat: bool = False

    def __post_init__(self) -> None:
        if self.ipv4_address is not None:
            try:
                socket.inet_pton(socket.AF_INET, self.ipv4_address)
            except (OSError, ValueError):
                raise ValueError("invalid IPv4 address syntax") from None


class Action(Strict):
    """PUT /actions."""

    action_type: Literal["InstanceStart", "FlushMetrics", "SendCtrlAltDel"]


class VmState(Strict):
    """PATCH /vm."""

    state: Literal["Paused", "Resumed"]


class SnapshotCreate(Strict):
    """PUT /snapshot/create."""

    snapshot_path: FilePath
    mem_file_path: FilePath
    snapshot_type: Literal["Full", "Diff"] = "Full"


class MemoryBackend(Strict):
    """Where a load takes the guest's memory from."""

    backend_type: Literal["File", "Uffd"]
    backend_path: FilePath


class NetworkOverride(Struct):
    """Another TAP for one interface; unknown fields are let through, as Firecracker does."""

    iface_id: str
    host_dev_name: HostPath


class SnapshotLoad(Strict):
    """PUT /snapshot/load."""

    snapshot_path: FilePath
    mem_backend: MemoryBackend | None = None
    mem_file_path: FilePath | None = None
    resume_vm: bool = False
    track_dirty_pages: bool = False
    enable_diff_snapshots: bool = False
    clock_realtime: bool = False
    network_overrides: list[NetworkOverride] = field(default_factory=list)
    vsock_override: dict[str, Any] | None = None


class VmConfig(Struct, rename="kebab"):
    """A ``--config-file``; unknown top-level keys are let through, as Firecracker does."""

    boot_source: BootSource
    drives: list[Drive]
    machine_config: MachineConfig | None = None
    network_interfaces: list[NetworkInterface] = field(default_factory=list)
    entropy: Entropy | None = None
    logger: Logger | None = None
    metrics: Metrics | None = None
    mmds_config: MmdsConfig | None = None
    vsock: dict[str, Any] | None = None
    balloon: dict[str, Any] | None = None
    cpu_config: Any = None
    pmem: list[Any] = field(default_factory=list)
    memory_hotplug: dict[str, Any] | None = None
