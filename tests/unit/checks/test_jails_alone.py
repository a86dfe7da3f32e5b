"""Where the profile names jails and no folder of VMs, a VM that has something in one leaves it unproven."""

from __future__ import annotations

import httpcore  # noqa: F401 - httpx keeps the one that it met first: no small suite is to bring its own
import pytest

from tests.unit.peers.small_suite import ROOT, Suite

pytest_plugins = ["pytester"]

CONFTEST = """
import pytest
from harness.findings import Finding
from harness.site.profile import Site, StateSection
from harness.world.reconcile import JUDGES, Reconciled
from harness.world.strays import stray_entries
from harness.world.unjailed import outside_of_jails

@pytest.fixture(scope="session")
def site():
    state = StateSection(vms_dir=None, sockets_dir=None, jails_dir="/srv/jailer")
    return Site(name="x", state=state)

@pytest.fixture
def inventory():
    found = {{stray_entries: {strays}, outside_of_jails: {outside}}}
    one = Finding("key", "pid 200, the VMM of vm-7", "in no jail")
    return Reconciled({{judge: [one] * found.get(judge, 0) for judge in JUDGES}})
"""


@pytest.mark.parametrize(
    ("strays", "outside", "outcome"), [(0, 0, "PASS"), (0, 1, "NOT_PROVEN"), (1, 0, "FAIL"), (1, 1, "FAIL")]
)
def test_that_nothing_is_left_is_proven_where_all_of_it_would_be_seen(
    suite: Suite, strays: int, outside: int, outcome: str
) -> None:
    folder = suite.root / "tests/host"
    folder.mkdir(parents=True)
    (folder / "test_inventory.py").write_text((ROOT / "tests/host/test_inventory.py").read_text())
    (folder / "conftest.py").write_text(CONFTEST.format(strays=strays, outside=outside))
    ended = suite.run("-k", "no_vm_files_without_row", "tests/host")
    (seen,) = [one for one in ended.verdict["checks"] if one["name"] == "host.no_vm_files_without_row"]
    assert seen["outcome"].upper().replace(" ", "_") == outcome
    assert ("vm-7" in seen["seen"]) is (outcome != "PASS")
