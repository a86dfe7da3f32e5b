"""Where a check looked that did not pass: a clone is named, the very one whose state was judged."""

from __future__ import annotations

import pytest

from tests.unit.small_suite import Suite

pytest_plugins = ["pytester"]

STUBS = """
from types import SimpleNamespace

class Clone(SimpleNamespace):
    console = log = wait_healthy = lambda self: ""
    timings, api = {"healthy": 1.0}, SimpleNamespace(traffic=[])

class Lanes:
    clones = {"cold_boot": "acc-boot", "link_outage": "acc-1"}
    clones |= {f"identity_{number}": f"acc-{number}" for number in (1, 2, 3)}

    def observation(self, name):
        if name == "link_outage":
            raise VmError("the cable is stuck")
        return name

@pytest.fixture(scope="session")
def make_vm(): return lambda: Clone(name="acc-shared")
@pytest.fixture(scope="session")
def experiments(): return Lanes()
@pytest.fixture
def words(clone): return clone.name
@pytest.fixture
def nothing_yet(): raise VmError("no room")
"""

PLACES = {
    "clone": ("clone", "guest clone acc-shared on 192.168.10.133"),
    "what is known of it": ("words", "guest clone acc-shared on 192.168.10.133"),
    "cold boot": ("cold_boot", "guest clone acc-boot on 192.168.10.133"),
    "three clones": ("identities", "guest clones acc-1, acc-2, acc-3 on 192.168.10.133"),
    "both": ("clone, cold_boot", "guest clones acc-shared, acc-boot on 192.168.10.133"),
    "an experiment that broke": ("link_outage", "guest clone acc-1 on 192.168.10.133"),
    "no clone": ("nothing_yet", "guest clones on 192.168.10.133"),
}


@pytest.mark.parametrize(("fixtures", "place"), PLACES.values(), ids=PLACES.keys())
def test_the_clone_is_named(suite: Suite, fixtures: str, place: str) -> None:
    """Beside what was seen in it, also where another check looked into another clone before."""
    suite.write(
        f"{STUBS}\n@check()\ndef test_first(clone, cold_boot, identities): pass\n"
        f"@check()\ndef test_it({fixtures}): assert False\n",
        file="tests/guest/test_made_up.py",
    )
    (seen,) = (check for check in suite.run().verdict["checks"] if check["name"] == "guest.it")
    assert seen["where"] == place


@pytest.mark.parametrize(
    ("layer", "place"), [("host", "192.168.10.133"), ("db", "the database"), ("session", "nowhere")]
)
def test_other_places(suite: Suite, layer: str, place: str) -> None:
    """What looks into no clone names none."""
    suite.write("@check()\ndef test_it(): assert False\n", file=f"tests/{layer}/test_made_up.py")
    assert suite.run().verdict["checks"][0]["where"] == place
