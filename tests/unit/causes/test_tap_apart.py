"""A VM's TAP where it cannot be looked for: in a network namespace of its VMM's own."""

from __future__ import annotations

import pytest

from harness.causes import look as look_module
from harness.causes.facts import Answer, Hops, Process
from harness.causes.hops import HopsSeen, Target, ask_hops
from harness.causes.look import look
from harness.causes.table import diagnose
from tests.unit.peers.this_machine import Apart, Here

PATIENCE_S = 60.0
TAP, ADDRESS = "tap7", "192.168.100.7"


def test_a_tap_in_a_network_namespace_of_its_vmms_own_is_not_missing() -> None:
    """It waits for the end of the probe, which begins when it has begun to."""
    vmm = (
        "cp -L /bin/sh /run/firecracker; mkfifo /run/end; unshare --net"
        " /run/firecracker -c 'read line </run/end' --id x >/dev/null 2>&1 &\nexec 9>/run/end"
    )
    seen = ask_hops(Apart(vmm), Target("it", "x", ADDRESS, TAP), limit_s=PATIENCE_S)
    assert seen.hops is not None
    assert (seen.hops.process.runs, seen.hops.tap) == (True, None)
    assert seen.unknown["tap"] == "its VMM is in a network namespace of its own"


@pytest.mark.parametrize(
    ("unknown", "name"), [({}, "network.tap_missing"), ({"tap": "it is elsewhere"}, "none")]
)
def test_a_device_that_was_not_looked_for_is_not_missing(
    monkeypatch: pytest.MonkeyPatch, unknown: dict[str, str], name: str
) -> None:
    hops = Hops(Process(41, "S"), agent=Answer(8080, "timeout"))
    monkeypatch.setattr(look_module, "ask_hops", lambda _host, _target: HopsSeen(hops, unknown=unknown))
    found = diagnose(look(Here(), Target("it", "x", ADDRESS, TAP))).cause
    assert (found.name if found else "none") == name
