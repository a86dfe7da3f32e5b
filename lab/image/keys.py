"""The lab's SSH keys: the one that opens guests and twin, and the guests' own host key."""

from __future__ import annotations

from pathlib import Path

from harness.run import run
from lab.paths import LabPaths


def ensure(paths: LabPaths) -> None:
    """Have both key pairs; each is made once and stays."""
    paths.keys.mkdir(parents=True, exist_ok=True)
    paths.keys.chmod(0o700)
    _pair(paths.ssh_key, "lab")
    _pair(paths.guest_host_key, "browser-vm")


def known_hosts(paths: LabPaths) -> str:
    """One ``known_hosts`` line that knows the guests' host key under any name or address."""
    kind, key, *_ = paths.guest_host_key.with_suffix(".pub").read_text().split()
    return f"* {kind} {key}\n"


def _pair(private: Path, comment: str) -> None:
    if not private.exists():
        words: list[str | Path] = [
            "ssh-keygen",
            "-q",
            "-t",
            "ed25519",
            "-N",
            "",
            "-C",
            comment,
            "-f",
            private,
        ]
        run(words, timeout_s=30, hint="install openssh-client")
