"""An sshd of our own on loopback, with its own keys, for this user; ended by its pid."""

from __future__ import annotations

import contextlib
import getpass
import shutil
import socket
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from harness.run import environment, run
from harness.transport.ssh import SshDestination
from harness.wait import wait_until
from tests.unit.peers.ports import free_port


@dataclass(frozen=True)
class PrivateSshd:
    """A running sshd and the login it accepts."""

    login: SshDestination
    process: subprocess.Popen[bytes]


@contextlib.contextmanager
def private_sshd(directory: Path) -> Iterator[PrivateSshd]:
    """Start it in a directory of its own."""
    for name in ("host", "user"):
        run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", directory / name], timeout_s=60)
    port = free_port()
    options = {
        "Port": port,
        "ListenAddress": "127.0.0.1",
        "HostKey": directory / "host",
        "AuthorizedKeysFile": directory / "user.pub",
        "PidFile": "none",
        "UsePAM": "no",
        "StrictModes": "no",
        "PasswordAuthentication": "no",
        "PermitRootLogin": "yes",
    }
    config = directory / "sshd_config"
    config.write_text("".join(f"{name} {value}\n" for name, value in options.items()))
    known = directory / "known_hosts"
    known.write_text(f"[127.0.0.1]:{port} {(directory / 'host.pub').read_text()}")
    binary = shutil.which("sshd", path="/usr/sbin:/usr/local/sbin")
    assert binary is not None, "the package openssh-server is needed"
    if getpass.getuser() == "root":
        Path("/run/sshd").mkdir(exist_ok=True)  # privilege separation wants it
    process = subprocess.Popen(
        [binary, "-D", "-e", "-f", str(config)],
        stdin=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env=environment(),
    )
    try:
        wait_until(
            lambda: _accepts(port),
            what="sshd listens",
            timeout_s=60,
            retry_on=(ConnectionRefusedError,),
        )
        login = SshDestination(
            address="127.0.0.1",
            user=getpass.getuser(),
            port=port,
            identity_file=directory / "user",
            known_hosts_file=known,
            connect_timeout_s=30,
        )
        yield PrivateSshd(login, process)
    finally:
        process.terminate()
        process.wait(60)


def _accepts(port: int) -> bool:
    with socket.create_connection(("127.0.0.1", port)):
        return True
