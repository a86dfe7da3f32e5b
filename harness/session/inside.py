"""The inside of a session's VM, by SSH through the host."""

from __future__ import annotations

import contextlib
import shlex

from harness.errors import SessionError, TransportError
from harness.host.hypervisor import Hypervisor
from harness.run import Result
from harness.session.launch import Session
from harness.values import natural
from harness.vm.identity import ASK, ASK_S, Identity, read_identity
from harness.vm.inside import Guest, freezing

_FREEZE_S = 60.0
_CURL_GRACE_S = 5.0


def inside(hypervisor: Hypervisor, session: Session, *, short: str = "s") -> Guest:
    """The inside of a session's VM, to be closed by the caller.

    :param short: tells its connection from any other into the same VM.
    """
    path = hypervisor.forward(f"tcp:{session.address}:{hypervisor.site.guest.ssh_port}")
    name = f"acc-{hypervisor.run_id}-{short}{session.address.rpartition('.')[2]}"
    return Guest(hypervisor, name, path, whose=session.id)


def ask_inside(hypervisor: Hypervisor, session: Session, script: str, *, timeout_s: float) -> Result:
    """Run a shell script in a session's VM as root; a non-zero status does not raise.

    :raises TransportError: the VM cannot be asked.
    """
    with contextlib.closing(inside(hypervisor, session)) as guest:
        try:
            return guest.script(script, timeout_s=timeout_s)
        except TransportError as error:
            message = f"the VM of session {session.id}: {error.message}"
            raise TransportError(message, hint=error.hint) from error


def identity_of(hypervisor: Hypervisor, session: Session) -> Identity:
    """What a session's VM has of its own.

    :raises TransportError: the VM cannot be asked.
    """
    done = ask_inside(hypervisor, session, ASK, timeout_s=ASK_S)
    return read_identity(done.stdout, done.stderr, whose=f"the VM of session {session.id}")


def freeze_desktop(hypervisor: Hypervisor, session: Session) -> None:
    """Freeze what a login that is driven from elsewhere can do without, as the profile says.

    :raises TransportError: the VM cannot be asked.
    """
    if units := hypervisor.site.guest.desktop_units:
        ask_inside(hypervisor, session, freezing(units), timeout_s=_FREEZE_S)


def reach_from_vm(hypervisor: Hypervisor, session: Session, url: str, *, timeout_s: float) -> tuple[int, str]:
    """The HTTP status that the VM gets for a URL, 0 for none; and what its curl complained of.

    :raises TransportError: the VM cannot be asked, or what it says is no status.
    :raises SessionError: the VM has nothing to ask with.
    """
    ask = f"curl -sS -o /dev/null -w '%{{http_code}}' --max-time {timeout_s:g} {shlex.quote(url)}"
    done = ask_inside(hypervisor, session, ask, timeout_s=timeout_s + _CURL_GRACE_S)
    if done.status == 127:
        raise SessionError(
            f"the VM of session {session.id} has no curl to ask with", hint="install curl in it"
        )
    whose = f"curl in the VM of session {session.id}"
    return natural(done.stdout.strip() or "0", whose=whose), done.stderr.strip()
