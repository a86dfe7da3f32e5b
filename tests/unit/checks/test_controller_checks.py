"""The check of the controller's logs as it is, on hosts that are made up: silence is not always golden."""

from __future__ import annotations

import json
from typing import Any

import httpcore  # noqa: F401 - httpx keeps the one that it met first: no small suite is to bring its own
import pytest

from tests.unit.peers.small_suite import ROOT, Ended, Suite

pytest_plugins = ["pytester"]

CHECK = "host.controller_logs_no_errors"
CONFTEST = """
import json, pytest
from harness.clocks import Offset
from harness.host.facts import HostFacts
from harness.site.own import Own

@pytest.fixture
def host_facts():
    return HostFacts(json.loads({parts!r}), Offset(0, 0), 0.0)

@pytest.fixture
def own_names():
    return lambda: Own(("our-session",), others=("another",))
"""
ERRORS = {"since": 0.0, "limit": 9, "read": 3, "count": 0, "last": [], "ignored": {}}
WELL = {"NRestarts": 0, "ActiveEnterTimestampMonotonic": 0, "ActiveState": "active"}
ENDS = [{"time": 5.0, "how": "exited, status=1", "words": [[4.0, "no such table: vms"]]}]


def bad(*names: str) -> dict[str, Any]:
    return {"count": 1, "last": [{"time": 1.0, "text": "[ERROR]: bad", "names": names}]}


def asked(suite: Suite, *, unit: dict[str, Any] | None = None, **journal: Any) -> Ended:
    """The check, where systemd and the journal say this."""
    parts = {
        "journal": {"ok": {**ERRORS, **journal}},
        "log_file": {"ok": None},
        "unit": {"ok": {**WELL, **(unit or {})}},
        "identity": {"ok": {"uid": 0, "hostname": "x", "kernel": "6", "python": "3", "monotonic": 9.0}},
    }
    folder = suite.root / "tests/host"
    folder.mkdir(parents=True)
    (folder / "test_controller.py").write_text((ROOT / "tests/host/test_controller.py").read_text())
    (folder / "conftest.py").write_text(CONFTEST.format(parts=json.dumps(parts)))
    return suite.run("-k", "logs_no_errors", "-v")


CASES: dict[str, tuple[dict[str, Any], str, str]] = {
    "nothing": ({}, "PASS", ""),
    "an error": (bad("another"), "FAIL", "[ERROR]: bad"),
    "an error of ours": (bad("our-session"), "PASS", "name sessions, VMs or requests of the suite's own"),
    "an error of ours and another's": (bad("our-session", "another"), "FAIL", "[ERROR]: bad"),
    "an error of ours, and of who knows whom": (
        bad("our-session", "who"),
        "NOT PROVEN",
        "see controller.ignore_errors for what means nothing. The last: [ERROR]: bad",
    ),
    "an error, in a log that is not whole": ({**bad(), "gap": {"known_from": 5, "why": "x"}}, "FAIL", "bad"),
    "a log that is not whole": (
        {"gap": {"known_from": 5, "why": "journald suppressed 9 messages before"}},
        "NOT PROVEN",
        "of before 1970-01-01 00:00:05 UTC: journald suppressed 9",
    ),
    "a crash loop": ({"unit": {"NRestarts": 7}, "exits": ENDS}, "NOT PROVEN", "no such table: vms"),
    "a zone that is not named": ({"zone": "IST (UTC+0530)"}, "PASS", "taken as the host's own, IST"),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
def test_only_logs_that_could_have_told_prove_anything(
    suite: Suite, case: tuple[dict[str, Any], str, str]
) -> None:
    seen, outcome, told = case
    ended = asked(suite, **seen)
    assert ended.outcome(CHECK) == outcome
    assert told in " ".join(ended.output.split())
