"""Firecracker's REST API, one small method a path, and no policy.

Names and fields are the vendor's; hold this file against the OpenAPI description of v1.16.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Literal

Json = Mapping[str, Any]


class Firecracker:
    """A client of one VMM process, over a unix socket.

    :param socket: where the API answers, on this machine.
    :param epitaph: called when the connection is lost: what is known of the process (exit status, last words).
    """

    def __init__(
        self,
        socket: Path,
        *,
        timeout_s: float = 10,
        slow_timeout_s: float = 60,
        epitaph: Callable[[], str] | None = None,
    ) -> None:
        raise NotImplementedError

    def close(self) -> None:
        """Close the connection; the VMM lives on."""

    def request(
        self, method: str, path: str, body: Json | None = None, *, timeout_s: float | None = None
    ) -> Any:
        """One request; the decoded body of a 200, None for a 204.

        :raises ApiError: any other answer, with its fault_message, or no answer.
        """
        raise NotImplementedError

    def describe_instance(self) -> dict[str, Any]:
        """GET / — id, state, vmm_version, app_name."""
        raise NotImplementedError

    def version(self) -> str:
        """GET /version — the firecracker_version."""
        raise NotImplementedError

    def vm_config(self) -> dict[str, Any]:
        """GET /vm/config."""
        raise NotImplementedError

    def machine_config(self) -> dict[str, Any]:
        """GET /machine-config."""
        raise NotImplementedError

    def put_machine_config(self, *, vcpu_count: int, mem_size_mib: int, **rest: Any) -> None:
        """PUT /machine-config."""

    def patch_machine_config(self, **fields: Any) -> None:
        """PATCH /machine-config."""

    def put_boot_source(
        self, *, kernel_image_path: str, boot_args: str | None = None, initrd_path: str | None = None
    ) -> None:
        """PUT /boot-source."""

    def put_drive(self, drive_id: str, *, path_on_host: str, is_root_device: bool, **rest: Any) -> None:
        """PUT /drives/{drive_id}."""

    def patch_drive(self, drive_id: str, *, path_on_host: str) -> None:
        """PATCH /drives/{drive_id} — another backing file."""

    def put_network_interface(self, iface_id: str, *, host_dev_name: str, **rest: Any) -> None:
        """PUT /network-interfaces/{iface_id}."""

    def put_entropy(self) -> None:
        """PUT /entropy."""

    def put_logger(self, **fields: Any) -> None:
        """PUT /logger."""

    def put_metrics(self, *, metrics_path: str) -> None:
        """PUT /metrics."""

    def put_serial(self, *, serial_out_path: str) -> None:
        """PUT /serial."""

    def put_mmds_config(self, *, network_interfaces: list[str], **rest: Any) -> None:
        """PUT /mmds/config."""

    def put_mmds(self, data: Json) -> None:
        """PUT /mmds."""

    def patch_mmds(self, data: Json) -> None:
        """PATCH /mmds."""

    def mmds(self) -> dict[str, Any]:
        """GET /mmds."""
        raise NotImplementedError

    def put_action(self, action_type: Literal["InstanceStart", "FlushMetrics", "SendCtrlAltDel"]) -> None:
        """PUT /actions."""

    def patch_vm(self, state: Literal["Paused", "Resumed"]) -> None:
        """PATCH /vm."""

    def create_snapshot(
        self, *, snapshot_path: str, mem_file_path: str, snapshot_type: Literal["Full", "Diff"] = "Full"
    ) -> None:
        """PUT /snapshot/create."""

    def load_snapshot(
        self,
        *,
        snapshot_path: str,
        mem_file_path: str,
        resume_vm: bool = False,
        network_overrides: list[dict[str, str]] | None = None,
        **rest: Any,
    ) -> None:
        """PUT /snapshot/load, with the File memory back end."""
