"""The rows: every statement that this service sends to the database."""

from __future__ import annotations

from collections.abc import Iterable
from ipaddress import IPv4Address
from typing import Any
from uuid import UUID

import psycopg
from psycopg import AsyncConnection
from psycopg.rows import dict_row
from psycopg_pool import AsyncConnectionPool

LIVE = ("creating", "running", "hibernated", "stopping")
FINISHED = ("completed", "failed", "timeout", "cancelled")

Row = dict[str, Any]


class Rows:
    """The tables ``vms`` and ``auth_sessions``; opened and closed with the service."""

    def __init__(self, url: str) -> None:
        # Behind a pooler the next statement may go to another connection, without what was prepared.
        options = {
            "autocommit": True,
            "row_factory": dict_row,
            "connect_timeout": 5,
            "prepare_threshold": None,
        }
        self._pool = AsyncConnectionPool[Any](
            url,
            min_size=1,
            max_size=8,
            open=False,
            kwargs=options,
            timeout=10,
            check=self._check,
        )

    async def _check(self, connection: AsyncConnection[Any]) -> None:
        """A lost connection is replaced, not handed out; and where one is lost, all that wait may be."""
        try:
            await AsyncConnectionPool.check_connection(connection)
        except psycopg.Error:
            await self._pool.check()
            raise

    async def open(self) -> None:
        """Connect; waits until the first connection is there."""
        await self._pool.open(wait=True, timeout=30)

    async def close(self) -> None:
        """Disconnect."""
        await self._pool.close()

    async def user_exists(self, user_id: UUID) -> bool:
        """Whether there is such a user."""
        return bool(await self._all("SELECT 1 AS one FROM users WHERE user_id = %s", user_id))

    async def users(self) -> list[Row]:
        """Everybody a session may be started for."""
        return await self._all("SELECT user_id, email FROM users ORDER BY email")

    async def live_vms(self) -> list[Row]:
        """Rows that promise a VM."""
        return await self._all("SELECT * FROM vms WHERE status = ANY(%s)", list(LIVE))

    async def live_addresses(self) -> set[IPv4Address]:
        """Addresses that live VMs have."""
        return {IPv4Address(row["ip_address"]) for row in await self.live_vms() if row["ip_address"]}

    async def insert_vm(
        self, vm_id: str, user_id: UUID, *, address: IPv4Address, tap: str, socket: str
    ) -> None:
        """A VM that is being made."""
        await self._do(
            "INSERT INTO vms (vm_id, user_id, vm_type, ip_address, tap_device, status, socket_path)"
            " VALUES (%s, %s, 'browser', %s, %s, 'creating', %s)",
            *(vm_id, user_id, str(address), tap, socket),
        )

    async def vm_started(self, vm_id: str, pid: int, *, vcpus: int, memory_mib: int) -> None:
        """Its process runs."""
        await self._do(
            "UPDATE vms SET firecracker_pid = %s, status = 'running', started_at = now(),"
            " last_heartbeat = now(), vcpu_count = %s, memory_mb = %s WHERE vm_id = %s",
            *(pid, vcpus, memory_mib, vm_id),
        )

    async def vm_stopping(self, vm_id: str) -> None:
        """It is being destroyed."""
        await self._do("UPDATE vms SET status = 'stopping' WHERE vm_id = %s", vm_id)

    async def vm_destroyed(self, vm_id: str) -> None:
        """Nothing of it is left on the host."""
        await self._do(
            "UPDATE vms SET status = 'destroyed', stopped_at = coalesce(stopped_at, now()),"
            " destroyed_at = now() WHERE vm_id = %s",
            vm_id,
        )

    async def heartbeat(self, vm_ids: Iterable[str]) -> None:
        """These VMs were seen alive just now."""
        ids = list(vm_ids)
        await self._do("UPDATE vms SET last_heartbeat = now() WHERE vm_id = ANY(%s)", ids)
        await self._do(
            "UPDATE auth_sessions SET last_heartbeat = now()"
            " WHERE browser_vm_id = ANY(%s) AND NOT status = ANY(%s)",
            *(ids, list(FINISHED)),
        )

    async def insert_session(self, session_id: UUID, user_id: UUID, provider: str, timeout_s: float) -> None:
        """A session that was just asked for."""
        await self._do(
            "INSERT INTO auth_sessions (session_id, user_id, provider, status, timeout_at)"
            " VALUES (%s, %s, %s, 'started', now() + make_interval(secs => %s))",
            *(session_id, user_id, provider, timeout_s),
        )

    async def session_has_vm(self, session_id: UUID, vm_id: str, address: IPv4Address) -> None:
        """The session's VM has a row."""
        await self._do(
            "UPDATE auth_sessions SET status = 'vm_created', browser_vm_id = %s, vm_id = %s, vm_ip = %s"
            " WHERE session_id = %s",
            *(vm_id, vm_id, str(address), session_id),
        )

    async def session_ready(self, session_id: UUID, vnc_url: str) -> None:
        """The VM answers."""
        await self._do(
            "UPDATE auth_sessions SET status = 'ready', vnc_url = %s, last_heartbeat = now()"
            " WHERE session_id = %s",
            *(vnc_url, session_id),
        )

    async def login_started(self, session_id: UUID, auth_url: str) -> None:
        """Its login waits for the user at this address."""
        await self._do(
            "UPDATE auth_sessions SET status = 'awaiting_user_auth', auth_url = %s"
            " WHERE session_id = %s AND NOT status = ANY(%s)",
            *(auth_url, session_id, list(FINISHED)),
        )

    async def session_over(self, session_id: UUID, status: str, reason: str | None) -> None:
        """The session ended; one that is over already stays as it is."""
        await self._do(
            "UPDATE auth_sessions SET status = %s, error_message = %s, completed_at = now()"
            " WHERE session_id = %s AND NOT status = ANY(%s)",
            *(status, reason, session_id, list(FINISHED)),
        )

    async def session(self, session_id: UUID) -> Row | None:
        """One session."""
        found = await self._all("SELECT * FROM auth_sessions WHERE session_id = %s", session_id)
        return found[0] if found else None

    async def newest_sessions(self, limit: int) -> list[Row]:
        """The sessions that began last, newest first, each with its user's address."""
        return await self._all(
            "SELECT s.*, u.email FROM auth_sessions s LEFT JOIN users u USING (user_id)"
            " ORDER BY s.started_at DESC, s.session_id LIMIT %s",
            limit,
        )

    async def sessions_on(self, vm_ids: Iterable[str]) -> list[Row]:
        """Every session that one of these VMs was made for, over or not."""
        return await self._all("SELECT * FROM auth_sessions WHERE browser_vm_id = ANY(%s)", list(vm_ids))

    async def unfinished_sessions(self) -> list[Row]:
        """Sessions that are not over; whether their time is up, and whether a live row promises their VM."""
        return await self._all(
            "SELECT s.*, coalesce(s.timeout_at < now(), false) AS overdue,"
            " coalesce(v.status = ANY(%s), false) AS vm_is_live"
            " FROM auth_sessions s LEFT JOIN vms v ON v.vm_id = s.browser_vm_id WHERE NOT s.status = ANY(%s)",
            *(list(LIVE), list(FINISHED)),
        )

    async def _do(self, statement: str, *values: object) -> None:
        async with self._pool.connection() as connection:
            await connection.execute(statement, values)

    async def _all(self, statement: str, *values: object) -> list[Row]:
        async with self._pool.connection() as connection:
            return list(await (await connection.execute(statement, values)).fetchall())
