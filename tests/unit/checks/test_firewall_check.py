"""The check of the firewall as it is: a connection decides, and rules that cannot be told prove nothing."""

from __future__ import annotations

import json

import httpcore  # noqa: F401 - httpx keeps the one that it met first: no small suite is to bring its own
import pytest

from tests.unit.host.test_firewall import iptables
from tests.unit.peers.small_suite import ROOT, Ended, Suite

pytest_plugins = ["pytester"]

CONFTEST = """
import json, pytest
from ipaddress import IPv4Address
from harness.clocks import Offset
from harness.host.facts import HostFacts

@pytest.fixture
def host_facts():
    return HostFacts({{"firewall": {{"ok": json.loads({printed!r})}}}}, Offset(0, 0), 0.0)

@pytest.fixture
def hypervisor():
    class Told:
        def python(self, source, ask, *, timeout_s):
            return {{one: {through} for one in ask["addresses"]}}
    return Told()

@pytest.fixture
def live_addresses():
    return lambda: [IPv4Address(one) for one in {live}]
"""
DROPPED = iptables("-A OUTPUT -p tcp -m tcp --dport 8080 -j DROP")
UNTOLD = iptables("-A OUTPUT -m set --match-set vms dst -j ACCEPT", policies="ACCEPT ACCEPT DROP")
AIMED = iptables("-A INPUT -p tcp -m tcp --dport 8080 -j DROP")


def asked(suite: Suite, printed: dict[str, str], live: list[str], through: bool) -> Ended:
    folder = suite.root / "tests/host"
    folder.mkdir(parents=True)
    (folder / "test_network.py").write_text((ROOT / "tests/host/test_network.py").read_text())
    (folder / "conftest.py").write_text(
        CONFTEST.format(printed=json.dumps(printed), live=live, through=through)
    )
    return suite.run("-k", "no_firewall_between", "-v")


@pytest.mark.parametrize(
    ("printed", "live", "through", "outcome"),
    [
        (iptables(), [], False, "PASS"),
        (DROPPED, [], False, "FAIL"),
        (DROPPED, ["192.168.100.7"], False, "FAIL"),
        (DROPPED, ["192.168.100.7"], True, "PASS"),
        (UNTOLD, [], False, "NOT PROVEN"),
        (UNTOLD, ["192.168.100.7"], False, "NOT PROVEN"),
        (UNTOLD, ["192.168.100.7"], True, "PASS"),
        (AIMED, ["192.168.100.7"], True, "FAIL"),
    ],
    ids=[
        *("open", "dropped", "dropped, as a VM shows", "a rule that is misread"),
        *("cannot be told", "cannot be told, and a VM is silent", "let through", "on another way"),
    ],
)
def test_a_connection_decides(
    suite: Suite, printed: dict[str, str], live: list[str], through: bool, outcome: str
) -> None:
    ended = asked(suite, printed, live, through)
    assert ended.outcome("host.no_firewall_between") == outcome
    if through and outcome == "PASS":
        assert "lets connections to VMs through" in " ".join(ended.output.split())
