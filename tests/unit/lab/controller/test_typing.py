"""The field to type in where there is no keyboard but the one on the screen: the VM gets what was typed."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from playwright.async_api import CDPSession

from harness.window.chromium import Chromium
from tests.unit.lab.controller.pages import Pages, opened

BACKSPACE, ENTER = 0xFF08, 0xFF0D


def keys(*typed: str | int) -> list[int]:
    """The keysyms of texts and keys."""
    return [key for each in typed for key in ([each] if isinstance(each, int) else map(ord, each))]


@pytest.fixture
async def pages(browser: Chromium, tmp_path: Path) -> AsyncIterator[Pages]:
    """A window's page on a device with a touch screen, about to be typed into."""
    async with opened(browser, tmp_path, is_mobile=True, has_touch=True) as pages:
        await pages.open("/api/auth/session/1/novnc")
        await pages.do(lambda: pages.page.locator("#typing").tap())
        yield pages


@pytest.fixture
async def keyboard(pages: Pages) -> CDPSession:
    """What a keyboard that composes words speaks to."""
    return await pages.do(lambda: pages.page.context.new_cdp_session(pages.page))


async def compose(pages: Pages, keyboard: CDPSession, *steps: str) -> None:
    """A word, as it is shown after each touch; the last is what it is in the end."""

    async def touch() -> None:
        for text in steps[:-1]:
            cursor = {"selectionStart": len(text), "selectionEnd": len(text)}
            await keyboard.send("Input.imeSetComposition", {"text": text, **cursor})
        await keyboard.send("Input.insertText", {"text": steps[-1]})

    await pages.do(touch)


async def seen(pages: Pages) -> tuple[list[int], str]:
    """The keys that reached the VM, and what is left in the field."""
    typed, left = await pages.evaluate("[keys, document.getElementById('typing').value]")
    return typed, left


COMPOSED = {
    "letter by letter": (["h", "he", "hey", "hey"], keys("hey")),
    "with its space": (["h", "he", "he "], keys("he ")),
    "corrected in the end": (["t", "te", "teh", "the"], keys("teh", BACKSPACE, BACKSPACE, "he")),
    "with a letter taken back": (["a", "ab", "a", "ac", "ac"], keys("ab", BACKSPACE, "c")),
    "in another script": (["n", "ni", "你"], keys("ni", BACKSPACE, BACKSPACE, "你")),
    "one sign of two halves": (["😀", "😁"], keys("😀", BACKSPACE, "😁")),
    "given up": (["a", "ab", "", ""], keys("ab", BACKSPACE, BACKSPACE)),
}


@pytest.mark.parametrize(("steps", "expected"), COMPOSED.values(), ids=COMPOSED.keys())
async def test_of_a_word_that_is_composed_only_the_difference_is_typed(
    pages: Pages, keyboard: CDPSession, steps: list[str], expected: list[int]
) -> None:
    """At once, so that a click into the VM's screen comes after it; and nothing stays in the field."""
    await compose(pages, keyboard, *steps)
    assert await seen(pages) == (expected, "")


async def test_words_and_keys_do_not_get_in_each_others_way(pages: Pages, keyboard: CDPSession) -> None:
    """Each is typed once, in order."""
    await compose(pages, keyboard, "a", "ab", "ab")
    await pages.do(lambda: pages.page.keyboard.type("c "))
    await pages.do(lambda: pages.page.keyboard.press("Backspace"))
    await compose(pages, keyboard, "a", "ad", "ad")
    await pages.do(lambda: pages.page.keyboard.press("Enter"))
    assert await seen(pages) == (keys("abc ", BACKSPACE, "ad", ENTER), "")
