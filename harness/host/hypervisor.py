"""The hypervisor host: one connection, one custodian, and questions asked in one round trip each."""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import re
import secrets
import threading
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path, PurePosixPath
from types import TracebackType
from typing import Any

from harness.answers import read_json
from harness.custodian.kept import Kept
from harness.custodian.script import MOST_SAID
from harness.custodian.service import KEEPS
from harness.errors import CommandError, HarnessError, UsageError
from harness.host import bundle
from harness.host.custodian import Custodian, telling_its_end
from harness.infra.environment import without_environment
from harness.infra.host import Host, ShellBackend
from harness.infra.shell import Shell
from harness.run import Result, run
from harness.site.profile import Site
from harness.text import beginning, encoded, ending
from harness.transport.connection import Connection
from harness.transport.http import endpoint_of
from harness.transport.local import LocalConnection
from harness.transport.private import private_directory
from harness.transport.ssh import SshConnection, SshDestination

# Beyond the login: sudo, Python, and the reaper, which may have a session to cancel.
_CUSTODIAN_START_S = 20.0
_CUSTODIAN_END_S = 30.0  # for all but sessions to be removed
_HOST_COMMAND_S = 30.0  # for a command of a check
_ANSWER_GRACE_S = 15.0  # beyond what a request itself may take
_LONGEST_ARGUMENT = 64 << 10


