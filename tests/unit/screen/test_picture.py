"""A picture: what is seen of it, and how it is told from another."""

from __future__ import annotations

import pytest

from harness.screen.picture import Screen, from_rgba, hex_colour, parse_colour

TEAL = (0x11, 0x88, 0x99)
WHITE = (0xFF, 0xFF, 0xFF)


def screen(*colours: tuple[int, int, int], unused: int = 0) -> Screen:
    """A picture one pixel high."""
    return Screen(len(colours), 1, b"".join(bytes((b, g, r, unused)) for r, g, b in colours))


def test_a_screen_knows_its_colours() -> None:
    blue, other_blue, white = b"\x89\x4e\x1d\x00", b"\x89\x4e\x1d\xff", b"\xff\xff\xff\x00"
    picture = Screen(2, 2, other_blue * 2 + blue + white)
    assert picture.share((0x1D, 0x4E, 0x89)) == 0.75
    assert picture.commonest() == ((0x1D, 0x4E, 0x89), 0.75)
    assert picture.png().startswith(b"\x89PNG")
    assert str(picture) == "2x2, 75 % #1d4e89, 25 % #ffffff, 2 colours"


def test_a_compressed_colour_is_known_within_its_tolerance() -> None:
    picture = screen((0x1F, 0x4C, 0x89), WHITE)
    assert picture.share((0x1D, 0x4E, 0x89)) == 0
    assert picture.share((0x1D, 0x4E, 0x89), off_by=2) == 0.5


def test_pictures_are_compared_by_what_is_seen_of_them() -> None:
    before = screen(TEAL, TEAL, TEAL, WHITE)
    assert before.changed(screen(TEAL, TEAL, TEAL, WHITE, unused=7)) == 0
    assert before.changed(screen(TEAL, WHITE, TEAL, WHITE)) == 0.25
    assert before.changed(screen(TEAL)) == 1


def test_a_canvas_is_a_picture_too() -> None:
    assert from_rgba(1, 1, bytes((*TEAL, 255))).share(TEAL) == 1


def test_colours_are_written_as_in_a_style_sheet() -> None:
    assert hex_colour(parse_colour("#118899")) == "#118899"
    with pytest.raises(ValueError, match="unpack"):
        parse_colour("#1188")
