"""The clocks of host, database and suite, as exactly as the time of asking allows."""

from __future__ import annotations

import pytest

from harness.clocks import Offset
from harness.errors import HarnessError
from harness.site.profile import Site

pytestmark = [
    pytest.mark.acceptance,
    pytest.mark.item("health", proves=False),
    pytest.mark.mend(
        step="troubleshooting",
        how="set the clock that is wrong: timedatectl, systemctl restart systemd-timesyncd",
    ),
    pytest.mark.look("timedatectl", "date --utc", "SELECT now();"),
]


@pytest.fixture
def offset(pair: str, request: pytest.FixtureRequest) -> Offset:
    """How far the first clock of the pair is ahead of the second; only those two are asked."""
    clocks = [request.getfixturevalue(f"{name}_clock") for name in pair.split("-") if name != "suite"]
    first: Offset = clocks[0]
    return first - clocks[1] if clocks[1:] else first


@pytest.mark.parametrize("pair", ["host-suite", "database-suite", "host-database"])
def test_clocks_agree(pair: str, offset: Offset, site: Site) -> None:
    """The clocks of host, database and suite agree."""
    limit = site.host.clock_skew_s
    first, second = pair.split("-")
    told = f"{first} minus {second}: {offset}; at most {limit:g} s are allowed"
    assert offset.at_least <= limit, told
    if offset.at_most > limit:
        raise HarnessError(
            f"cannot tell, for the answers took too long: {told}", hint="run it again when the line is quiet"
        )
