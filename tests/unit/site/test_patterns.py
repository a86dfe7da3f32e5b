"""Patterns of a profile: linear on whatever text a site has, and refused where they tell nothing apart."""

from __future__ import annotations

import time

import pytest

from harness.host.error_lines import errors_among
from harness.host.journal import markers_in
from harness.host.parts import Line
from harness.site.patterns import LARGEST, LONGEST, all_found, fault_of, is_found, is_wholly
from harness.site.profile import ControllerSection, StateSection

BACKTRACKING = ["(a+)+$", "(a|a)*$", "(a|aa)+$", "(.*a){20}", "(x+x+)+y", "([a-zA-Z]+)*$", "(?:a?){50}a{50}$"]
LINE = "a" * 50_000 + "!"

REFUSED = {
    "nothing": ("", "any text"),
    "everything": (".*", "any text"),
    "anything": (".+", "any text"),
    "any word": (r"\w+", "any text"),
    "unbalanced": ("(", "missing )"),
    "5,000 parentheses": ("(" * 5000, f"at most {LONGEST} characters"),
    "5,000 pairs of them": ("(" * 5000 + "a" + ")" * 5000, f"at most {LONGEST} characters"),
    "repeated too often": ("x{1001}", "invalid repetition size"),
    "repeated within itself": ("(x{1000}){1000}", "invalid repetition size"),
    "too large a program": (r"(\pL{40}\pN{40})z", f"at most {LARGEST} are taken"),
    "looking ahead": ("a(?=b)", "invalid perl operator"),
    "looking behind": ("(?<=a)b", "invalid"),
    "a reference back": (r"(a)\1z", "invalid escape sequence"),
    "an escape inside of what RE2 says": ("[\x1b", "missing ]"),
}


@pytest.mark.parametrize("pattern", BACKTRACKING)
def test_no_pattern_backtracks(pattern: str) -> None:
    """Each of these takes Python's own ``re`` longer than anybody would wait; all of what asks is tried."""
    assert fault_of(f"{pattern}z") == ""
    controller = ControllerSection.model_construct(error_pattern=pattern, ignore_errors=(pattern,))
    began = time.process_time()
    is_found(pattern, LINE)
    all_found(pattern, LINE[:2000])
    errors_among([(1.0, LINE[:16_384])] * 4, controller)
    markers_in([Line(1.0, LINE)], [pattern])
    assert time.process_time() - began < 30


@pytest.mark.parametrize(("pattern", "why"), REFUSED.values(), ids=REFUSED.keys())
def test_a_pattern_that_cannot_be_used_says_why(pattern: str, why: str) -> None:
    """In one line, without anything that a terminal would heed."""
    fault = fault_of(pattern)
    assert fault.isprintable()
    assert why in fault


def test_a_pattern_finds_what_it_matches() -> None:
    """From left to right, also between bytes that are no text."""
    pattern = str(StateSection().vm_id_pattern)
    one, other = (f"vm-{number:08x}-0000-4000-8000-000000000000" for number in (1, 2))
    assert all_found(pattern, f"--id {one} /run/\udcff{other}.sock") == [one, other]
    assert is_found("é.x", "caf\u00e9\u202ex")
    assert not is_found("^.$", "\udcff")


@pytest.mark.parametrize(
    ("pattern", "text", "matches"),
    [
        (r"vm-\pN+", "vm-12", True),
        ("vm-[[:xdigit:]]{8}", "vm-0123abcd", True),
        ("vm-[0-9]", "vm-12", False),
        ("vm-(?:[0-9a-f]+-?)+", f"vm-{'a' * 40}_", False),
    ],
)
def test_all_of_a_text_is_matched(pattern: str, text: str, matches: bool) -> None:
    assert is_wholly(pattern, text) is matches
