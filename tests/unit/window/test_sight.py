"""Looking at a window until it shows what is waited for, on made-up pictures."""

from __future__ import annotations

from collections.abc import Callable
from itertools import chain, cycle, repeat
from typing import cast

import pytest

from harness.errors import BrowserError, SessionError
from harness.screen.picture import Colour, Screen
from harness.session.launch import Session
from harness.window import sight
from harness.window.chromium import keep
from harness.window.sight import look_for_colour, look_for_rest, while_it_goes_on

GREEN, WHITE, BLACK = (20, 83, 45), (255, 255, 255), (0, 0, 0)


@pytest.fixture(autouse=True)
def no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    """Made-up pictures take no processor from anybody."""
    monkeypatch.setattr(sight, "_PICTURE_POLL_S", 0.001)


def picture(*rows: Colour) -> Screen:
    """100 pixels wide, a row a colour."""
    return Screen(100, len(rows), b"".join(bytes((*row[::-1], 0)) * 100 for row in rows))


HALF = picture(GREEN, WHITE, GREEN, GREEN)
WHOLE = picture(GREEN, WHITE, BLACK, GREEN)


def shown(*pictures: Screen | None) -> Callable[[], Screen | None]:
    """One after the other, the last for ever."""
    rest = chain(pictures, repeat(pictures[-1]))
    return lambda: next(rest)


def test_a_page_that_is_drawn_in_parts_is_waited_for() -> None:
    """Also where a part stays alone for some looks."""
    seen = look_for_rest(shown(None, *[HALF] * 5, WHOLE), timeout_s=60)
    assert seen.picture is WHOLE


LETTERS = bytes(400)
CARET = Screen(100, 61, LETTERS + b"\xff\xff\xff\x00" * 5998 + bytes(8))
NO_CARET = Screen(100, 61, LETTERS + b"\xff\xff\xff\x00" * 5999 + bytes(4))


def test_a_caret_that_blinks_is_a_page_at_rest() -> None:
    """A pixel or two of some thousands come and go; a letter that does is a page under way."""
    assert look_for_rest(shown(*[CARET, NO_CARET] * 9), timeout_s=60).took_s < 60
    moving = cycle([HALF, WHOLE])  # a row of four
    assert look_for_rest(lambda: next(moving), timeout_s=0.5).took_s >= 0.5


@pytest.mark.parametrize("off_by", [0, 1, 8])
def test_a_blank_picture_is_no_page_at_rest(off_by: int) -> None:
    """Nothing has been drawn: what was seen is told, and that it took all the time there was.

    Compression makes some colours of one.
    """
    near = (GREEN[0] + off_by, GREEN[1] - off_by, GREEN[2] + off_by)
    seen = look_for_rest(shown(picture(GREEN, near)), timeout_s=0.05)
    assert seen.took_s >= 0.05
    assert seen.picture is not None
    assert seen.picture.is_blank


def test_a_background_alone_is_waited_beyond() -> None:
    """However long it stands, what is drawn on it comes later."""
    background = picture(GREEN, (21, 84, 46), GREEN, GREEN)
    seen = look_for_rest(shown(*[background] * 30, HALF), timeout_s=60)
    assert seen.picture is HALF


def test_a_colour_is_found_once_it_fills_the_picture() -> None:
    """Not where it is only a part."""
    seen = look_for_colour(shown(picture(WHITE, WHITE, WHITE, GREEN), HALF), GREEN, timeout_s=60)
    assert seen.shows(GREEN)
    assert not look_for_colour(shown(HALF), WHITE, timeout_s=0.05).shows(WHITE)


def test_a_window_that_is_lost_says_why() -> None:
    """There is no picture, and the reason is told."""

    def lost() -> Screen:
        raise BrowserError("the tab is gone")

    seen = look_for_colour(lost, GREEN, timeout_s=60)
    assert (seen.picture, seen.error) == (None, "the tab is gone")


def test_a_screenshot_that_fails_keeps_nothing_and_raises_nothing() -> None:
    """It is only evidence."""

    def fails() -> bytes:
        raise BrowserError("no picture")

    kept: dict[str, bytes] = {}
    keep(kept, "first", fails)
    keep(kept, "second", lambda: b"png")
    assert kept == {"second": b"png"}


class Ended:
    """A session that is over after so many looks at it."""

    def __init__(self, looks: int) -> None:
        self._left = looks

    def must_go_on(self) -> None:
        self._left -= 1
        if self._left < 0:
            raise SessionError("session s is over: it is 'failed' (lost)")


def test_nothing_is_waited_for_in_the_window_of_a_session_that_is_over() -> None:
    """Its end is what is told."""
    look = while_it_goes_on(cast("Session", Ended(3)), shown(HALF))
    seen = look_for_colour(look, WHITE, timeout_s=600)
    assert (seen.picture, seen.error) == (None, "session s is over: it is 'failed' (lost)")
    look = while_it_goes_on(cast("Session", Ended(3)), shown(picture(WHITE), HALF))
    assert look_for_colour(look, GREEN, timeout_s=600).shows(GREEN)
