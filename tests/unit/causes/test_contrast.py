# ruff: noqa: E501 -- a table reads best with its lines unbroken
"""A session's VM held against a clone of our own: whose trouble it is."""

from __future__ import annotations

from dataclasses import replace

import pytest

from harness.causes.cause import Diagnosis, Found
from harness.causes.contrast import contrast, rewritten
from harness.causes.facts import Inside
from harness.causes.table import CAUSES

NAMED = {cause.name: cause for cause in CAUSES}
OURS = Inside({}, unit_file="[Service]\nRestart=always\nRestartSec=5\n", entry="1")


def of(name: str) -> Diagnosis:
    return Diagnosis("it", NAMED.get(name), Found("seen"))


@pytest.mark.parametrize(
    ("own", "theirs", "healthy", "told"),
    [
        (None, "agent.crashes", True, "the snapshot is sound by itself, and what the controller does to it is not"),
        (None, "snapshot.memory_missing", True, "the VMM that the controller started does not have them so"),
        ("snapshot.memory_missing", "snapshot.memory_missing", False, "sick of the same: mend the snapshot"),
        (None, "", True, "in a network of its own, is healthy"),
        (None, "network.tap_down", True, "in a network of its own, is healthy"),
        ("agent.crashes", "agent.crashes", False, "sick of the same: mend the snapshot"),
        ("agent.stopped", "network.tap_down", False, "is sick, too: agent.stopped"),
        ("", "network.tap_down", False, "is sick, too: for no cause that is known"),
    ],
)  # fmt: skip
def test_it_says_whose_the_trouble_is(own: str | None, theirs: str, healthy: bool, told: str) -> None:
    said = contrast(None if own is None else of(own), of(theirs), is_healthy=healthy)
    assert told in said
    assert ("sound by itself" in said) is (theirs == "agent.crashes" and healthy)


def test_without_a_clone_there_is_nothing_to_say() -> None:
    assert contrast(None, of("agent.crashes"), is_healthy=False) == ""


def test_what_was_rewritten_is_shown() -> None:
    theirs = replace(OURS, unit_file=OURS.unit_file.replace("always", "no"), entry="2")
    told = rewritten(OURS, theirs, unit_file="/u", entry="/e")
    assert told.split("\n") == [
        "it rewrote /u:",
        "  @@ -2 +2 @@",
        "  -Restart=always",
        "  +Restart=no",
        "it rewrote /e: another digest",
    ]
    assert rewritten(OURS, OURS, unit_file="/u", entry="/e") == ""
    assert rewritten(None, theirs, unit_file="/u", entry="/e") == ""
