"""Request bodies, one struct for each definition of the API description.

Firecracker refuses unknown fields everywhere except in metrics, token buckets and network_overrides' items.
``None`` stands for "absent or null" where the API takes null.
"""

from typing import Any, Literal, TypeVar

from msgspec import DecodeError, Struct, ValidationError, field, json

from lab.vmm.faults import Fault


class Strict(Struct, forbid_unknown_fields=True, omit_defaults=False):
    """A body that refuses fields it does not know."""


class TokenBucket(Struct):
    """A token bucket; unknown fields are let through, as Firecracker does."""

    size: int
    refill_time: int
    one_time_burst: int | None = None

    def __post_init__(self) -> None:
        if min(self.size, self.refill_time, self.one_time_burst or 0) < 0:
            raise ValueError("invalid value: negative integer, expected u64")


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

    vcpu_count: int
    mem_size_mib: int
    smt: bool = False
    cpu_template: CpuTemplate | None = None
    track_dirty_pages: bool = False
    huge_pages: HugePages = "None"


class MachineConfigPatch(Strict):
    """PATCH /machine-config: any subset, at least one."""

    vcpu_count: int | None = None
    mem_size_mib: int | None = None
    smt: bool | None = None
    cpu_template: CpuTemplate | None = None
    track_dirty_pages: bool | None = None
    huge_pages: HugePages | None = None


class BootSource(Strict):
    """PUT /boot-source."""

    kernel_image_path: str
    initrd_path: str | None = None
    boot_args: str | None = None


class Drive(Strict):
    """PUT /drives/{id}."""

    drive_id: str
    is_root_device: bool
    partuuid: str | None = None
    cache_type: Literal["Unsafe", "Writeback"] = "Unsafe"
    is_read_only: bool = False
    path_on_host: str | None = None
    rate_limiter: RateLimiter | None = None
    io_engine: Literal["Sync", "Async"] = "Sync"
    socket: str | None = None


class DrivePatch(Strict):
    """PATCH /drives/{id}."""

    drive_id: str
    path_on_host: str | None = None
    rate_limiter: RateLimiter | None = None


class NetworkInterface(Strict):
    """PUT /network-interfaces/{id}."""

    iface_id: str
    host_dev_name: str
    guest_mac: str | None = None
    mtu: int | None = None
    rx_rate_limiter: RateLimiter | None = None
    tx_rate_limiter: RateLimiter | None = None


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

    serial_out_path: str | None = None
    rate_limiter: TokenBucket | None = None


class Logger(Strict):
    """PUT /logger."""

    log_path: str | None = None
    level: str | None = None
    show_level: bool | None = None
    show_log_origin: bool | None = None
    module: str | None = None


class Metrics(Struct):
    """PUT /metrics; unknown fields are let through, as Firecracker does."""

    metrics_path: str


class MmdsConfig(Strict):
    """PUT /mmds/config."""

    network_interfaces: list[str]
    version: Literal["V1", "V2"] = "V1"
    ipv4_address: str | None = None
    imds_compat: bool = False


class Action(Strict):
    """PUT /actions."""

    action_type: Literal["InstanceStart", "FlushMetrics", "SendCtrlAltDel"]


class VmState(Strict):
    """PATCH /vm."""

    state: Literal["Paused", "Resumed"]


class SnapshotCreate(Strict):
    """PUT /snapshot/create."""

    snapshot_path: str
    mem_file_path: str
    snapshot_type: Literal["Full", "Diff"] = "Full"


class MemoryBackend(Strict):
    """Where a load takes the guest's memory from."""

    backend_type: Literal["File", "Uffd"]
    backend_path: str


class NetworkOverride(Struct):
    """Another TAP for one interface; unknown fields are let through, as Firecracker does."""

    iface_id: str
    host_dev_name: str


class SnapshotLoad(Strict):
    """PUT /snapshot/load."""

    snapshot_path: str
    mem_backend: MemoryBackend | None = None
    mem_file_path: str | None = None
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


T = TypeVar("T")

_PREFIX = "An error occurred when deserializing the json body of a request: "


def decode(body: bytes, shape: type[T]) -> T:
    """``body`` as ``shape``, or a Fault worded as Firecracker words it."""
    try:
        return json.decode(body, type=shape)
    except ValidationError as error:
        text = str(error).replace("Object missing required field", "missing field")
        raise Fault(
            f"{_PREFIX}{text.replace('Object contains unknown', 'unknown')} at line 1 column 0."
        ) from None
    except DecodeError as error:
        raise Fault(f"{_PREFIX}{error} at line 1 column 0.") from None
