"""Checks of a guest as they are, run on clones that are made up: what is red, and what is our own trouble."""

from __future__ import annotations

import pytest

from tests.unit.small_suite import ROOT, Ended, Suite

pytest_plugins = ["pytester"]

CONFTEST = """
import pytest
from harness.errors import *

@pytest.fixture(scope="session")
def make_vm():
    def make(boot=None):
        {make}
    return make
"""


def asked(suite: Suite, file: str, check: str, make: str) -> Ended:
    """One check of a file in tests/guest, where this makes the clone."""
    folder = suite.root / "tests/guest"
    folder.mkdir(parents=True)
    (folder / file).write_text((ROOT / "tests/guest" / file).read_text())
    (folder / "conftest.py").write_text(CONFTEST.format(make=make))
    return suite.run("-k", check)


@pytest.mark.parametrize(
    ("error", "outcome", "told"),
    [
        ("VmmError('bad magic')", "FAIL", "the VMM could not bring the snapshot to life: bad magic"),
        ("VmError('no space left', hint='make room')", "BROKEN", "no space left\nnext: make room"),
        ("TransportError('the custodian is gone')", "BROKEN", "the custodian is gone"),
    ],
)
def test_only_the_vmm_can_refuse_the_snapshot(suite: Suite, error: str, outcome: str, told: str) -> None:
    """Whatever else keeps a clone from being made is no reason to rebuild."""
    ended = asked(suite, "test_restored.py", "clone_resumes", f"raise {error}")
    assert ended.outcome("guest.clone_resumes_from_the_snapshot") == outcome
    assert told in ended.output
