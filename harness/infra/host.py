"""testinfra's Host over a shell of our own: what cannot be asked is our trouble, never an empty answer."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import testinfra.host
from testinfra.backend.base import BaseBackend, CommandResult

from harness.errors import CommandError, TransportError
from harness.infra.links import Link
from harness.infra.listeners import Listener
from harness.infra.shell import Shell
from harness.infra.units import Service, Unit
from harness.run import Result
from harness.text import beginning, decoded, encoded, ending

_NOT_RUN = {126: "cannot be executed", 127: "no such command"}
_LOOKS_UP = ("command -v ", "which ")
"""How testinfra asks whether there is a command: there, a status other than 0 is the answer."""


class ShellBackend(BaseBackend):  # type: ignore[misc] # testinfra is not typed
    """Commands through a shell, which is opened at the first one, and again where it was lost.

    :param open_shell: makes the shell.
    :param timeout_s: seconds that a command may take.
    :param remembers: whether an answer stands for good, however often it is asked for: for a machine that
        nobody changes.
    """

    NAME = "shell"

    def __init__(
        self,
        name: str,
        open_shell: Callable[[], Shell],
        *,
        timeout_s: float,
        remembers: bool = False,
    ) -> None:
        super().__init__(name)
        self._open_shell = open_shell
        self._timeout_s = timeout_s
        self._remembers = remembers
        self._shell: Shell | None = None
        self._why_sealed = ""
        self._lock = threading.Lock()
        self.answers: dict[str, Result] = {}
        """What was answered last, by command."""

    def run(self, command: str, *args: str, **_options: Any) -> CommandResult:
        """One command; each ``%s`` in it stands for one of ``args``, quoted.

        :raises CommandError: there is no such command, or it did not end in time, or printed too much.
        :raises TransportError: the way to the machine is lost.
        """
        command = self.quote(command, *args)
        known = self.answers.get(command) if self._remembers else None
        result = self.answers[command] = known or self.ask(command, timeout_s=self._timeout_s)
        if result.status in _NOT_RUN and not command.startswith(_LOOKS_UP):
            raise CommandError(
                f"in {self.hostname}: {_NOT_RUN[result.status]}: {beginning(command, 500)}\n"
                f"  it said: {ending(result.stderr.strip(), 500)}",
                hint="install it there, or mend the PATH that a login finds",
            )
        return CommandResult(self, result.status, encoded(command), result.stdout, result.stderr)

    def encode(self, data: str) -> bytes:
        """The bytes that were printed."""
        return encoded(data)

    def decode(self, data: bytes) -> str:
        """What was printed, as a text."""
        return decoded(data)

    def ask(self, command: str, *, timeout_s: float) -> Result:
        """One command, whatever was answered before."""
        with self._lock:
            if self._why_sealed:
                asked = beginning(command, 200)
                raise TransportError(f"{self._why_sealed}, and it had not been asked {asked!r}")
            if self._shell is not None and not self._shell.is_open:
                self._shell.close()  # it may have ended by itself: its pipes have not
                self._shell = None
            shell = self._shell = self._shell or self._open_shell()
        return shell.run(command, timeout_s=timeout_s)

    def remember(self, answers: Mapping[str, Result]) -> None:
        """Take these for the answers to their commands."""
        self.answers.update(answers)

    def evidence(self) -> dict[str, dict[str, object]]:
        """Every command so far with its last answer."""
        return {
            command: {"status": told.status, "stdout": told.stdout, "stderr": told.stderr}
            for command, told in list(self.answers.items())  # a thread may be asking meanwhile
        }

    def seal(self, why: str) -> None:
        """Ask no more: what was not answered by now cannot be told.

        :param why: for the message, as ``the VM is gone``.
        """
        self._why_sealed = why  # before: a thread may be asking, and would open another shell
        self.close()

    def close(self) -> None:
        """End the shell; the next command opens another one."""
        with self._lock:
            if self._shell is not None:
                self._shell.close()


class Host(testinfra.host.Host):  # type: ignore[misc] # as above
    """A machine in testinfra's words, and in some of ours where testinfra folds its answers or has none.

    >>> guest.service("browser-vm-auth.service").systemd_properties["Restart"]
    'always'
    >>> guest.unit("browser-vm-auth.service").lines("ExecStartPre")
    ['{ path=/bin/sleep ; argv[]=/bin/sleep 2 ; … }']
    >>> guest.listener(8080).addresses
    ['0.0.0.0']
    """

    backend: ShellBackend
    service: type[Service]
    unit: type[Unit]
    listener: type[Listener]
    link: type[Link]

    def __init__(self, backend: ShellBackend) -> None:
        super().__init__(backend)
        backend.set_host(self)

    def __getattr__(self, name: str) -> Any:
        if name not in MODULES:
            return super().__getattr__(name)
        module = MODULES[name].get_module(self)
        setattr(self, name, module)
        return module

    @property
    def name(self) -> str:
        """The machine, as messages call it."""
        return str(self.backend.get_hostname())

    def run_expect(self, expected: Iterable[int], command: str, *args: str, **options: Any) -> CommandResult:
        """Run a command that must end with one of these statuses, or else told nothing.

        :raises CommandError: it ended with another one.
        """
        done = self.run(command, *args, **options)
        if done.rc not in expected:
            said = ending(done.stderr.strip() or done.stdout.strip() or "nothing", 500)
            raise CommandError(
                f"in {self.name}: exit status {done.rc}: {decoded(done.command)}\n  it said: {said}",
                hint="run it there by hand",
            )
        return done

    def check_output(self, command: str, *args: str, **options: Any) -> str:
        """What a command printed that must succeed, without its last newline.

        :raises CommandError: it did not.
        """
        done = self.run_expect([0], command, *args, **options)
        return str(done.stdout).rstrip("\r\n")


MODULES: Mapping[str, Any] = {"service": Service, "unit": Unit, "listener": Listener, "link": Link}
"""Modules of ours, by the name that they are reached by."""
