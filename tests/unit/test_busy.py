"""How busy a machine was: by counters that may be missing, odd, or those of another boot."""

from __future__ import annotations

import pytest

from harness.busy import FILES, PRESSURES, Stand, between, stand, stand_here

PRESSURE = "some avg10=0.00 avg60=0.00 avg300=0.00 total={}\nfull avg10=0.00 avg60=0.00 avg300=0.00 total=7\n"


def test_counters_are_read() -> None:
    files = {path: PRESSURE.format(5_000_000) for path in PRESSURES.values()}
    found = stand({**files, "/proc/loadavg": "1.50 1.00 0.50 1/200 300\n"})
    assert (found.load, found.waited_us) == (1.5, dict.fromkeys(PRESSURES, 5_000_000))


@pytest.mark.parametrize("text", [None, "", "some total=", "full total=5\n", "1e9", "\ud800", "some total=²"])
def test_a_kernel_that_does_not_tell(text: str | None) -> None:
    found = stand(dict.fromkeys(FILES, text))
    assert (found.load, found.waited_us) == (None, {})


def test_a_share_of_the_time() -> None:
    begin, end = Stand(10.0, 1.0, {"cpu": 1_000_000, "io": 5}), Stand(14.0, 3.0, {"cpu": 2_000_000})
    busy = between(begin, end)
    assert (busy.load, busy.pressure) == ((1.0, 3.0), {"cpu": 0.25})


@pytest.mark.parametrize(
    ("waited", "share"), [(0, 0.0), (10**12, 1.0)], ids=["another boot", "more than all"]
)
def test_a_share_is_one(waited: int, share: float) -> None:
    assert between(Stand(0.0, None, {"cpu": 100}), Stand(1.0, None, {"cpu": waited})).pressure == {
        "cpu": share
    }


def test_this_machine() -> None:
    assert between(stand_here(), stand_here()).load[0] is not None