class Hypervisor:
    """A context manager that holds the one connection to the host.

    :param run_id: six hex digits that mark everything we make there; default a fresh one.
    :param keeps: whether a clone may stay there when we are gone.
    """

    def __init__(self, site: Site, *, run_id: str | None = None, keeps: bool = False) -> None:
        self.site = site
        self._how = [KEEPS] if keeps else []
        self.run_id = run_id or secrets.token_hex(3)
        if not re.fullmatch(r"[0-9a-f]{6}", self.run_id):
            raise UsageError(f"run id {self.run_id!r} is not six hex digits")
        self.guest_key_lock = threading.Lock()
        """Held while the first clone's SSH key is put on record."""
        self._numbers = itertools.count(1)
        self._open: contextlib.ExitStack | None = None
        self._connection: Connection | None = None
        self._custodian: Custodian | None = None

    def __enter__(self) -> Hypervisor:
        """Connect, start the custodian, and remove what dead runs left (see :attr:`reaped`)."""
        with contextlib.ExitStack() as undo:
            self._connection = self._connect()
            undo.callback(self._connection.close)
            program = bundle.program()
            argv = bundle.command(len(program), f"acc-{self.run_id}", str(self.clones_dir), *self._how)
            process = self._connection.start(telling_its_end([*become_root(self.site), *argv]))
            self._custodian = Custodian(
                process,
                program,
                timeout_s=self.site.host.connect_timeout_s + _CUSTODIAN_START_S + self.site.session.end_s,
                explain=self._connection.explain,
            )
            undo.callback(self._end_custodian, self._custodian)
            self._open = undo.pop_all()
        if isinstance(self._connection, LocalConnection):
            self._connection.relay = self._relay
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Destroy all we made on the host, and disconnect.

        :raises HarnessError: something could not be removed.
        """
        if self._open is not None:
            self._open.close()

    @property
    def connection(self) -> Connection:
        """The one connection."""
        if self._connection is None:
            raise UsageError("the host is not connected", hint="use it as a context manager")
        return self._connection

    @property
    def custodian(self) -> Custodian:
        """The process on the host that owns all we make there."""
        if self._custodian is None:
            raise UsageError("the host is not connected", hint="use it as a context manager")
        return self._custodian

    @property
    def reaped(self) -> list[str]:
        """What the reaper removed when we connected, a line each."""
        return list(self.custodian.facts["reaped"])

    @property
    def kept(self) -> list[Kept]:
        """The clones of other runs that were kept there for a look when we connected."""
        return [Kept(**one) for one in self.custodian.facts["kept"]]

    @property
    def clones_dir(self) -> PurePosixPath:
        """Where this run's disk copies go on the host."""
        parent = self.site.state.clones_dir or PurePosixPath(self.site.snapshot.disk).parent.parent
        return PurePosixPath(parent) / f"acc-{self.run_id}"

    def next_name(self) -> str:
        """A name no other VM of this run has: ``acc-<run>-<n>``."""
        return f"acc-{self.run_id}-{next(self._numbers)}"

    @cached_property
    def testinfra(self) -> Host:
        """The host in testinfra's words, as root, over one shell; every question is asked anew.

        What a unit sets in its environment is not told, but for what the profile names.
        """
        backend = ShellBackend(self.connection.alias, self._open_shell, timeout_s=_HOST_COMMAND_S)
        if self._open is not None:
            self._open.callback(backend.close)
        return Host(backend)

    def script(self, text: str, *, timeout_s: float, root: bool = True) -> Result:
        """Run a shell script on the host in one round trip. A non-zero status does not raise.

        :param root: as root, or as the login user.
        It is over when the shell is: what is left in the background is killed, and not waited for.

        :raises CommandError: not ended within ``timeout_s``, or it says too much; its group is then killed.
        """
        return self._program(["sh", "-c", text], "", timeout_s=timeout_s, root=root)

    def output(self, argv: Sequence[str], *, timeout_s: float) -> bytes:
        """What a program prints that is run on the host as root, as it comes: for more than a script may say.

        :raises CommandError: it ended with a non-zero status, did not end in time, or said too much.
        """
        done = run(self.connection.command([*become_root(self.site), *argv]), timeout_s=timeout_s)
        return encoded(done.stdout)

    def python(self, source: str, argument: object = None, *, timeout_s: float) -> Any:
        """Run stdlib-only Python (3.9+) on the host as root, in one round trip.

        ``source`` finds ``argument`` as JSON in ``sys.argv[1]`` (or on stdin where it is over 64 KiB: then
        ``sys.argv[1]`` is ``-``), and prints one JSON document, which is returned decoded.

        :raises CommandError: a non-zero status, said too much, or not ended in time.
        :raises UnreadableError: what it printed is not JSON.
        """
        text = json.dumps(argument)
        word, on_stdin = (text, "") if len(text) <= _LONGEST_ARGUMENT else ("-", text)
        argv = ["python3", "-I", "-S", "-c", source, word]
        result = self._program(argv, on_stdin, timeout_s=timeout_s, root=True)
        if result.status != 0:
            raise CommandError(
                f"Python on the host: status {result.status}\n  it said: {ending(result.stderr, 2000)}"
            )
        return read_json(result.stdout, whose="Python on the host")

    def forward(self, target: str, local: Path | None = None) -> Path:
        """A local unix socket that leads to ``tcp:<address>:<port>`` or ``unix:<path>`` on the host."""
        return self.connection.forward(target, local)

    def forward_to(self, url: str) -> Path:
        """A local unix socket that leads to the server that a URL names, as the host sees it."""
        name, port = endpoint_of(url)
        return self.forward(f"tcp:{name}:{port}")

    def _program(self, argv: list[str], input_text: str, *, timeout_s: float, root: bool) -> Result:
        answer = self.custodian.ask(
            "script",
            timeout_s=timeout_s + _ANSWER_GRACE_S,
            argv=argv,
            input_text=input_text,
            limit_s=timeout_s,
            root=root,
        )
        result = Result(tuple(argv), answer["status"], answer["stdout"], answer["stderr"])
        if answer["truncated"]:
            command = beginning(result.command, 2000)
            raise CommandError(
                f"on the host, said over {MOST_SAID >> 20} MiB, and was ended: {command}\n"
                f"  it said first: {beginning(result.stdout or result.stderr, 500)}",
                hint="something that it lists is far larger than a host like this should have",
            )
        if answer["timed_out"]:
            said = ending(result.stdout + result.stderr, 1000)
            raise CommandError(f"on the host, took over {timeout_s:g} s: {result.command}\n  it said: {said}")
        return result

    def _connect(self) -> Connection:
        return connection_to(self.site, alias=f"acc-{self.run_id}-host")

    def _open_shell(self) -> Shell:
        connection, clean = self.connection, without_environment(self.site)
        process = connection.start_beside([*become_root(self.site), "sh"])
        return Shell(process, name=connection.alias, explain=connection.explain, clean=clean)

    def _relay(self, address: str, port: int) -> Path:
        return Path(self.custodian.ask("relay_host", address=address, port=port, timeout_s=_ANSWER_GRACE_S))

    def _end_custodian(self, ending: Custodian) -> None:
        # A launch that is under way is waited for: only its answer says what there is to cancel.
        sessions = self.site.session
        if complaints := ending.close(timeout_s=_CUSTODIAN_END_S + sessions.launch_s + sessions.end_s):
            raise HarnessError(
                f"on ending, the custodian on the host could not do all that it should:\n  {complaints}",
                hint="the next run's reaper removes what is left; a VM that does not stay is gone",
            )


def become_root(site: Site) -> list[str]:
    """What a command on a site's host begins with that root is to run."""
    section = site.host
    is_root = os.geteuid() == 0 if section.transport == "local" else section.user == "root"
    return [] if is_root else ["sudo", "-n", "--"]


def connection_to(site: Site, *, alias: str) -> Connection:
    """The way to a site's host, not opened yet."""
    section = site.host
    if section.transport == "local":
        return LocalConnection(private_directory())
    destination = SshDestination(
        address=section.address,
        user=section.user,
        port=section.port,
        identity_file=section.identity_file,
        known_hosts_file=section.known_hosts_file,
        host_key_alias=section.host_key_alias,
        proxy_command=section.proxy_command,
        connect_timeout_s=section.connect_timeout_s,
    )
    return SshConnection(destination, private_directory(), alias=alias)
