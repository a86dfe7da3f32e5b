"""One OpenSSH connection: a control master that dies with us, and the forwards through it."""

from __future__ import annotations

import itertools
import os
import re
import select
import shlex
import shutil
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from harness.errors import CommandError, SshError, UsageError
from harness.run import environment, run
from harness.text import decoded
from harness.transport.private import close_pipes, end_group, start_and_remove, start_with_pipes
from harness.transport.ssh_errors import explain

_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_READY = b"ready\n"
_SAID_LIMIT = 64 << 10  # bytes of what an ssh that has ended had said


@dataclass(frozen=True)
class SshDestination:
    """Where to log in, as whom, and what to hold the machine there to."""

    address: str
    user: str
    port: int = 22
    identity_file: Path | None = None
    known_hosts_file: Path | None = None
    host_key_alias: str | None = None
    proxy_command: str | None = None
    proxy_passes_socket: bool = False
    """The proxy command hands over a connected socket and ends."""
    accept_new_key: bool = False
    connect_timeout_s: float = 10

    def config(self, alias: str, control: Path) -> str:
        """The ssh_config block.

        :raises UsageError: a value would not stay within its line.
        """
        options = {
            "HostName": self.address,
            "User": self.user,
            "Port": self.port,
            "IdentityFile": self.identity_file and f'"{self.identity_file}"',
            "IdentitiesOnly": "yes" if self.identity_file else None,
            "UserKnownHostsFile": self.known_hosts_file and f'"{self.known_hosts_file}"',
            "GlobalKnownHostsFile": "none" if self.known_hosts_file else None,
            "HostKeyAlias": self.host_key_alias,
            "StrictHostKeyChecking": "accept-new" if self.accept_new_key else "yes",
            "UpdateHostKeys": "no",
            "ProxyCommand": self.proxy_command,
            "ProxyUseFdpass": "yes" if self.proxy_passes_socket else None,
            "BatchMode": "yes",
            "ConnectTimeout": max(1, round(self.connect_timeout_s)),
            "ServerAliveInterval": 5,
            "ServerAliveCountMax": 3,
            "ControlMaster": "no",
            "ControlPath": f'"{control}"',
            "ControlPersist": "no",
            "StreamLocalBindUnlink": "yes",
            "LogLevel": "ERROR",
            "ForwardAgent": "no",
            "ForwardX11": "no",
        }
        lines = [f"  {name} {value}" for name, value in options.items() if value is not None]
        if odd := [line for line in lines if _CONTROL.search(line)]:
            raise UsageError(f"a line of ssh_config cannot hold this: {odd[0].strip()!r}")
        return "\n".join([f"Host {alias}", *lines, ""])


