"""The check of the firewall as it is: a connection decides, and rules that cannot be told prove nothing."""

from __future__ import annotations

import json
from dataclasses import dataclass, field

import httpcore  # noqa: F401 - httpx keeps the one that it met first: no small suite is to bring its own
import pytest

from tests.unit.host.test_firewall import iptables
from tests.unit.peers.small_suite import ROOT, Suite

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
def hypervisor(site):
    class Told:
        run_id = "abcdef"
        def python(self, source, ask, *, timeout_s):
            if "groups" not in ask:
                return {{one: {reached!r} for one in ask["addresses"]}}
            if {knock!r} is None:
                return {{"untold": "fcbr0 runs STP"}}
            seen = dict(through=False, error="timed out", came=0, sent=0, control=False) | {knock!r}
            return {{"knocks": [{{"address": group[0], **seen}} for group in ask["groups"]]}}
    told = Told()
    told.site = site
    return told
"""
LIVE = """
@pytest.fixture
def live_addresses():
    return lambda: [IPv4Address(one) for one in {live}]
"""
UNREACHED = """
@pytest.fixture(scope="session")
def database():
    from harness.errors import DatabaseError
    raise DatabaseError("nothing listens")
"""
DROPPED = iptables("-A OUTPUT -p tcp -m tcp --dport 8080 -j DROP")
UNTOLD = iptables("-A OUTPUT -m set --match-set vms dst -j ACCEPT", policies="ACCEPT ACCEPT DROP")
AIMED = iptables("-A INPUT -p tcp -m tcp --dport 8080 -j DROP")
THROUGH: dict[str, object] = {"through": True, "came": 3, "sent": 2}
ALONE: dict[str, object] = {"control": True}
"""It does not get through, and one to another port does."""
NEITHER: dict[str, object] = {}
NEVER = None
"""None could be tried."""
VM = ["192.168.100.7"]


@dataclass(frozen=True)
class Case:
    """Rules, what a connection to nobody's address comes to, whether a live VM takes one, and the outcome.

    :param live: None where it is not known which there are.
    """

    printed: dict[str, str]
    knock: dict[str, object] | None
    outcome: str
    live: list[str] | None = field(default_factory=list)
    reached: str = "silent"
    told: str = ""


CASES = {
    "open": Case(iptables(), THROUGH, "PASS"),
    "open, and it cannot be tried": Case(iptables(), NEVER, "NOT PROVEN", told="runs STP"),
    "open, and a live VM shows it": Case(iptables(), NEVER, "PASS", VM, reached="took"),
    "open to read, and the port is stopped": Case(iptables(), ALONE, "FAIL", told="no rule explains"),
    "open to read, and all is stopped": Case(iptables(), NEITHER, "NOT PROVEN", told="from its launch on"),
    "dropped": Case(DROPPED, ALONE, "FAIL", told="nothing of it arrived"),
    "dropped, and it cannot be tried": Case(DROPPED, NEVER, "NOT PROVEN", told="runs STP"),
    "dropped, as a live VM shows": Case(DROPPED, NEVER, "FAIL", VM, told="a live VM takes no connection"),
    "dropped to read, and a VM refuses": Case(DROPPED, NEVER, "NOT PROVEN", VM, "refused", told="runs STP"),
    "dropped, and a VM refuses": Case(DROPPED, ALONE, "FAIL", VM, "refused", told="nothing of it arrived"),
    "open, and nobody knows whose addresses": Case(iptables(), THROUGH, "NOT PROVEN", None, told="url_env"),
    "dropped, and nobody knows whose": Case(DROPPED, ALONE, "NOT PROVEN", None, told="url_env"),
    "a rule that is misread": Case(DROPPED, THROUGH, "PASS", told="lets connections to VMs through"),
    "misread, as a live VM shows": Case(DROPPED, ALONE, "PASS", VM, reached="took", told="lets connections"),
    "dropped with all else": Case(DROPPED, NEITHER, "NOT PROVEN", told="from its launch on"),
    "cannot be told": Case(UNTOLD, NEITHER, "NOT PROVEN", told="from its launch on"),
    "cannot be told, and a VM is silent": Case(UNTOLD, NEVER, "NOT PROVEN", VM),
    "cannot be told, and it gets through": Case(UNTOLD, THROUGH, "PASS", told="lets connections to VMs"),
    "let through": Case(UNTOLD, NEITHER, "PASS", VM, reached="took", told="lets connections to VMs through"),
    "on another way": Case(AIMED, THROUGH, "PASS", told="no request of the host takes"),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
def test_a_connection_decides(suite: Suite, case: Case) -> None:
    folder = suite.root / "tests/host"
    folder.mkdir(parents=True)
    (folder / "test_network.py").write_text((ROOT / "tests/host/test_network.py").read_text())
    whose = UNREACHED if case.live is None else LIVE.format(live=case.live)
    (folder / "conftest.py").write_text(
        CONFTEST.format(printed=json.dumps(case.printed), knock=case.knock, reached=case.reached) + whose
    )
    ended = suite.run("-k", "no_firewall_between", "-v")
    assert ended.outcome("host.no_firewall_between") == case.outcome
    assert case.told in " ".join(ended.output.split())
