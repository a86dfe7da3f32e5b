"""A VM's Firecracker API: one request, one answer, no policy."""

from __future__ import annotations

from pathlib import Path

import aiohttp

TIMEOUT = aiohttp.ClientTimeout(total=30)


class FirecrackerError(Exception):
    """The API answered with a fault, or not at all."""


class Firecracker:
    """The API behind one socket; a context manager that owns its connections."""

    def __init__(self, socket: Path) -> None:
        self._session = aiohttp.ClientSession(
            "http://localhost", connector=aiohttp.UnixConnector(str(socket)), timeout=TIMEOUT
        )

    async def __aenter__(self) -> Firecracker:
        return self

    async def __aexit__(self, *_exc: object) -> None:
        await self._session.close()

    async def request(self, method: str, path: str, body: object) -> None:
        """Send one request that changes something.

        :raises FirecrackerError: any answer but 200 and 204.
        """
        try:
            async with self._session.request(method, path, json=body) as answer:
                if answer.status not in (200, 204):
                    raise FirecrackerError(f"{method} {path}: {answer.status} {(await answer.text())[:500]}")
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise FirecrackerError(f"{method} {path}: {type(error).__name__} {error}") from error

    async def load_snapshot(self, *, vmstate: Path, memory: Path, iface_id: str, tap: str) -> None:
        """Load and stay paused."""
        body = {
            "snapshot_path": str(vmstate),
            "mem_backend": {"backend_type": "File", "backend_path": str(memory)},
            "resume_vm": False,
            "network_overrides": [{"iface_id": iface_id, "host_dev_name": tap}],
        }
        await self.request("PUT", "/snapshot/load", body)

    async def replace_drive(self, drive_id: str, file: Path) -> None:
        """Give a drive another file."""
        await self.request("PATCH", f"/drives/{drive_id}", {"drive_id": drive_id, "path_on_host": str(file)})

    async def put_metadata(self, content: dict[str, object]) -> None:
        """What the guest may read from its metadata service."""
        await self.request("PUT", "/mmds", content)

    async def resume(self) -> None:
        """Let the guest run."""
        await self.request("PATCH", "/vm", {"state": "Resumed"})
