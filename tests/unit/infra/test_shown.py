"""What systemctl shows is read as one pattern would, but the end of each command is not sought anew."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.guest.unit_file import parse_commands
from harness.infra.shown import shown
from tests.unit.peers.costs import LINEAR, growth

PROPERTY = re.compile(r"^([A-Za-z0-9]+)=(\{ path=(?s:.*?) ; status=.* \}|.*)$\n?", re.MULTILINE)
COMMAND = re.compile(r"argv\[\]=(.*?) ; ignore_errors=", re.DOTALL)
BEGINNINGS = ["A={ path=", "A={ path=x\n", "A={ path= ; status=", "\nA={ path=", "A=x{ path=\n"]
ENDS = [" ; status= }", " ; status=0 }\n", " ; status= }x\n", " ; status=\n }\n", "status= }\n", " }\n"]
OTHERS = ["\n", "\n\n", "A=\n", "Bc=", "=", " ", "x", "x\n", "}", "\u2028", "\r", "é=\n"]
PIECES = [*BEGINNINGS, *ENDS, *OTHERS]
TEXTS = st.lists(st.sampled_from(PIECES), max_size=25).map("".join)


@given(TEXTS)
def test_it_is_read_as_the_pattern_says(text: str) -> None:
    read = [(one.name, one.value, one.at) for one in shown(text) if one.name]
    assert read == [(found[1], found[2], found.start()) for found in PROPERTY.finditer(text)]


@given(TEXTS)
def test_it_is_seen_whether_all_of_it_is_properties(text: str) -> None:
    assert all(one.name for one in shown(text)) is (PROPERTY.sub("", text) == "")


COMMANDS = ["argv[]=", " ; ignore_errors=", "x", " ", "\n", "argv[]", "="]


@given(st.lists(st.sampled_from(COMMANDS), max_size=25).map("".join))
def test_commands_are_found_as_the_pattern_says(text: str) -> None:
    assert parse_commands(text) == [found.strip() for found in COMMAND.findall(text)]


HOSTILE = {
    "commands without an end": "A={ path=\n",
    "ends of a command that are none": "A={ path= ; status=\n",
    "one line of ends": " ; status=",
    "lines of one property": "A=\n",
    "no property": "x\n",
    "blank lines": "\n",
    "names": "A",
    "commands": "A={ path=/x ; status=0/0 }\n",
}


@pytest.mark.parametrize("piece", HOSTILE.values(), ids=HOSTILE)
def test_reading_costs_no_more_than_the_text_is_long(piece: str) -> None:
    assert growth(lambda text: shown(f"A={{ path={text}"), piece, size=8_000) < LINEAR
    assert growth(shown, piece, size=8_000) < LINEAR


@pytest.mark.parametrize("piece", ["argv[]=", "argv[]= ; ignore_errors=", " ; ignore_errors=", "argv[]=\n "])
def test_finding_commands_costs_no_more_than_the_text_is_long(piece: str) -> None:
    assert growth(parse_commands, piece, size=8_000) < LINEAR
