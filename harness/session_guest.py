"""The inside of a session's VM, by SSH through the host."""

from __future__ import annotations

import contextlib

from harness.errors import TransportError
from harness.host.hypervisor import Host
from harness.run import Result
from harness.session import Session
from harness.vm.inside import Guest, freezing

_FREEZE_S = 60.0


def ask_inside(host: Host, session: Session, script: str, *, timeout_s: float) -> Result:
    """Run a shell script in a session's VM as root; a non-zero status does not raise.

    :raises TransportError: the VM cannot be asked.
    """
    path = host.forward(f"tcp:{session.address}:{host.site.guest.ssh_port}")
    name = f"acc-{host.run_id}-s{session.address.rpartition('.')[2]}"
    with contextlib.closing(Guest(host, name, path)) as guest:
        try:
            return guest.script(script, timeout_s=timeout_s)
        except TransportError as error:
            message = f"the VM of session {session.id}: {error.message}"
            raise TransportError(message, hint=error.hint) from error


def freeze_desktop(host: Host, session: Session) -> None:
    """Freeze what a login that is driven from elsewhere can do without, as the profile says.

    :raises TransportError: the VM cannot be asked.
    """
    if units := host.site.guest.desktop_units:
        ask_inside(host, session, freezing(units), timeout_s=_FREEZE_S)
