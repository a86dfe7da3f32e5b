"""The clock of a guest, as its kernel tells it."""

from __future__ import annotations

import pytest

from harness.guest.look import Look
from harness.site.profile import Site

pytestmark = [
    pytest.mark.acceptance,
    pytest.mark.item("health", proves=False),
    pytest.mark.look("date --utc", "timedatectl"),
]


@pytest.mark.mend(step=5, how="set the guest's clock after a restore (RTC, kvm-clock, or metadata)")
def test_clock_is_right(guest_look: Look, site: Site) -> None:
    """The guest's clock is right within the allowed skew."""
    least_s, most_s = guest_look.clock_error_s
    skew = site.guest.clock_skew_s
    assert most_s >= -skew, f"the clock of {guest_look.guest.name} is late by at least {-most_s:.1f} s"
    assert least_s <= skew, f"the clock of {guest_look.guest.name} is ahead by at least {least_s:.1f} s"
