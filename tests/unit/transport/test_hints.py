"""What ssh, sudo and shells say, word by word, and what whoever reads it is told to do next."""

from __future__ import annotations

import pytest

from harness.transport.ssh_errors import explain

PASSWORD, RULE, SUDO, PYTHON = "no requiretty", "may not use sudo for this", "no sudo", "no python3"
EXPIRED, ACCOUNT, NOLOGIN = "has expired, and sshd", "has expired, or is locked", "no shell to log in with"
SAID = {
    "sudo: a password is required": PASSWORD,
    "sudo: a terminal is required to read the password; either use the -S option to read from standard input "
    "or configure an askpass helper\nsudo: a password is required": PASSWORD,
    "sudo: no tty present and no askpass program specified": PASSWORD,
    "sudo: sorry, you must have a tty to run sudo": PASSWORD,
    "sudo: Ein Passwort ist notwendig": PASSWORD,
    "sudo: Zum Lesen des Passworts ist ein Terminal erforderlich; verwenden Sie entweder": PASSWORD,
    "sudo: Sie müssen ein TTY haben, um sudo zu verwenden": PASSWORD,
    "sudo: il est nécessaire de saisir un mot de passe": PASSWORD,
    "sudo: un terminal est requis pour lire le mot de passe; utilisez soit l'option -S": PASSWORD,
    "sudo: désolé, vous devez avoir un terminal tty pour exécuter sudo": PASSWORD,
    "sudo-rs: interactive authentication is required": PASSWORD,
    "polydev is not in the sudoers file.  This incident will be reported.": RULE,
    "polydev is not allowed to run sudo on minipc.": RULE,
    "Sorry, user polydev may not run sudo on minipc.": RULE,
    "Sorry, user polydev is not allowed to execute '/usr/bin/python3 -' as root on minipc.": RULE,
    "»polydev« ist nicht in der sudoers-Datei.": RULE,
    "»polydev« darf sudo auf dem Rechner »minipc« nicht ausführen.": RULE,
    "Leider darf der Benutzer polydev sudo für minipc nicht verwenden.": RULE,
    "Leider darf der Benutzer polydev »/usr/bin/python3« als root auf minipc nicht ausführen.": RULE,
    "polydev n'est pas dans le fichier sudoers.": RULE,
    "polydev n'est pas autorisé à exécuter sudo sur minipc.": RULE,
    "Désolé, l'utilisateur polydev ne peut pas utiliser sudo sur minipc.": RULE,
    "sudo: I'm sorry polydev. I'm afraid I can't do that": RULE,
    'sudo: The "no new privileges" flag is set, which prevents sudo from running as root.': "not setuid",
    "sudo: /usr/bin/sudo must be owned by uid 0 and have the setuid bit set": "not setuid",
    "bash: line 1: exec: sudo: not found": SUDO,
    "bash: line 1: sudo: command not found": SUDO,
    "sh: 1: exec: sudo: not found": SUDO,
    "sh: exec: line 0: sudo: not found": SUDO,
    "zsh:1: command not found: sudo": SUDO,
    "fish: Unknown command: sudo": SUDO,
    "sudo: Command not found.": SUDO,
    "bash: Zeile 1: exec: sudo: Nicht gefunden.": SUDO,
    "bash: Zeile 1: sudo: Kommando nicht gefunden.": SUDO,
    "bash: ligne 1: exec: sudo : non trouvé": SUDO,
    "bash: ligne 1: sudo\xa0: commande introuvable": SUDO,
    "sudo: python3: command not found": PYTHON,
    "sudo: python3: Befehl nicht gefunden": PYTHON,
    "sudo: python3\xa0: commande introuvable": PYTHON,
    "sudo-rs: 'python3': command not found": PYTHON,
    "exec: python3: not found": PYTHON,
    "zsh:1: command not found: python3": PYTHON,
    "WARNING: Your password has expired.\nPassword change required but no TTY available.": EXPIRED,
    "You are required to change your password immediately (administrator enforced).": EXPIRED,
    "Sie müssen Ihr Passwort sofort ändern (Passwortablauf).": EXPIRED,
    "Vous devez changer votre mot de passe immédiatement (mot de passe expiré).": EXPIRED,
    "sudo: Account or password is expired, reset your password and try again": EXPIRED,
    "sudo: Konto oder Passwort ist abgelaufen, bitte Passwort zurücksetzen und nochmal probieren": EXPIRED,
    "sudo: Le compte ou le mot de passe a expiré, réinitialisez votre mot de passe": EXPIRED,
    "Your account has expired; please contact your system administrator.": ACCOUNT,
    "Ihr Konto ist abgelaufen. Wenden Sie sich an den Systemadministrator.": ACCOUNT,
    "Votre compte a expiré\u202f; veuillez contacter votre administrateur système.": ACCOUNT,
    "sudo: account validation failure, is your account locked?": ACCOUNT,
    "\n  it printed what is no answer: This account is currently not available.": NOLOGIN,
    '"System is booting up. Unprivileged users are not permitted to log in yet. Please come back later. For '
    'technical details, see pam_nologin(8)."': "lets nobody in at present",
    "Unable to negotiate with 10.0.0.1 port 22: no matching host key type found. Their offer: ssh-dss": (
        "of no type"
    ),
    "Unable to negotiate with 10.0.0.1 port 22: no matching key exchange method found. Their offer: "
    "diffie-hellman-group1-sha1": "no way to encrypt",
    "kex_exchange_identification: read: Connection reset by peer": "before any login",
    "polydev@10.0.0.1: Permission denied (publickey).": "the login was refused",
    "ssh: connect to host 10.0.0.1 port 22: Connection timed out": "no answer",
}


@pytest.mark.parametrize("said", SAID, ids=ascii)
def test_what_was_said_is_understood_in_whatever_language(said: str) -> None:
    error = explain(said, address="10.0.0.1", user="polydev")
    assert SAID[said] in f"{error.message} {error.hint}"
    assert "run ssh by hand" not in error.hint
    assert "{" not in error.hint


def test_an_address_that_sshd_keeps_out_after_failed_logins_is_told_how_long_and_where() -> None:
    """OpenSSH's own since 9.8, five failed logins being enough: the client is told of a reset alone."""
    said = "kex_exchange_identification: read: Connection reset by peer\nConnection reset by 10.0.0.1 port 22"
    hint = explain(said, address="10.0.0.1").hint
    for word in ("failed logins", "PerSourcePenalties", "penalty:", "MaxStartups", "fail2ban"):
        assert word in hint
