"""A host asked how it is laid out: a login and a few round trips, with nothing made there."""

from __future__ import annotations

import contextlib
import json
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePosixPath
from typing import Any

from harness.answers import read_as, read_json
from harness.errors import CommandError, TransportError
from harness.host import facts
from harness.host.bundle import NEW_ENOUGH
from harness.host.facts import Asked, ask_host
from harness.host.hypervisor import become_root, connection_to
from harness.host.parts import Processes, Taps
from harness.mend import shell_line
from harness.run import run
from harness.site.profile import Site
from harness.survey.seen import GuestDisk, HostSeen, Told, Vmm
from harness.survey.unit_text import PACKAGED, SCRIPTS, UNITS, units_of
from harness.text import encoded, ending
from harness.transport.connection import Connection
from harness.transport.ssh import SshConnection

_PROBES = Path(facts.__file__).parent / "probes"
_LOOK_S = 120.0
_PROBE_S = 90.0  # of these, for all that the host is looked at for beyond its processes
_LOGIN_S = 20.0
_MOST_TEXT = 256 << 10
_MOST_FILES = 400
_LONGEST_ARGUMENT = 64 << 10
_SAID = 2000
_BOOT = f"{NEW_ENOUGH}exec(compile(sys.argv.pop(1),'what is asked','exec'))"
_SLOW = "is the host very busy, or does a file system of it not answer? Try again when it is idle"
_FOLDERS = (
    *UNITS,
    "/etc/systemd/system/multi-user.target.wants",
    "/etc/systemd/system/graphical.target.wants",
)
_SSHD = "/etc/ssh/sshd_config"
_KEYS = "/root/.ssh/authorized_keys"


class Looker:
    """A connection that programs are run over, as root; what :class:`harness.host.facts.Asked` asks for."""

    def __init__(self, site: Site, connection: Connection) -> None:
        self.site = site
        self.connection = connection

    def python(self, source: str, argument: object = None, *, timeout_s: float) -> Any:
        """Run a program there as root, with a JSON argument and a JSON answer; it ends when we do.

        :raises TransportError: root, Python or an answer is not to be had.
        """
        text = json.dumps(argument)
        word, on_stdin = (text, "") if len(text) <= _LONGEST_ARGUMENT else ("-", text)
        leash = (_PROBES / "leash.py").read_text(encoding="utf-8")
        words = (_BOOT, leash, source, word, str(len(encoded(on_stdin))))
        command = self.connection.command([*become_root(self.site), "python3", "-I", "-S", "-c", *words])
        try:
            done = run(command, timeout_s=timeout_s, check=False, input_text=on_stdin, leashed=True)
        except CommandError as error:  # nobody is to read a program to learn that it was slow
            told = error.message.replace(shell_line(command), "Python on the host")
            raise CommandError(told, hint=_SLOW) from error
        if done.status != 0 and not done.stdout:
            if "Traceback" in done.stderr:
                raise CommandError(
                    f"Python on the host: status {done.status}\n  it said: {ending(done.stderr, _SAID)}"
                )
            raise self.connection.explain(done.stderr.strip() or done.stdout.strip())
        return read_json(done.stdout, whose="Python on the host")


@contextlib.contextmanager
def looking(site: Site) -> Iterator[Looker]:
    """Log in.

    :raises SshError: no connection, or no login.
    """
    connection = connection_to(site, alias="acc-survey-host")
    try:
        if isinstance(connection, SshConnection):
            connection.hold(site.host.connect_timeout_s + _LOGIN_S)
        yield Looker(site, connection)
    finally:
        connection.close()
        shutil.rmtree(connection.directory, ignore_errors=True)


def ask(host: Asked, patterns: Sequence[str]) -> HostSeen:
    """All that is seen of the host but its golden disk: two round trips.

    :raises HarnessError: it did not answer.
    """
    said = ask_host(host, parts=("processes", "taps", "kvm"), timeout_s=_LOOK_S)
    processes, taps = said.part("processes", Processes), _taps(said)
    name = host.site.vmm.process_name
    pids = [one.pid for one in processes.vmms]
    argument = {"vmms": pids, "name": name, "patterns": list(patterns), "limit_s": _PROBE_S}
    source = (_PROBES / "survey.py").read_text(encoding="utf-8")
    answer = host.python(source, argument, timeout_s=_LOOK_S)
    told = read_as(Told, answer, whose="what the host says of its deployment")
    opened = {one.pid: one for one in told.opened}
    vmms = tuple(Vmm(one, opened[one.pid]) for one in processes.vmms if one.pid in opened)
    return HostSeen(vmms, taps.taps, taps.host_netns, told, said.kvm.fault, name)


def read_disk(host: Asked, disk: str) -> GuestDisk:
    """Units, sshd's settings and the agent's sources on the golden disk: three round trips."""
    try:
        return _read_disk(host, disk)
    except TransportError as error:
        return GuestDisk(disk, error=error.message.partition("\n")[0])


def _read_disk(host: Asked, disk: str) -> GuestDisk:
    listed = _shown(host, disk, [*_FOLDERS, f"{_SSHD}.d"])
    names = {folder: [str(one) for one in told.get("names", ())] for folder, told in listed.items()}
    if not any(names.values()):
        why = str(listed[_FOLDERS[0]].get("error", "nothing is in it"))
        return GuestDisk(disk, error=f"{_FOLDERS[0]}: {why}")
    enabled = frozenset(one for folder in _FOLDERS[len(UNITS) :] for one in names[folder])
    own = [f"{at}/{one}" for at in UNITS for one in names[at] if one.endswith((".service", ".service.d"))]
    packaged = [one for one in sorted(enabled) if not any(one in names[at] for at in UNITS)]
    own += [f"{PACKAGED}/{one}" for one in packaged if one.endswith(".service")]
    configs = [f"{_SSHD}.d/{one}" for one in names[f"{_SSHD}.d"] if one.endswith(".conf")]
    read = _shown(host, disk, [*own[:_MOST_FILES], *configs, _SSHD, _KEYS])
    inside = [f"{path}/{one}" for path, told in read.items() for one in told.get("names", ())]
    files = _contents(read)
    folders = sorted({folder for one in units_of(GuestDisk(disk, files)) if (folder := one.script_folder)})
    beside = _shown(host, disk, folders) if folders else {}
    scripts = [
        str(PurePosixPath(folder, one))
        for folder, told in beside.items()
        for one in told.get("names", ())
        if one.endswith(SCRIPTS) or one == ".env"
    ]
    more = [*inside, *scripts][:_MOST_FILES]
    files |= _contents(_shown(host, disk, more)) if more else {}
    return GuestDisk(disk, files, enabled)


def _shown(host: Asked, disk: str, paths: Sequence[str]) -> dict[str, Any]:
    source = (_PROBES / "disk.py").read_text(encoding="utf-8")
    answer = host.python(source, [disk, list(paths), _MOST_TEXT], timeout_s=_LOOK_S)
    return read_as(dict[str, dict[str, Any]], answer, whose=f"what {disk} holds")


def _contents(read: dict[str, Any]) -> dict[str, str]:
    return {path: str(told["content"]) for path, told in read.items() if "content" in told}


def _taps(said: facts.HostFacts) -> Taps:
    """A host without the programs to see them has none that anything could be told by."""
    try:
        return said.part("taps", Taps)
    except TransportError:
        return Taps(0, {}, ())
