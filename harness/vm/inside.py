"""The inside of a VM: the one SSH connection into its guest, made when first used, and shell for it."""

from __future__ import annotations

import re
import shlex
import sys
import threading
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from pathlib import Path

from harness.host.hypervisor import Hypervisor
from harness.infra.environment import without_environment
from harness.infra.host import Host, ShellBackend
from harness.infra.shell import Shell, as_it_is
from harness.run import Result, run
from harness.text import decoded
from harness.transport.ssh import SshConnection, SshDestination

_KEY_ALIAS = "browser-vm"
"""All clones are held to one key, where they may share it; where they may not, each to its own."""
_NOT_IN_ALIAS = re.compile(r"[^\w-]", re.ASCII)
_LOGIN_S = 30.0
"""Key exchange under emulation takes a second and a half. Longer where a VM may take longer to answer."""
_GUEST_COMMAND_S = 60.0

_CONNECTOR = """\
import array, socket, sys
far = socket.socket(socket.AF_UNIX)
far.connect(sys.argv[1])
near = socket.socket(fileno=1)
near.sendmsg([b"\\0"], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [far.fileno()]))])
"""


class Guest:
    """SSH into one clone. Its master needs no watching: it ends when the clone's end of the relay does.

    :param socket: local unix socket that leads to the guest's SSH port.
    :param whose: tells it from another VM that had its name before.
    """

    def __init__(self, hypervisor: Hypervisor, name: str, socket: Path, *, whose: str = "") -> None:
        self._hypervisor = hypervisor
        self._name = name
        self._socket = socket
        self._whose = whose
        self._lock = threading.Lock()
        self._connection: SshConnection | None = None
        self._backends: list[ShellBackend] = []

    @property
    def connection(self) -> SshConnection:
        """The connection, made at first use.

        :raises SshError: it cannot be made.
        """
        with self._lock:
            if self._connection is None:
                self._connection = self._connect()
            return self._connection

    def host(self, *, remembers: bool) -> Host:
        """The guest in testinfra's words, as root, under the clone's name; its shell ends with us.

        What a unit sets in its environment is not told, but for what the profile names.

        :param remembers: whether an answer stands for good.
        """
        clean = without_environment(self._hypervisor.site)
        backend = ShellBackend(
            self._name, partial(self._open_shell, clean), timeout_s=_GUEST_COMMAND_S, remembers=remembers
        )
        with self._lock:
            self._backends.append(backend)
        return Host(backend)

    def script(self, text: str, *, timeout_s: float) -> Result:
        """Run a shell script as root in a shell of its own; the guest itself ends it at the deadline.

        What it leaves running is not waited for.
        """
        shell = self._open_shell(as_it_is)
        try:
            result = shell.run(text, timeout_s=timeout_s)
        finally:
            shell.close()
        return Result(("sh", "-c", text), result.status, result.stdout, result.stderr)

    def program(self, argv: Sequence[str], data: bytes, *, timeout_s: float) -> Result:
        """Run a program as root, with ``data`` for its stdin. A non-zero status does not raise."""
        words = self.connection.command([*self._become_root, *argv])
        return run(words, timeout_s=timeout_s, check=False, input_text=decoded(data))

    def close(self) -> None:
        """End the connection, if there is one; the next use makes another."""
        with self._lock:
            backends, connection, self._connection = list(self._backends), self._connection, None
        # Without the lock: whoever opens a shell meanwhile holds that shell's, and waits for ours.
        for backend in backends:
            backend.close()
        if connection is not None:
            connection.close()

    def _open_shell(self, clean: Callable[[str], str]) -> Shell:
        words = [*self._become_root, "sh"]
        connection = self.connection
        process = connection.start_beside(words)
        return Shell(process, name=self._name, explain=connection.explain, clean=clean)

    @property
    def _become_root(self) -> list[str]:
        return [] if self._hypervisor.site.guest.user == "root" else ["sudo", "-n", "--"]

    @property
    def _key_alias(self) -> str:
        section = self._hypervisor.site.guest
        if section.known_hosts_file is not None or "ssh-host-keys" in section.shared_identity:
            return _KEY_ALIAS
        return "-".join(filter(None, (_KEY_ALIAS, self._name, _NOT_IN_ALIAS.sub("", self._whose))))

    def _connect(self) -> SshConnection:
        section = self._hypervisor.site.guest
        login_s = max(_LOGIN_S, section.restore_health_s)
        directory = self._hypervisor.connection.directory
        recorded = directory / "guest-keys"
        number = self._name.rpartition("-")[2]
        # Its own, as others connect at the same time: one that is being written says nothing when it is run.
        connector = directory / f"g{number}.py"
        connector.write_text(_CONNECTOR)
        proxy = shlex.join([sys.executable, "-I", "-S", str(connector), str(self._socket)])
        destination = SshDestination(
            address=self._name,
            user=section.user,
            identity_file=section.identity_file,
            known_hosts_file=section.known_hosts_file or recorded,
            host_key_alias=self._key_alias,
            proxy_command=proxy.replace("%", "%%"),
            proxy_passes_socket=True,
            accept_new_key=section.known_hosts_file is None,
            connect_timeout_s=login_s,
        )
        connection = SshConnection(destination, directory, alias=self._name, short=f"g{number}")
        if destination.accept_new_key and not recorded.exists():
            with self._hypervisor.guest_key_lock:  # one clone shows the key, the others are held to it
                connection.open(login_s)
        else:
            connection.open(login_s)
        return connection


def freezing(units: Iterable[str]) -> str:
    """Shell that freezes those units of a guest, in whichever slice they are; what is not there is left out.

    For a desktop where nobody looks at it: what it draws takes the processors from all VMs.
    """
    return (
        f"systemctl show --value -p ControlGroup -- {shlex.join(units)} | while read -r group; do\n"
        '  group=/sys/fs/cgroup$group\n  [ -d "$group" ] && [ "$group" != /sys/fs/cgroup ] &&\n'
        '    echo 1 >"$group/cgroup.freeze"\ndone'
    )
