"""The look-alike's loop rings its timers, each at its own interval, until it is told not to."""

from __future__ import annotations

from lab.vmm.server import Server


def test_timers_ring_side_by_side_until_they_say_no() -> None:
    """One that has seen enough ends itself, and none of the others."""
    server, rung = Server(), list[str]()

    def often() -> None:
        rung.append("often")
        if rung.count("often") == 5:
            server.stop(7)

    def twice() -> bool:
        rung.append("twice")
        return rung.count("twice") < 2

    server.every(0.002, often)
    server.every(0.001, twice)
    assert server.run() == 7
    assert rung.count("often") == 5
    assert rung.count("twice") == 2
