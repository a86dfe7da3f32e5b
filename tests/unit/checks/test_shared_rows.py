"""What is said of rows that share a thing: what may be set in the profile, where it is not yet."""

from __future__ import annotations

import httpcore  # noqa: F401 - httpx keeps the one that it met first: no small suite is to bring its own
import pytest

from tests.unit.peers.small_suite import ROOT, Suite

pytest_plugins = ["pytester"]

CONFTEST = """
import pytest
from harness.database.claims import CLAIMS
from harness.database.records import BreakingRows
from harness.site.profile import Site, StateSection

@pytest.fixture(scope="session")
def site():
    return Site(name="x", state=StateSection(jails_dir={jails!r}))

@pytest.fixture
def records():
    class Shared:
        def breaking(self, claim):
            return BreakingRows(CLAIMS[claim], 2)
    return Shared()
"""


@pytest.mark.parametrize("jails", [None, "/srv/jailer"])
def test_a_field_is_named_that_may_explain_it(suite: Suite, jails: str | None) -> None:
    """Where the profile says where jails are, the rows share a path of the host's own."""
    folder = suite.root / "tests/db"
    folder.mkdir(parents=True)
    (folder / "test_vm_rows.py").write_text((ROOT / "tests/db/test_vm_rows.py").read_text())
    (folder / "conftest.py").write_text(CONFTEST.format(jails=jails))
    ended = suite.run("-k", "do_not_share", "tests/db")
    seen = {one["name"].rpartition("[")[2]: one for one in ended.verdict["checks"]}
    fields = {
        what: [one for one in ("tap_id_characters", "jails_dir") if one in seen[f"{what}]"]["seen"]]
        for what in ("address", "tap", "pid", "socket")
    }
    assert {one["outcome"] for one in seen.values()} == {"FAIL"}
    jail = [] if jails else ["jails_dir"]
    assert fields == {"address": [], "tap": ["tap_id_characters"], "pid": [], "socket": jail}
