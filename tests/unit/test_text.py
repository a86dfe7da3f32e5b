"""Bytes of a site come in whole, and go out as text that no terminal takes for an instruction."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.text import beginning, decoded, encoded, ending, one_line, plain


@given(st.binary())
def test_bytes_come_back_as_they_were(raw: bytes) -> None:
    assert encoded(decoded(raw)) == raw


@given(st.text(st.characters()))
def test_plain_text_is_utf8_and_moves_nothing(text: str) -> None:
    told = plain(text)
    told.encode()
    assert all(
        character.isprintable() or character in "\n\t\u3000 " or character.isspace() for character in told
    )
    assert plain(told) == told


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("vm-\udcff", r"vm-\udcff"),
        ("\x1b]52;c;aGk=\x07", r"\x1b]52;c;aGk=\x07"),
        ("\x9b2J", r"\x9b2J"),
        ("a\u202egpj.exe", r"a\u202egpj.exe"),
        ("zero\u200bwidth\ufeff", r"zero\u200bwidth\ufeff"),
        ("one\r\ntwo\tthree", "one\\x0d\ntwo\tthree"),
        ("Größe 日本 🙂", "Größe 日本 🙂"),
        ("\U000e0041", r"\U000e0041"),
    ],
)
def test_what_cannot_be_seen_is_written_out(text: str, told: str) -> None:
    assert plain(text) == told


def test_a_line_stays_a_line() -> None:
    assert one_line("a\nb\tc") == r"a\nb\tc"


def test_a_surrogate_that_stands_for_no_byte_has_bytes_too() -> None:
    assert encoded("\ud800") == rb"\ud800"


def test_a_text_cut_short_shows_that_it_is() -> None:
    assert beginning("abcdef", 6) == ending("abcdef", 6) == "abcdef"
    assert beginning("abcdefg", 6) == "abcdef…"
    assert ending("abcdefg", 6) == "…bcdefg"
