"""What ails the controller: an answer of any kind is no silence, and a look that failed tells nothing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from harness.causes.controller import controller_diagnosed
from harness.clocks import Offset
from harness.host.facts import HostFacts
from harness.site.profile import Site

IDENTITY = {"uid": 0, "hostname": "h", "kernel": "6.1", "python": "3.11", "monotonic": 9000.0}
UNIT = {"NRestarts": 0, "ActiveEnterTimestampMonotonic": 1, "ActiveState": "active"}


def api(status: int | None, error: str = "") -> dict[str, Any]:
    return {"ok": {"status": status, "body": "", "error": error, "seconds": 0.1}}


@pytest.mark.parametrize(
    ("answer", "hangs"),
    [
        (api(200), False),
        (api(None, "timed out"), True),
        (api(503), False),
        (api(404, "of a body that broke off"), False),
        ({"error": "no such program"}, False),
    ],
    ids=["well", "silent", "busy", "elsewhere", "not asked"],
)
def test_only_one_that_does_not_answer_hangs(answer: Mapping[str, Any], hangs: bool) -> None:
    """What else it answers may be said in the midst of sessions that live: no restart is told."""
    parts = {"identity": {"ok": IDENTITY}, "unit": {"ok": UNIT}, "api": answer}
    found = controller_diagnosed(HostFacts(parts, Offset(0, 0), 0.0), Site.model_validate({"name": "x"}))
    assert (found.cause is not None) is hangs
    assert ("restart" in found.text) is hangs
