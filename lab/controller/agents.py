"""The agents in the VMs: one request, one answer, no policy."""

from __future__ import annotations

import asyncio
import json
import os
from typing import Any
from uuid import UUID

import aiohttp

from lab.controller.settings import Settings
from lab.controller.vm import Vm


class AgentError(Exception):
    """An agent did not do what it was asked; ``status`` is its answer's, or None where it gave none."""

    def __init__(self, message: str, status: int | None = None) -> None:
        super().__init__(message)
        self.status = status


class Agents:
    """The agent of any VM, over connections of our own; a context manager."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        # A connection is never kept: the next VM at that address is another one.
        self._client = aiohttp.ClientSession(connector=aiohttp.TCPConnector(force_close=True))

    async def __aenter__(self) -> Agents:
        return self

    async def __aexit__(self, *_exc: object) -> None:
        await self._client.close()

    async def start_login(self, machine: Vm, provider: str, session_id: UUID) -> str:
        """Have the provider's login started; the address that its user must open."""
        body = {"sessionId": str(session_id)}
        timeout_s = self._settings.login_start_s
        answer = await self._ask(machine, "POST", f"/auth/{provider}", timeout_s=timeout_s, json=body)
        url = answer.get("oauthUrl")
        if not isinstance(url, str) or not url:
            raise AgentError("the agent's answer has no oauthUrl")
        return url

    async def oauth_url(self, machine: Vm, session_id: UUID) -> dict[str, Any]:
        """The address of the login that is under way."""
        return await self._ask(machine, "GET", "/oauth-url", params={"sessionId": str(session_id)})

    async def credentials_status(self, machine: Vm, session_id: UUID) -> dict[str, Any]:
        """Whether the login is complete, or why it failed."""
        return await self._ask(machine, "GET", "/credentials/status", params={"sessionId": str(session_id)})

    async def open_url(self, machine: Vm, url: str) -> dict[str, Any]:
        """Show a page in the VM's browser."""
        return await self._ask(machine, "POST", "/open-url", json={"url": url})

    async def _ask(
        self, machine: Vm, method: str, path: str, *, timeout_s: float | None = None, **content: Any
    ) -> dict[str, Any]:
        """One request.

        :raises AgentError: anything but a JSON object with status 200, or no VM any more.
        """
        asked = asyncio.create_task(self._request(machine, method, path, timeout_s=timeout_s, **content))
        gone = asyncio.create_task(machine.gone.wait())
        try:
            # One that is destroyed meanwhile would never answer, and never close the connection either.
            await asyncio.wait((asked, gone), return_when=asyncio.FIRST_COMPLETED)
            if not asked.done():
                raise AgentError("the VM is being destroyed")
            return asked.result()
        finally:
            for task in (asked, gone):
                task.cancel()
            await asyncio.gather(asked, gone, return_exceptions=True)

    async def _request(
        self, machine: Vm, method: str, path: str, *, timeout_s: float | None, **content: Any
    ) -> dict[str, Any]:
        url = f"http://{machine.address}:{self._settings.agent_port}{path}"
        timeout = aiohttp.ClientTimeout(total=timeout_s or self._settings.agent_request_s)
        try:
            async with self._client.request(method, url, timeout=timeout, **content) as answer:
                return _read(answer.status, await answer.text())
        except TimeoutError as error:
            raise AgentError(f"the agent did not answer within {timeout.total:g} s") from error
        except (aiohttp.ClientError, UnicodeDecodeError) as error:
            number = error.errno if isinstance(error, OSError) else None
            why = os.strerror(number) if number else type(error).__name__
            raise AgentError(f"the agent cannot be reached ({why})") from error


def _read(status: int, text: str) -> dict[str, Any]:
    try:
        body = json.loads(text)
    except ValueError:
        body = None
    if not isinstance(body, dict):
        raise AgentError(f"the agent answered {status} and no JSON object", status)
    if status != 200:
        raise AgentError(str(body.get("error") or f"the agent answered {status}")[:500], status)
    return body
