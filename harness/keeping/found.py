"""The suite's VMs on a host: which there are, what one shows on its console, and the end of one."""

from __future__ import annotations

from pathlib import Path

from pydantic import BaseModel

from harness.answers import read_as
from harness.custodian.kept import Kept
from harness.custodian.names import RUNS
from harness.errors import UsageError, VmError
from harness.host.facts import Asked
from harness.host.keeping import run_of, until

_PROBE = Path(__file__).parent.parent / "host" / "probes" / "vms.py"
_LOOK_S = 30.0
_DROP_S = 90.0
_LIST = "python -m harness vm list"


class Found(BaseModel):
    """A VM of a run that goes on, or that is kept."""

    name: str
    runs: bool
    kept: Kept | None = None

    def __str__(self) -> str:
        """A line of the list."""
        state = "" if self.runs else ", its VMM has ended"
        if self.kept is None:
            return f"{self.name}  of run {run_of(self.name)}, which goes on{state}"
        return f"{self.name}  kept {until(self.kept)}, for {self.kept.why}{state}"


class _Answer(BaseModel):
    """The probe's."""

    vms: list[Found]
    failures: list[str] | None = None
    console: str = ""
    before: int = 0
    error: str = ""


def list_vms(host: Asked) -> list[Found]:
    """All that there are."""
    return _ask(host, {}, _LOOK_S).vms


def find(host: Asked, name: str, *, running: bool = False) -> Found:
    """The one of that name.

    :param running: whether its VMM must run.
    :raises UsageError: there is none.
    :raises VmError: its VMM has ended.
    """
    found = next((one for one in list_vms(host) if one.name == name), None)
    if found is None:
        raise UsageError(
            f"{name}: there is no such VM on the host: it went at its time, was dropped, or never was",
            hint=_LIST,
        )
    if running and not found.runs:
        raise VmError(
            f"{name}: its VMM has ended, so that nothing answers in it",
            hint=f"what is left of it to see: python -m harness vm console {name}",
        )
    return found


def drop(host: Asked, name: str) -> None:
    """Have a VM that is kept go now.

    :raises UsageError: it is not one, or there is none.
    :raises VmError: something of it could not be removed, or nobody took the order.
    """
    found = find(host, name)
    if found.kept is None or found.kept.until is None:
        raise UsageError(
            f"{name}: it is of run {run_of(name)}, which goes on: only what is kept can be dropped",
            hint="wait for the run's end, or end the run",
        )
    answer = _ask(host, {"drop": name}, _DROP_S)
    if answer.failures:
        raise VmError(f"{name}: not all could be removed: {'; '.join(answer.failures)}")
    if any(one.name == name for one in answer.vms):
        raise VmError(
            f"{name}: it is there still: its keeper just ends, or hangs, and took no order",
            hint=f"{_LIST}, and the same again",
        )


def console(host: Asked, name: str) -> str:
    """What the guest's serial console has shown: the newest part, after a line that says so, of a long one.

    :raises UsageError: there is no such VM.
    :raises VmError: it has no console that could be read.
    """
    find(host, name)
    answer = _ask(host, {"console": name}, _LOOK_S)
    if answer.error:
        raise VmError(f"{name}: its console cannot be read: {answer.error}", hint=_LIST)
    left_out = f"[here the oldest {answer.before} bytes are left out]\n" if answer.before else ""
    return left_out + answer.console


def _ask(host: Asked, what: dict[str, str], timeout_s: float) -> _Answer:
    said = host.python(_PROBE.read_text("utf-8"), {"runs": str(RUNS), **what}, timeout_s=timeout_s)
    return read_as(_Answer, said, whose="which VMs of the suite are on the host")
