"""A limit is for the whole exchange, however small its pieces are."""

from __future__ import annotations

import pytest

from harness.custodian.limits import Limit, TimeIsUp, TooMuch


def test_bytes_are_counted_over_all_reads() -> None:
    limit = Limit("a controller's answer", seconds=60, size=10)
    limit.take(6)
    with pytest.raises(TooMuch, match=r"a controller's answer: over 10 bytes"):
        limit.take(6)


def test_time_is_that_of_the_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    monkeypatch.setattr("harness.custodian.limits.time.monotonic", lambda: now[0])
    limit = Limit("an answer", seconds=2, size=10)
    for _ in range(6):
        assert 0 < limit.left_s() <= 2
        limit.take(1)
        now[0] += 0.3
    now[0] += 0.3
    with pytest.raises(TimeIsUp, match=r"not complete within 2 s \(6 bytes came\)"):
        limit.left_s()
