"""What ssh, sudo and a login's shell say when they fail, as one clear error with what to do next.

sudo and shells speak the host's language: English, German and French are known here, by their own catalogues.
"""

from __future__ import annotations

import re

from harness.errors import SshError
from harness.mend import shell_line
from harness.text import ending

_NOT_FOUND = (
    "((command )?not found|((Befehl|Kommando) )?nicht gefunden|commande introuvable|non trouvé|introuvable)"
)
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
        r"no matching host key type found",
        "its host keys are of no type that this ssh takes",
        "make one of a type in use there: `sudo ssh-keygen -A`, and restart its sshd",
    ),
    (
        r"no matching (key exchange method|cipher|MAC) found",
        "it and this ssh have no way to encrypt in common",
        "update its sshd, or give proxy_command a way over a machine that both can talk to",
    ),
    (
        r"(password|passwort|mot de passe)\W.*(expired|abgelaufen|expiré)|Passwortablauf"
        r"|change your password|Passwort sofort ändern|changer votre mot de passe|Password change required",
        "the password of {user} has expired, and sshd wants another one first",
        "log in there by hand and change it, or let it not expire: `sudo chage -M -1 -d $(date +%F) {user}`",
    ),
    (
        r"account (has|is) expired|Konto ist abgelaufen|compte a expiré|is your account locked|Konto gesperrt"
        r"|compte serait-il verrouillé",
        "the account of {user} has expired, or is locked",
        "as root there: `chage -E -1 {user}`, `usermod -U {user}`",
    ),
    (
        r"account is currently not available|shell\W.*(does not exist|not executable)",
        "{user} has no shell to log in with",
        "give the login a shell there (`chsh -s /bin/sh {user}`), or name another user",
    ),
    (
        r"System is (booting up|going down)|pam_nologin|not permitted to log in",
        "the machine lets nobody in at present: it is starting or stopping, or has a file /etc/nologin",
        "wait until it is up; a left /run/nologin or /etc/nologin there is to be removed",
    ),
    (
        r"kex_exchange_identification|Exceeded MaxStartups|Not allowed at this time",
        "its sshd ends the connection before any login",
        "too many at once (MaxStartups), or this address is kept out: for a while after failed logins, by"
        " OpenSSH 9.8 or newer (PerSourcePenalties; `penalty:` in its journal), or by fail2ban or hosts.deny",
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
        r"(a|ein|un) (password|passwort|terminal|TTY)\b.*(is required|notwendig|erforderlich|haben|requis)"
        r"|saisir un mot de passe|un terminal (tty|est requis)|must have a tty|no tty present|TTY haben"
        r"|interactive authentication is required",
        "the login works, but sudo asks for a password",
        "give {user} a NOPASSWD rule for python3 (and no requiretty), or set user to root",
    ),
    (
        r"not in the sudoers|not allowed to (execute|run)|may not run sudo|I'm sorry \S+ I'm afraid"
        r"|nicht in der sudoers|darf sudo|darf der Benutzer|dans le fichier sudoers|n'est pas autorisé à ex"
        r"|ne peut pas utiliser sudo",
        "the login works, but {user} may not use sudo for this",
        "give {user} a NOPASSWD rule for python3 as root, or set user to root",
    ),
    (
        r"no new privileges|must be owned by uid 0|effective uid is not 0|nosuid",
        "sudo cannot become root there: it is not setuid, or runs in a container that forbids it",
        "mend sudo there (`chmod 4755` on its binary, no nosuid, no NoNewPrivileges), or set user to root",
    ),
    (
        rf"\bsudo\W{{1,4}}{_NOT_FOUND}|(not found|Unknown command)\W+sudo\b",
        "there is no sudo",
        "install sudo there, or set user to root",
    ),
    (
        r"needs Python 3\.9 or newer",
        "the login works, but its python3 is too old",
        "let python3 there be 3.9 or newer, for root: see docs/requirements.md",
    ),
    (
        r"Traceback \(most recent call last\)",
        "the login works, but the custodian could not start there",
        "it needs Linux, python3 3.9 or newer, and root; the last lines above say what was missing",
    ),
    (
        rf"\bpython3\W{{1,4}}({_NOT_FOUND}|.*No such file)|(not found|Unknown command)\W+python3",
        "there is no python3",
        "install python3 there",
    ),
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
        "user": user or "the login user",
        "identity": shell_line([str(identity)]) if identity else "your key (ssh-add -l lists those offered)",
        "known_hosts": shell_line([str(known_hosts)]) if known_hosts else "~/.ssh/known_hosts",
    }
    for pattern, meaning, hint in _MEANINGS:
        if re.search(pattern, said, re.IGNORECASE):
            return SshError(
                f"SSH to {target}: {meaning.format(**words)}\n  ssh said: {_last(said)}",
                hint=hint.format(**words),
            )
    return SshError(
        f"SSH to {target} failed\n  ssh said: {_last(said) or 'nothing'}", hint="run ssh by hand with -v"
    )


def _last(said: str) -> str:
    """The lines that matter: without the banner around a changed key, and not too many."""
    lines = [line.strip() for line in said.splitlines() if line.strip(" @\r")]
    return ending("\n            ".join(lines[-6:]), 1500)
