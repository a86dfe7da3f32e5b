"""Firecracker v1.16's API as a table: each call, a body that is right, and what its fields must be.

The facts are those of the project's own API description (Apache-2.0); the wording is ours.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

ANY, PRE, POST = "any", "pre", "post"
WRONG = {"string": 7, "boolean": "yes", "integer": "many", "array": 7, "object": 7}


@dataclass(frozen=True)
class Call:
    """One method and path with a body."""

    method: str
    path: str
    phase: str
    body: dict[str, object]
    types: dict[str, str]
    required: tuple[str, ...] = ()
    strict: bool = True
    enums: tuple[str, ...] = field(default=())

    @property
    def name(self) -> str:
        """For test ids."""
        return f"{self.method} {self.path}"


LIMITER = {"rate_limiter": "object"}
CALLS = (
    Call(
        "PUT",
        "/machine-config",
        PRE,
        {"vcpu_count": 2, "mem_size_mib": 128},
        {
            **{
                "vcpu_count": "integer",
                "mem_size_mib": "integer",
                "smt": "boolean",
                "cpu_template": "string",
            },
            **{"track_dirty_pages": "boolean", "huge_pages": "string"},
        },
        required=("vcpu_count", "mem_size_mib"),
        enums=("cpu_template", "huge_pages"),
    ),
    Call("PATCH", "/machine-config", PRE, {"vcpu_count": 1}, {"vcpu_count": "integer", "smt": "boolean"}),
    Call(
        "PUT",
        "/boot-source",
        PRE,
        {"kernel_image_path": "/etc/hostname"},
        {"kernel_image_path": "string", "initrd_path": "string", "boot_args": "string"},
        required=("kernel_image_path",),
    ),
    Call(
        "PUT",
        "/drives/d0",
        PRE,
        {"drive_id": "d0", "is_root_device": False, "path_on_host": "/etc/hostname", "is_read_only": True},
        {
            **{
                "drive_id": "string",
                "is_root_device": "boolean",
                "partuuid": "string",
                "cache_type": "string",
            },
            **{"is_read_only": "boolean", "path_on_host": "string", "io_engine": "string", **LIMITER},
        },
        required=("drive_id", "is_root_device"),
        enums=("cache_type", "io_engine"),
    ),
    Call(
        "PATCH",
        "/drives/rootfs",
        POST,
        {"drive_id": "rootfs", "rate_limiter": {}},
        {"drive_id": "string", "path_on_host": "string", **LIMITER},
        required=("drive_id",),
    ),
    Call(
        "PUT",
        "/network-interfaces/n0",
        PRE,
        {"iface_id": "n0", "host_dev_name": "acc-none"},
        {
            **{"iface_id": "string", "host_dev_name": "string", "guest_mac": "string", "mtu": "integer"},
            **{"rx_rate_limiter": "object", "tx_rate_limiter": "object"},
        },
        required=("iface_id", "host_dev_name"),
    ),
    Call(
        "PATCH",
        "/network-interfaces/n0",
        POST,
        {"iface_id": "n0"},
        {"iface_id": "string", "rx_rate_limiter": "object", "tx_rate_limiter": "object"},
        required=("iface_id",),
    ),
    Call("PUT", "/entropy", PRE, {}, LIMITER),
    Call("PUT", "/serial", PRE, {}, {"serial_out_path": "string", **LIMITER}),
    Call(
        "PUT",
        "/logger",
        PRE,
        {"level": "Info"},
        {"log_path": "string", "level": "string", "show_level": "boolean", "show_log_origin": "boolean"},
        enums=("level",),
    ),
    Call(
        "PUT",
        "/metrics",
        PRE,
        {"metrics_path": "/dev/null"},
        {"metrics_path": "string"},
        required=("metrics_path",),
        strict=False,
    ),
    Call(
        "PUT",
        "/mmds/config",
        PRE,
        {"network_interfaces": ["n0"]},
        {
            "version": "string",
            "network_interfaces": "array",
            "ipv4_address": "string",
            "imds_compat": "boolean",
        },
        required=("network_interfaces",),
        enums=("version",),
    ),
    Call(
        "PUT",
        "/actions",
        ANY,
        {"action_type": "InstanceStart"},
        {"action_type": "string"},
        required=("action_type",),
        enums=("action_type",),
    ),
    Call(
        "PATCH",
        "/vm",
        POST,
        {"state": "Resumed"},
        {"state": "string"},
        required=("state",),
        enums=("state",),
    ),
    Call(
        "PUT",
        "/snapshot/create",
        POST,
        {"snapshot_path": "/nowhere/s", "mem_file_path": "/nowhere/m"},
        {"snapshot_path": "string", "mem_file_path": "string", "snapshot_type": "string"},
        required=("snapshot_path", "mem_file_path"),
        enums=("snapshot_type",),
    ),
    Call(
        "PUT",
        "/snapshot/load",
        PRE,
        {
            "snapshot_path": "/nowhere/s",
            "mem_backend": {"backend_type": "File", "backend_path": "/nowhere/m"},
        },
        {
            **{"snapshot_path": "string", "mem_file_path": "string", "mem_backend": "object"},
            **{"resume_vm": "boolean", "track_dirty_pages": "boolean", "enable_diff_snapshots": "boolean"},
            **{"network_overrides": "array", "vsock_override": "object", "clock_realtime": "boolean"},
        },
        required=("snapshot_path",),
    ),
)

NOT_OFFERED = (
    *(("GET", "/balloon"), ("PUT", "/balloon"), ("PATCH", "/balloon"), ("GET", "/balloon/statistics")),
    *(
        ("PATCH", "/balloon/statistics"),
        ("PATCH", "/balloon/hinting/start"),
        ("GET", "/balloon/hinting/status"),
    ),
    *(("PATCH", "/balloon/hinting/stop"), ("PUT", "/cpu-config"), ("PUT", "/pmem/p0"), ("PATCH", "/pmem/p0")),
    *(
        ("PUT", "/hotplug/memory"),
        ("PATCH", "/hotplug/memory"),
        ("GET", "/hotplug/memory"),
        ("PUT", "/vsock"),
    ),
)


def _says(name: str) -> str:
    return "Invalid LevelFilter" if name == "level" else "unknown variant `Nonesuch`"


def bad_bodies() -> Iterator[tuple[str, Call, dict[str, object], str]]:
    """Every way a body can be wrong: a name, the call, the body, and what the refusal says."""
    for call in CALLS:
        for name in call.required:
            body = {key: value for key, value in call.body.items() if key != name}
            yield f"{call.name} without {name}", call, body, f"missing field `{name}`"
        if call.strict:
            yield f"{call.name} unknown", call, {**call.body, "no_such": 1}, "unknown field"
        for name, kind in call.types.items():
            yield f"{call.name} {name} type", call, {**call.body, name: WRONG[kind]}, "deserializing"
        for name in call.enums:
            yield f"{call.name} {name} enum", call, {**call.body, name: "Nonesuch"}, _says(name)
