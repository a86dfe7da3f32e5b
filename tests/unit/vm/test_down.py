# ruff: noqa: E501 -- a table reads best with its lines unbroken
"""Why an agent is not there, asked of a guest, and told by whoever waited for it."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.errors import CommandError, WaitTimeoutError
from harness.run import Result
from harness.site.profile import Site
from harness.vm.down import why_down
from tests.unit.peers.small_vm import SmallVm
from tests.unit.peers.web_peer import web_peer

SITE = Site.model_validate({"name": "nowhere", "agent": {"unit": "agent.service"}})
SAID = "Jan 31 12:00:00.0 vm node[7]: Error: Cannot find module 'x'\n"
MARK = "=== acceptance: node --check\n"
FAULT = "/root/a.js:1\nconst = 1\n      ^\nSyntaxError: odd\n"


@pytest.mark.parametrize(
    ("said", "told"),
    [
        (SAID + MARK, "Error: Cannot find module 'x'"),
        (SAID + MARK + FAULT, "Cannot find module 'x'; /usr/bin/node --check /root/vm-browser-agent/server.js: SyntaxError: odd"),
        (MARK + FAULT, "none in its journal; /usr/bin/node --check"),
        ("Error: SyntaxError: odd (/root/a.js:1)\n" + MARK + FAULT, "start: Error: SyntaxError: odd"),
        ("", "none in its journal"),
    ],
)  # fmt: skip
def test_both_are_told_and_nothing_twice(said: str, told: str) -> None:
    def script(text: str, *, timeout_s: float) -> Result:  # noqa: ARG001 - as a VM has it
        return Result(("sh",), 0, said, "")

    seen = why_down(script, SITE)
    assert told in seen
    assert seen.count("SyntaxError") <= 1


def test_a_guest_that_does_not_tell_is_no_error_of_its_own() -> None:
    def script(text: str, *, timeout_s: float) -> Result:  # noqa: ARG001 - as above
        raise CommandError(f"no end within {timeout_s:g} s")

    assert why_down(script, SITE).endswith("cannot be told: no end within 40 s")


@pytest.mark.parametrize(
    ("relay_error", "asked"),
    [
        ("", True),
        ("192.168.100.2:8080: Connection refused", True),
        ("192.168.100.2: No route to host", False),
    ],
)
def test_whoever_waits_for_health_hears_of_it(tmp_path: Path, relay_error: str, asked: bool) -> None:
    """Where the guest is there at all: a kernel that panicked is not waited for by SSH, too."""
    with web_peer(tmp_path / "a", {"/health": (503, {}, "")}):
        vm = SmallVm(tmp_path / "a", SITE, said=SAID + MARK, relay_error=relay_error)
        with pytest.raises(WaitTimeoutError) as caught:
            vm.wait_healthy(0.2)
    assert ("the agent's latest start: Error: Cannot find module 'x'" in caught.value.message) is asked
