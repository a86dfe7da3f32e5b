"""The dashboard when all is not well: what it says is what is known."""

from __future__ import annotations

import asyncio
from typing import Any
from uuid import uuid4

import pytest
from aiohttp import web

from tests.unit.lab.controller.conftest import USER
from tests.unit.lab.controller.pages import IMPATIENT_MS, PATIENT_MS, Pages, hang_up, never, says

LIST, CHOICES, START = "/api/auth/sessions", "/api/auth/choices", "/api/auth/start"
CODEX = "button[aria-label='Start a Codex session']"


def session(status: str = "ready") -> dict[str, Any]:
    """A session as the API has it."""
    return {
        "session_id": str(uuid4()),
        "user_id": str(USER),
        "email": "a@example.com",
        "provider": "codex",
        "status": status,
        "started_at": "2026-01-01T00:00:00+00:00",
        "vnc_url": "/novnc",
        "error_message": None,
    }


@pytest.fixture
async def dashboard(pages: Pages) -> Pages:
    """The page, about to be opened while all is well."""
    pages.api = {
        LIST: says({"sessions": []}),
        CHOICES: says({"users": [{"user_id": str(USER), "email": "a@example.com"}], "providers": ["codex"]}),
    }
    return pages


async def start(pages: Pages) -> None:
    """Ask for a session."""
    await pages.do(lambda: pages.page.locator(CODEX).click())


async def test_a_controller_that_hangs_is_said_not_to_answer(dashboard: Pages) -> None:
    """Nobody waits at a page that says nothing."""
    dashboard.api[LIST] = dashboard.api[CHOICES] = never
    await dashboard.waits(IMPATIENT_MS)
    await dashboard.open("/")
    await dashboard.sees("#health", "The controller does not answer")


async def test_that_there_are_no_sessions_is_said_only_when_it_is_known(dashboard: Pages) -> None:
    """A list that could not be had is not an empty one."""
    dashboard.api[LIST] = says({"error": "the database does not answer"}, status=500)
    await dashboard.open("/")
    await dashboard.sees("#health", "the database does not answer")
    await dashboard.sees(CODEX, "Codex")
    assert not await dashboard.do(dashboard.page.locator("#none").is_visible)
    dashboard.api[LIST] = says({"sessions": []})
    await dashboard.sees("#none", "None yet")


async def test_a_launch_may_take_its_time(dashboard: Pages) -> None:
    """It takes longer than any other answer, and is waited for."""
    made, asked, ready = session(), asyncio.Event(), asyncio.Event()

    async def launch(_request: web.Request) -> web.StreamResponse:
        asked.set()
        await ready.wait()
        return web.json_response({"sessionId": made["session_id"]})

    dashboard.api[START] = launch
    await dashboard.open("/")
    await dashboard.waits(IMPATIENT_MS)
    await start(dashboard)
    await asyncio.wait_for(asked.wait(), 60)
    dashboard.api[LIST] = never
    await dashboard.sees("#health", "The controller does not answer")
    await dashboard.waits(PATIENT_MS)
    dashboard.api[LIST] = says({"sessions": [made]})
    ready.set()
    await dashboard.sees("#window-title", "Codex for a@example.com")
    assert not await dashboard.do(dashboard.page.locator("#problem").is_visible)


async def test_a_launch_whose_answer_is_lost_may_have_been_one(dashboard: Pages) -> None:
    """Whoever believes that there was none starts another."""
    dashboard.api[START] = hang_up
    await dashboard.open("/")
    await start(dashboard)
    await dashboard.sees("#problem", "not known whether a session was started")
    await dashboard.sees("#problem", "the list will show it")


async def test_a_launch_that_was_refused_is_none(dashboard: Pages) -> None:
    """In the controller's own words."""
    dashboard.api[START] = says({"error": "all 253 addresses are taken"}, status=500)
    await dashboard.open("/")
    await start(dashboard)
    await dashboard.sees("#problem", "No session was started: all 253 addresses are taken")


async def test_a_cancel_whose_answer_is_lost_may_have_been_one(dashboard: Pages) -> None:
    """As with a launch."""
    there = session()
    dashboard.api[LIST] = says({"sessions": [there]})
    dashboard.api[f"/api/auth/session/{there['session_id']}/cancel"] = hang_up
    await dashboard.open("/")
    await dashboard.do(lambda: dashboard.page.get_by_role("button", name="Cancel").click())
    await dashboard.sees("#problem", "not known whether the session was cancelled")
