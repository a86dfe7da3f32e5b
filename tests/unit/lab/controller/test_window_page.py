"""A window's page that lost its connection: it connects again for as long as its session goes on."""

from __future__ import annotations

import pytest
from aiohttp import web

from tests.unit.lab.controller.pages import IMPATIENT_MS, Answer, Pages, hang_up, never, says

SESSION = "/api/auth/session/1"
_LOSE = """
const status = document.getElementById('status');
window.said = [];
new MutationObserver(() => said.push(status.textContent)).observe(status, { childList: true });
connections[0].dispatchEvent(new Event('disconnect'));
"""


def in_state(status: str) -> Answer:
    """What the API says of a session in that state."""
    return says({"session": {"status": status, "error_message": "no room"}})


async def lose_connection(pages: Pages, answer: Answer) -> None:
    """It is lost, and this is what the API answers to the question why."""
    pages.api[SESSION] = answer
    await pages.open(f"{SESSION}/novnc")
    if answer is never:
        await pages.waits(IMPATIENT_MS)
    await pages.evaluate(_LOSE)


async def by_somebody_else(_request: web.Request) -> web.StreamResponse:
    """As of a proxy that has no controller behind it."""
    return web.Response(text="<html>", status=502)


NOT_OVER = {
    "it goes on": (in_state("ready"), "Disconnected"),
    "the database is away": (
        says({"error": "the database does not answer"}, status=500),
        "the database does not answer",
    ),
    "the controller hangs": (never, "The controller does not answer"),
    "the controller is away": (hang_up, "The controller does not answer"),
    "somebody else answers": (by_somebody_else, "The controller answered 502"),
}


@pytest.mark.parametrize(("answer", "said"), NOT_OVER.values(), ids=NOT_OVER.keys())
async def test_it_connects_again_unless_the_session_is_over(pages: Pages, answer: Answer, said: str) -> None:
    """What cannot be known for now is known later."""
    await lose_connection(pages, answer)
    await pages.do(pages.page.locator("body[data-connections='2']").wait_for)
    assert any(said in text for text in await pages.evaluate("window.said"))


OVER = {
    "there is none": (says({"error": "no such session"}, status=404), "no such session"),
    "it failed": (in_state("failed"), "The session failed: no room"),
    "it was cancelled": (in_state("cancelled"), "The session was cancelled."),
}


@pytest.mark.parametrize(("answer", "said"), OVER.values(), ids=OVER.keys())
async def test_it_says_how_the_session_ended(pages: Pages, answer: Answer, said: str) -> None:
    """And leaves it at that."""
    await lose_connection(pages, answer)
    await pages.sees("#status", said)
    await pages.a_minute_passes()
    assert await pages.evaluate("connections.length") == 1
