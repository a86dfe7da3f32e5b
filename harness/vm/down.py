"""Why the agent of a guest is not there, asked in one round trip: its journal, and its node's view of it."""

from __future__ import annotations

import shlex
from typing import Protocol

from harness.errors import HarnessError
from harness.infra.start_failure import first_error, first_error_in, said_in
from harness.run import Result
from harness.site.profile import Site

_ASK_S = 40.0
_CHECK_S = 20
_MARK = "=== acceptance: node --check"


class Script(Protocol):
    """Runs shell in the guest as root, as a VM's ``script`` does."""

    def __call__(self, text: str, *, timeout_s: float) -> Result:
        """What came of it."""


def why_down(script: Script, site: Site) -> str:
    """For a message: the first error of the agent's latest start, and the fault of its entry's syntax."""
    agent = site.agent
    check = shlex.join(["timeout", str(_CHECK_S), agent.node, "--check", agent.entry])
    text = f"""
        journalctl -u {shlex.quote(agent.unit)} -n 400 -o short-precise --no-pager --quiet
        printf '%s\\n' {shlex.quote(_MARK)}
        {check} 2>&1
    """
    try:
        told = script(text, timeout_s=_ASK_S).stdout
    except HarnessError as error:
        return f"why the agent is not there cannot be told: {error.message}"
    journal, _, checked = told.partition(f"{_MARK}\n")
    seen = first_error(said_in(journal)) or "none in its journal"
    fault = first_error_in(checked.split("\n"))
    return f"the first error of the agent's latest start: {seen}" + (
        f"; {agent.node} --check {agent.entry}: {fault}" if fault and fault not in seen else ""
    )
