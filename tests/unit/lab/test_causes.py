"""Every cause that the suite knows has a fault of the lab that shows it, and no fault shows two."""

from __future__ import annotations

from harness.causes.page import causes_page
from harness.causes.table import CAUSES
from lab.faults.fault import Fault, all_faults
from tests.unit.peers.small_suite import ROOT

FAULTS = [one for one in all_faults() if one.cause]


def test_every_cause_has_its_fault_and_each_but_one() -> None:
    shown = [one.cause for one in FAULTS]
    assert sorted(shown) == sorted(cause.name for cause in CAUSES)


def test_a_cause_is_shown_by_a_check_that_its_fault_turns_red() -> None:
    """Where that is another check than the fault names, it is one that waits for the same thing."""
    known = {cause.name: cause.shown_by for cause in CAUSES}
    others = {one.name for one in FAULTS if not _is_red(one, known[one.cause])}
    assert others == {
        "host.bridge_down",
        "host.bridge_without_address",
        "host.firewall",
        "host.vmm_does_not_run",
    }


def test_there_are_thirty_at_the_least() -> None:
    assert len(CAUSES) >= 30


def test_the_page_of_the_causes_is_current() -> None:
    """python -m harness causes > docs/causes.md."""
    page = causes_page({one.cause: one.name for one in FAULTS})
    assert (ROOT / "docs" / "causes.md").read_text(encoding="utf-8") == page


def _is_red(fault: Fault, check: str) -> bool:
    return fault.expected(check) == "FAIL"
