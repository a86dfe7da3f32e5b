"""Firecracker's REST API, one small method a path, and no policy.

Names and fields are the vendor's; hold this file against the OpenAPI description of v1.16.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Literal

import httpx
from pydantic import BaseModel

from harness.answers import read_as, read_json
from harness.errors import ApiError, UnreadableError
from harness.text import beginning
from harness.transport.http import client_over
from harness.vm.refusal import refusal

Json = Mapping[str, Any]

_SHOWN = 2000  # characters of an answer


class _Drive(BaseModel):
    drive_id: str
    is_read_only: bool = False
    path_on_host: str | None = None


class _Config(BaseModel):
    drives: list[_Drive]


class Firecracker:
    """A client of one VMM process, over a unix socket.

    :param socket: where the API answers, on this machine.
    :param epitaph: called when the connection is lost: what is known of the process's end.
    """

    def __init__(
        self,
        socket: Path,
        *,
        timeout_s: float = 10,
        slow_timeout_s: float = 60,
        epitaph: Callable[[], str] | None = None,
    ) -> None:
        self._client = client_over(socket, "http://vmm", timeout_s=timeout_s)
        self._slow_timeout_s = slow_timeout_s
        self._epitaph = epitaph
        self.traffic: list[str] = []
        """A line for each request: method, path, body, status, duration."""

    def close(self) -> None:
        """Close the connection; the VMM lives on."""
        self._client.close()

    def request(self, method: str, path: str, body: Json | None = None, *, slow: bool = False) -> Any:
        """One request; the decoded body of a 200, None for a 204.

        :param slow: create and load of a snapshot may take long.
        :raises ApiError: any other answer, with its fault_message, or no answer.
        """
        began = time.perf_counter()
        words = f"{method} {path}" if body is None else f"{method} {path} {json.dumps(body)}"
        timeout = httpx.USE_CLIENT_DEFAULT if not slow else httpx.Timeout(self._slow_timeout_s)
        try:
            answer = self._client.request(method, path, json=body, timeout=timeout)
        except httpx.TransportError as error:
            self.traffic.append(f"{words} -> {type(error).__name__}: {error}")
            raise self._lost(f"{method} {path}", words, error) from error
        took_ms = (time.perf_counter() - began) * 1000
        self.traffic.append(
            f"{words} -> {answer.status_code} {beginning(answer.text, _SHOWN)} ({took_ms:.1f} ms)"
        )
        if answer.status_code == httpx.codes.OK:
            try:
                return read_json(answer.content, whose=words)
            except UnreadableError as error:
                raise ApiError(error.message, status=answer.status_code) from error
        if answer.status_code == httpx.codes.NO_CONTENT:
            return None
        raise _refused(f"{method} {path}", words, answer)

    def _lost(self, call: str, words: str, error: httpx.TransportError) -> ApiError:
        known = [self._epitaph()] if self._epitaph is not None else []
        first = f"no answer from Firecracker to {call} ({type(error).__name__}: {error})"
        return ApiError("\n  ".join([first, *known, f"asked: {words}"]))

    def describe_instance(self) -> dict[str, Any]:
        """GET / — id, state, vmm_version, app_name."""
        return _table(self.request("GET", "/"))

    def version(self) -> str:
        """GET /version — the firecracker_version."""
        found = _table(self.request("GET", "/version"))
        if not isinstance(version := found.get("firecracker_version"), str):
            raise ApiError(f"GET /version: Firecracker answered no version: {found!r:.200}")
        return version

    def vm_config(self) -> dict[str, Any]:
        """GET /vm/config."""
        return _table(self.request("GET", "/vm/config"))

    def writable_drives(self) -> list[str]:
        """The ids of the drives that the VM may write to, by GET /vm/config.

        :raises ApiError: it does not tell.
        """
        return [drive.drive_id for drive in self._drives() if not drive.is_read_only]

    def drive_paths(self) -> list[str]:
        """Which files on the host the VM's drives are.

        :raises ApiError: it does not tell.
        """
        return [drive.path_on_host for drive in self._drives() if drive.path_on_host is not None]

    def _drives(self) -> list[_Drive]:
        try:
            return read_as(_Config, self.vm_config(), whose="GET /vm/config: Firecracker's answer").drives
        except UnreadableError as error:
            raise ApiError(error.message) from error

    def put_machine_config(self, *, vcpu_count: int, mem_size_mib: int, **rest: Any) -> None:
        """PUT /machine-config."""
        self.request(
            "PUT", "/machine-config", {"vcpu_count": vcpu_count, "mem_size_mib": mem_size_mib, **rest}
        )

    def put_boot_source(
        self, *, kernel_image_path: str, boot_args: str | None = None, initrd_path: str | None = None
    ) -> None:
        """PUT /boot-source."""
        body = {"kernel_image_path": kernel_image_path, "boot_args": boot_args, "initrd_path": initrd_path}
        self.request("PUT", "/boot-source", {key: value for key, value in body.items() if value is not None})

    def put_drive(self, drive_id: str, *, path_on_host: str, is_root_device: bool, **rest: Any) -> None:
        """PUT /drives/{drive_id}."""
        body = {"drive_id": drive_id, "path_on_host": path_on_host, "is_root_device": is_root_device, **rest}
        self.request("PUT", f"/drives/{drive_id}", body)

    def patch_drive(self, drive_id: str, *, path_on_host: str) -> None:
        """PATCH /drives/{drive_id} — another backing file."""
        self.request("PATCH", f"/drives/{drive_id}", {"drive_id": drive_id, "path_on_host": path_on_host})

    def put_network_interface(self, iface_id: str, *, host_dev_name: str, **rest: Any) -> None:
        """PUT /network-interfaces/{iface_id}."""
        body = {"iface_id": iface_id, "host_dev_name": host_dev_name, **rest}
        self.request("PUT", f"/network-interfaces/{iface_id}", body)

    def put_entropy(self) -> None:
        """PUT /entropy."""
        self.request("PUT", "/entropy", {})

    def put_mmds_config(self, *, network_interfaces: list[str], **rest: Any) -> None:
        """PUT /mmds/config."""
        self.request("PUT", "/mmds/config", {"network_interfaces": network_interfaces, **rest})

    def put_mmds(self, data: Json) -> None:
        """PUT /mmds."""
        self.request("PUT", "/mmds", data)

    def put_action(self, action_type: Literal["InstanceStart", "FlushMetrics", "SendCtrlAltDel"]) -> None:
        """PUT /actions."""
        self.request("PUT", "/actions", {"action_type": action_type}, slow=True)

    def patch_vm(self, state: Literal["Paused", "Resumed"]) -> None:
        """PATCH /vm."""
        self.request("PATCH", "/vm", {"state": state})

    def create_snapshot(
        self, *, snapshot_path: str, mem_file_path: str, snapshot_type: Literal["Full", "Diff"] = "Full"
    ) -> None:
        """PUT /snapshot/create."""
        body = {
            "snapshot_path": snapshot_path,
            "mem_file_path": mem_file_path,
            "snapshot_type": snapshot_type,
        }
        self.request("PUT", "/snapshot/create", body, slow=True)

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
        body: dict[str, Any] = {
            "snapshot_path": snapshot_path,
            "mem_backend": {"backend_type": "File", "backend_path": mem_file_path},
            "resume_vm": resume_vm,
            **rest,
        }
        if network_overrides:
            body["network_overrides"] = network_overrides
        self.request("PUT", "/snapshot/load", body, slow=True)


def fault(text: str) -> str:
    """The fault_message of an error body; HTTP-level errors are not valid JSON, and come as they are."""
    try:
        body = read_json(text, whose="a fault", raw=True)  # their text holds a raw newline
    except UnreadableError:
        return text.strip()
    if not isinstance(body, dict):
        return text.strip()
    return str(body.get("fault_message") or body.get("error") or text).strip()


def _refused(call: str, words: str, answer: httpx.Response) -> ApiError:
    """First what Firecracker said, cause first; what we asked of it comes last."""
    said, status = refusal(fault(answer.text)), answer.status_code
    lines = [f"Firecracker: {said.first}", f"it answered {status} to {call}: {said.whole}", f"asked: {words}"]
    return ApiError("\n  ".join(lines), status=status, hint=said.mend)


def _table(answer: Any) -> dict[str, Any]:
    if not isinstance(answer, dict):
        raise ApiError(f"Firecracker answered no JSON object: {answer!r:.200}")
    return answer
