"""What the controller's logs prove: errors in one, whatever became of the other; by being silent, nothing."""

from __future__ import annotations

from typing import Any

import pytest

from harness.clocks import Offset
from harness.errors import TransportError
from harness.host.controller_logs import ControllerLogs, controller_logs
from harness.host.facts import HostFacts
from harness.site.profile import Site

SITE = Site.model_validate({"name": "x", "controller": {"log_file": "/var/log/controller.log"}})
JOURNAL, FILE = "journal of master-controller.service", "/var/log/controller.log"
BAD = [{"time": 1.0, "text": "[ERROR]: bad"}]


def errors(read: int, count: int = 0, **more: Any) -> dict[str, Any]:
    """A part of the probe's answer."""
    last = {"last": BAD if count else [], "ignored": {}, "since": 0.0, "limit": 100}
    return {"ok": {"read": read, "count": count, **last, **more}}


def logs(journal: dict[str, Any], log_file: dict[str, Any]) -> ControllerLogs:
    return controller_logs(HostFacts({"journal": journal, "log_file": log_file}, Offset(0, 0), 0.0), SITE)


def test_both_are_read() -> None:
    found = logs(errors(3), errors(4, 1))
    assert [(where, one.count) for where, one in found.read.items()] == [(JOURNAL, 0), (FILE, 1)]
    found.require()


def test_errors_that_may_be_old_are_no_proof_and_hide_no_error_that_is_not() -> None:
    """The log's lines tell no time: what is in the journal counts all the same."""
    found = logs(errors(3, 1), errors(4, 1, undated=True))
    assert [(where, one.count) for where, one in found.read.items()] == [(JOURNAL, 1)]
    with pytest.raises(TransportError, match=r"controller\.log: 1 of its last 4 lines are errors") as caught:
        found.require()
    assert "bad" in caught.value.message
    assert "controller.log_file" in caught.value.hint


def test_lines_without_a_time_and_without_an_error_hold_none_of_now() -> None:
    logs(errors(3), errors(4, undated=True)).require()


def test_a_log_that_cannot_be_read_hides_no_error_in_the_other() -> None:
    found = logs({"error": "no journal"}, errors(4, 1))
    assert found.read[FILE].count == 1
    with pytest.raises(TransportError, match="no journal"):
        found.require()


def test_logs_without_a_line_prove_nothing() -> None:
    with pytest.raises(TransportError, match="nothing was logged since the controller started"):
        logs(errors(0), {"ok": None}).require()
    logs(errors(0), errors(1)).require()
