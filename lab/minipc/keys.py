"""The twin's secrets: its SSH host key and its passwords. Each is made once and stays."""

from __future__ import annotations

import secrets
from pathlib import Path

from harness.run import run
from lab.image import keys as image_keys
from lab.paths import LabPaths

HOST_ALIAS = "minipc"
"""The twin's name in ``known_hosts``."""

DATABASE_ROLES = ("controller", "acceptance_ro")
"""The roles that log in with a password."""

TEST_USER = "acceptance@example.com"
"""Who may log in at the OpenID provider."""


def ensure(paths: LabPaths) -> None:
    """Have every key and password, each in a file that only root reads."""
    image_keys.ensure(paths)
    key = host_key(paths)
    if not key.exists():
        words: list[str | Path] = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", HOST_ALIAS, "-f", key]
        run(words, timeout_s=30, hint="install openssh-client")
    for role in DATABASE_ROLES:
        if not _password_file(paths, role).exists():
            write_private(_password_file(paths, role), secrets.token_hex(24) + "\n")
    if not test_user_password_file(paths).exists():
        # It is typed, key by key, on the screen of an emulated machine.
        write_private(test_user_password_file(paths), secrets.token_hex(8) + "\n")
    if not vnc_password_file(paths).exists():
        write_private(vnc_password_file(paths), secrets.token_hex(4) + "\n")  # VNC knows no longer ones
    write_private(database_url_file(paths), database_url(paths, "acceptance_ro") + "\n")
    kind, public, *_ = key.with_suffix(".pub").read_text().split()
    known_hosts(paths).write_text(f"{HOST_ALIAS} {kind} {public}\n")
    browser_vm_known_hosts(paths).write_text(image_keys.known_hosts(paths))


def host_key(paths: LabPaths) -> Path:
    """The twin's SSH host key; ``.pub`` lies beside it."""
    return paths.keys / "minipc_host_ed25519"


def known_hosts(paths: LabPaths) -> Path:
    """The file that knows the twin's host key under :data:`HOST_ALIAS`."""
    return paths.keys / "known_hosts"


def browser_vm_known_hosts(paths: LabPaths) -> Path:
    """The file that knows the host key of every VM."""
    return paths.keys / "known_hosts_browser_vm"


def password(paths: LabPaths, role: str) -> str:
    """The password of a database role."""
    return _password_file(paths, role).read_text().strip()


def database_url(paths: LabPaths, role: str) -> str:
    """How a role connects, as seen from inside the twin."""
    return f"postgresql://{role}:{password(paths, role)}@127.0.0.1:5432/postgres"


def database_url_file(paths: LabPaths) -> Path:
    """The file with the read-only connection string, for the site profile to point at."""
    return paths.keys / "database.url"


def test_user_password_file(paths: LabPaths) -> Path:
    """The file with the test user's password, for the site profile to point at."""
    return paths.keys / "test-user.password"


def vnc_password(paths: LabPaths) -> str:
    """The password of the VMs' screens, where a deployment has one."""
    return vnc_password_file(paths).read_text().strip()


def vnc_password_file(paths: LabPaths) -> Path:
    """The file with it, for the site profile to point at."""
    return paths.keys / "vnc.password"


def write_private(file: Path, text: str) -> None:
    """Write a secret whole or not at all, never readable by others."""
    fresh = half_written(file)
    fresh.touch(mode=0o600)
    fresh.write_text(text)
    fresh.replace(file)


def half_written(file: Path) -> Path:
    """Where a secret is until it is whole."""
    return file.with_name(f".{file.name}.new")


def files(paths: LabPaths) -> list[Path]:
    """Everything that :func:`ensure` makes."""
    private = [paths.ssh_key, paths.guest_host_key, host_key(paths)]
    public = [key.with_suffix(".pub") for key in private]
    people = [test_user_password_file(paths), vnc_password_file(paths)]
    passwords = [*(_password_file(paths, role) for role in DATABASE_ROLES), *people]
    known = [known_hosts(paths), browser_vm_known_hosts(paths)]
    return [*private, *public, *passwords, *known, database_url_file(paths)]


def _password_file(paths: LabPaths, role: str) -> Path:
    return paths.keys / f"{role}.password"
