"""What ssh says when it fails, as one clear error with what to do next."""

from __future__ import annotations

import re

from harness.errors import SshError
from harness.mend import shell_line
from harness.text import ending

# Pattern in ssh's words -> what it means, what to do. The first match counts, so the specific come first.
_MEANINGS = (
    (
        r"REMOTE HOST IDENTIFICATION HAS CHANGED",
        "the host key is not the one on record: another machine answers, or it was reinstalled",
        "make sure it is the right machine, then replace its line in {known_hosts}",
    ),
    (
        r"Host key verification failed|No \S+ host key is known",
        "the host key is not known",
        "compare the fingerprint of `ssh-keyscan {address}` with the machine's, then add the line to "
        "{known_hosts}",
    ),
    (
        r"UNPROTECTED PRIVATE KEY|bad permissions",
        "the private key can be read by others, so ssh does not use it",
        "chmod 600 {identity}",
    ),
    (
        r"no such identity|Load key .*(No such file|error in libcrypto|invalid format)",
        "the private key cannot be read",
        "set identity_file to an existing private key (now: {identity})",
    ),
    (
        r"Permission denied \(|Too many authentication failures",
        "the login was refused",
        "is {user} the right user, and the public half of {identity} in its authorized_keys?",
    ),
    (
        r"Connection refused",
        "nothing listens there",
        "is sshd running, and {port} its port?",
    ),
    (
        r"Could not resolve hostname",
        "the name is not known",
        "set address to a name or address that resolves",
    ),
    (
        r"timed out|No route to host|Network is unreachable",
        "no answer",
        "is the machine up, and reachable from here? Try `ping {address}`",
    ),
    (
        r"a password is required|not in the sudoers|may not run sudo",
        "the login works, but sudo asks for a password",
        "give {user} a NOPASSWD rule for python3, or set user to root",
    ),
    (
        r"Traceback \(most recent call last\)",
        "the login works, but the custodian could not start there",
        "it needs Linux, python3 3.9 or newer, and root; the last lines above say what was missing",
    ),
    (r"python3: (command )?not found|python3.*No such file", "there is no python3", "install python3 there"),
    (
        r"administratively prohibited|forwarding request failed",
        "forwarding is refused",
        "set AllowTcpForwarding and AllowStreamLocalForwarding to yes in its sshd_config",
    ),
)


def explain(
    said: str,
    *,
    address: str,
    port: int = 22,
    user: str = "",
    identity: object = None,
    known_hosts: object = None,
) -> SshError:
    """An error for what ssh said on stderr."""
    target = f"{user}@{address}:{port}" if user else f"{address}:{port}"
    words = {
        "address": shell_line([address]),
        "port": port,
        "user": user,
        "identity": shell_line([str(identity)]) if identity else "your key (ssh-add -l lists those offered)",
        "known_hosts": shell_line([str(known_hosts)]) if known_hosts else "~/.ssh/known_hosts",
    }
    for pattern, meaning, hint in _MEANINGS:
        if re.search(pattern, said, re.IGNORECASE):
            return SshError(
                f"SSH to {target}: {meaning}\n  ssh said: {_last(said)}", hint=hint.format(**words)
            )
    return SshError(
        f"SSH to {target} failed\n  ssh said: {_last(said) or 'nothing'}", hint="run ssh by hand with -v"
    )


def _last(said: str) -> str:
    """The lines that matter: without the banner around a changed key, and not too many."""
    lines = [line.strip() for line in said.splitlines() if line.strip(" @\r")]
    return ending("\n            ".join(lines[-6:]), 1500)