class SshConnection:
    """A control master in ``directory``, started by :meth:`start` or :meth:`open`.

    Nothing outlives us: the master's own session is a program that ends with its stdin, and the last thing
    its parent does is to remove the directory.
    """

    def __init__(self, destination: SshDestination, directory: Path, *, alias: str, short: str = "h") -> None:
        self.alias = alias
        self.directory = directory
        self.config_file = directory / f"{short}.conf"
        self._destination = destination
        self._short = short
        self._numbers = itertools.count(1)
        self._master: subprocess.Popen[bytes] | None = None
        self._owns_directory = False
        self._owns_pipes = True
        self._forwards: dict[Path, str] = {}
        self.config_file.write_text(destination.config(alias, directory / short))

    def start(self, argv: Sequence[str]) -> subprocess.Popen[bytes]:
        """Connect, with ``argv`` as the master's own session; the directory goes when it ends."""
        master = self._ssh("-M", "-T", self.alias, "exec " + shlex.join(argv))
        self._owns_directory, self._owns_pipes = True, False
        self._master = start_and_remove(self.directory, master)
        return self._master

    def hold(self, timeout_s: float) -> None:
        """Connect, with a session that does nothing; it ends when we do, and the directory goes.

        :raises SshError: not connected in time.
        """
        self.start(["sh", "-c", "echo ready; exec cat"])
        self._owns_pipes = True
        self._await_login(timeout_s)

    def start_beside(self, argv: Sequence[str]) -> subprocess.Popen[bytes]:
        """Start a program over the connection, with pipes."""
        return start_with_pipes(self.command(argv))

    def command(self, argv: Sequence[str]) -> list[str]:
        """What runs a program over the connection."""
        return self._ssh("-T", self.alias, "exec " + shlex.join(argv))

    def open(self, timeout_s: float) -> None:
        """Connect without a session; for a connection whose far end dies with another connection of ours.

        :raises SshError: not connected in time.
        """
        ready = ("-o", "PermitLocalCommand=yes", "-o", "LocalCommand=echo ready")
        self._master = subprocess.Popen(
            self._ssh("-M", "-N", *ready, self.alias),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=environment(),
            start_new_session=True,
        )
        self._await_login(timeout_s)

    def explain(self, said: str) -> SshError:
        """An error for what ssh said."""
        destination = self._destination
        return explain(
            said,
            address=destination.address,
            port=destination.port,
            user=destination.user,
            identity=destination.identity_file,
            known_hosts=destination.known_hosts_file,
        )

    def forward(self, target: str, local: Path | None = None) -> Path:
        """A local unix socket that leads to ``target``."""
        local = local or self.directory / f"{self._short}-{next(self._numbers)}"
        self.forward_all([target], [local])
        return local

    def forward_all(self, targets: Sequence[str], locals_: Sequence[Path]) -> None:
        """Several forwards in one request to the master."""
        pairs = dict(zip(locals_, targets, strict=True))
        self._control("forward", pairs)
        self._forwards.update(pairs)

    def cancel(self, locals_: Sequence[Path]) -> None:
        """End forwards, and remove their sockets."""
        self._control(
            "cancel", {path: self._forwards.pop(path) for path in locals_ if path in self._forwards}
        )
        for path in locals_:
            path.unlink(missing_ok=True)

    def close(self) -> None:
        """End the master, if it has not ended with its session."""
        if self._master is not None and self._master.poll() is None:
            end_group(self._master)
        if self._master is not None and self._owns_pipes:  # else they are the custodian's
            close_pipes(self._master)
        if self._owns_directory:
            shutil.rmtree(self.directory, ignore_errors=True)  # the master's parent may have been first

    def _control(self, what: str, forwards: Mapping[Path, str]) -> None:
        options = [f"-L{local}:{_far_end(target)}" for local, target in forwards.items()]
        if not options:
            return
        try:
            run(self._ssh("-O", what, *options, self.alias), timeout_s=self._destination.connect_timeout_s)
        except CommandError as error:
            raise self.explain(error.message) from error

    def _await_login(self, timeout_s: float) -> None:
        assert self._master is not None  # noqa: S101 - it has just been started
        assert self._master.stdout is not None  # noqa: S101 - with pipes
        heard, ended = _heard(self._master.stdout.fileno(), timeout_s)
        if not heard.endswith(_READY):
            printed = decoded(heard).strip()
            late = "" if ended and printed else f"timed out: no login within {timeout_s:g} s"
            said = self._ended_with() or f"{printed}\n{late}".strip()
            self.close()
            raise self.explain(said)

    def _ended_with(self) -> str:
        """Make sure that the master has ended; what it said."""
        assert self._master is not None  # noqa: S101 - open() has started it
        end_group(self._master)
        assert self._master.stderr is not None  # noqa: S101 - asked for by open()
        os.set_blocking(self._master.stderr.fileno(), False)  # a child of its may hold the pipe
        return decoded(self._master.stderr.read(_SAID_LIMIT) or b"").strip()

    def _ssh(self, *words: str) -> list[str]:
        return ["ssh", "-F", str(self.config_file), *words]


def _heard(pipe: int, timeout_s: float) -> tuple[bytes, bool]:
    """The last of what comes until a login is ready, and whether nothing more can come. What it prints before
    that may have no newline."""
    login = select.poll()
    login.register(pipe, select.POLLIN)
    heard, ends = b"", time.monotonic() + timeout_s
    while not heard.endswith(_READY) and login.poll(1000 * max(0.0, ends - time.monotonic())):
        chunk = os.read(pipe, _SAID_LIMIT)
        if not chunk:
            return heard, True
        heard = (heard + chunk)[-_SAID_LIMIT:]
    return heard, False


def _far_end(target: str) -> str:
    kind, _, rest = target.partition(":")
    if kind not in ("tcp", "unix"):
        raise ValueError(f"{target}: neither tcp:<address>:<port> nor unix:<path>")
    address, _, port = rest.rpartition(":")
    return f"[{address}]:{port}" if kind == "tcp" and ":" in address else rest
