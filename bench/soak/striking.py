"""SIGKILL to the suite, to its custodian, or to the controller, each known beyond doubt."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path

from bench.soak.plan import Victim
from bench.soak.suite import Suite
from harness.custodian.names import RUNS
from harness.custodian.owner import NOTE
from lab.minipc import access
from lab.minipc.host import Host

_PROGRAM = Path(__file__).parent / "on_host" / "strike.py"
_AGAIN_S = 0.2
_ASK_S = 30.0


def strike(host: Host, unit: str, suite: Suite, victim: Victim) -> int | None:
    """Kill it as soon as it is there; its pid, or None where the run was over before."""
    if victim is Victim.SUITE:
        return suite.process.pid if suite.kill() else None
    attempt: Callable[[], int | None] = (
        (lambda: _by_note(host, suite))
        if victim is Victim.CUSTODIAN
        else (lambda: _kill(host, {"unit": unit}))
    )
    while suite.process.poll() is None:
        if pid := attempt():
            return pid
        time.sleep(_AGAIN_S)
    return None


def _by_note(host: Host, suite: Suite) -> int | None:
    """The custodian, by what it left on record for this run."""
    run_id = suite.run_id
    return _kill(host, {"note": str(RUNS / f"acc-{run_id}" / NOTE)}) if run_id else None


def _kill(host: Host, whom: dict[str, str]) -> int | None:
    words = ("python3", "-I", "-S", "-c", _PROGRAM.read_text("utf-8"), json.dumps(whom))
    pid: int | None = json.loads(access.ask(host, *words, timeout_s=_ASK_S).stdout)
    return pid
