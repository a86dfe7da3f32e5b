"""The check of a second request to cancel, as it is: it is answered as the profile says, and with JSON."""

from __future__ import annotations

import httpcore  # noqa: F401 - httpx keeps the one that it met first: no small suite is to bring its own
import pytest

from tests.unit.peers.small_suite import ROOT, Suite

pytest_plugins = ["pytester"]

CHECK = "session.second_cancel_is_a_json_409"
CONFTEST = """
import httpx, pytest
from types import SimpleNamespace

@pytest.fixture
def ended():
    request = httpx.Request("POST", "http://192.0.2.1:4000/api/auth/session/7/cancel")
    return SimpleNamespace(again={again})
"""
REFUSED = 'httpx.Response({status}, text=\'{{"error": "session is cancelled"}}\', request=request)'
DONE = "httpx.Response({status}, text='{{\"success\": true}}', request=request)"
IN_HTML = "httpx.Response({status}, text='<html>Conflict</html>', request=request)"
NOBODY = "'the controller dropped the connection'"


@pytest.mark.parametrize(
    ("again", "status", "profile", "outcome"),
    [
        (REFUSED, 409, None, "PASS"),
        (DONE, 200, None, "FAIL"),
        (DONE, 409, None, "FAIL"),
        (IN_HTML, 409, None, "FAIL"),
        (REFUSED, 404, None, "FAIL"),
        (NOBODY, 409, None, "FAIL"),
        (DONE, 200, 200, "PASS"),
        (IN_HTML, 200, 200, "FAIL"),
        (REFUSED, 409, 200, "FAIL"),
        (REFUSED, 410, 410, "PASS"),
    ],
)
def test_a_second_cancel_is_answered_as_the_profile_says(
    suite: Suite, again: str, status: int, profile: int | None, outcome: str
) -> None:
    folder = suite.root / "tests/session"
    folder.mkdir(parents=True)
    (folder / "test_end.py").write_text((ROOT / "tests/session/test_end.py").read_text())
    (folder / "conftest.py").write_text(CONFTEST.format(again=again.format(status=status)))
    own = f"\n[session]\nsecond_cancel_status = {profile}" if profile else ""
    suite.profile(f'name = "nowhere"{own}')
    assert suite.run("-k", "second_cancel").outcome(CHECK) == outcome
