"""Waiting for the agent in a new VM."""

from __future__ import annotations

import asyncio
import errno
import time

import aiohttp

from lab.controller import journal, process
from lab.controller.settings import Settings
from lab.controller.vm import Vm


class NotHealthyError(Exception):
    """The agent did not answer in time, or its VM ended."""


async def wait_ready(settings: Settings, vm: Vm) -> None:
    """Ask the agent's ``/health`` until it answers 200.

    :raises NotHealthyError: its time was up, or its process ended.
    """
    started = time.monotonic()
    attempt, code = 0, ""
    async with aiohttp.ClientSession(
        timeout=aiohttp.ClientTimeout(total=settings.health_request_s)
    ) as client:
        while time.monotonic() - started < settings.health_timeout_s:
            attempt, asked = attempt + 1, time.monotonic()
            where = {"vmId": vm.vm_id, "vmIP": str(vm.address), "attempt": attempt}
            journal.info("[WAIT-VM-READY] Attempting health check", **where)
            code = await _ask(client, f"http://{vm.address}:{settings.agent_port}/health")
            if not code:
                journal.info("[WAIT-VM-READY] Health check successful", **where)
                return
            journal.warn("[WAIT-VM-READY] Health check failed", **where, code=code)
            if not vm.alive:
                journal.error("[WAIT-VM-READY] VM process ended", **where, said=process.last_words(vm.folder))
                raise NotHealthyError("VM process ended before the agent was healthy")
            await asyncio.sleep(max(0.0, asked + settings.health_interval_s - time.monotonic()))
    waited = f"{settings.health_timeout_s:g} s"
    journal.error("[WAIT-VM-READY] Health check failed", vmId=vm.vm_id, code=code, attempts=attempt)
    journal.error("[WAIT-VM-READY] Timeout exceeded", vmId=vm.vm_id, waited=waited)
    raise NotHealthyError(f"VM health check timeout after {waited} (last: {code})")


async def _ask(client: aiohttp.ClientSession, url: str) -> str:
    """Nothing for a 200, else the error's code."""
    try:
        async with client.get(url) as answer:
            await answer.read()
            return "" if answer.status == 200 else f"HTTP {answer.status}"
    except TimeoutError:
        return "timeout"
    except aiohttp.ClientOSError as error:
        return errno.errorcode.get(error.errno or 0, type(error).__name__)
    except aiohttp.ClientError as error:
        return type(error).__name__
