"""Whether a session's VM reaches an address: asked from inside."""

from __future__ import annotations

import shlex

from harness.errors import SessionError
from harness.host.hypervisor import Host
from harness.session import Session
from harness.session_guest import ask_inside

_GRACE_S = 5.0


def reach_from_vm(host: Host, session: Session, url: str, *, timeout_s: float) -> tuple[int, str]:
    """The HTTP status that the VM gets, 0 for none; and what it said of it.

    :raises TransportError: the VM cannot be asked.
    :raises SessionError: it has nothing to ask with.
    """
    ask = f"curl -sS -o /dev/null -w '%{{http_code}}' --max-time {timeout_s:g} {shlex.quote(url)}"
    done = ask_inside(host, session, ask, timeout_s=timeout_s + _GRACE_S)
    if done.status == 127:
        raise SessionError(
            f"the VM of session {session.id} has no curl to ask with", hint="install curl in it"
        )
    return int(done.stdout.strip() or 0), done.stderr.strip()
