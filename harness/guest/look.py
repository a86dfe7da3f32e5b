"""The look at a guest that its checks share: what they ask is answered in one round trip, and remembered."""

from __future__ import annotations

import base64
import io
import shlex
import tarfile
import time
from dataclasses import dataclass

from harness.answers import reading
from harness.errors import UnreadableError
from harness.guest.facts import questions as facts_questions
from harness.infra.batch import ask_all
from harness.infra.host import Host
from harness.infra.listeners import LISTENING
from harness.infra.units import FAILED, SHOW_UNIT, VERIFY, shown_apart
from harness.run import Result
from harness.site.profile import Site
from harness.values import decimal

NETWORK_ONLINE = "network-online.target"
BOOT_ID = "/proc/sys/kernel/random/boot_id"
CLOCK = "date +%s.%N"
_UPTIME = "cat -- /proc/uptime"
_LOOK_AT_GUEST_S = 60.0
_WHAT_SYSTEM = ("uname -s", "uname -m", "cat /etc/os-release")
"""testinfra asks this before it asks anything of a file."""

_PACKED = "base64 -w 0 agent.tar"
_AGENT_FILES = (
    """\
list=$(find {directory} -maxdepth 2 -name node_modules -prune -o -type f -size -2048 \\
    \\( -name '*.js' -o -name '*.cjs' -o -name '*.mjs' \\) -print) || exit 1
[ -f {entry} ] && list="$list
"{entry}
printf '%s\\n' "$list" | tar --dereference -P -cf agent.tar -T - || [ $? = 1 ] || exit 2
"""
    + _PACKED
)
"""tar's status 1: a file changed while it was read."""


@dataclass(frozen=True)
class Look:
    """A guest that was looked at, and its age at that moment."""

    guest: Host
    """It answers what it was asked then from memory."""
    age_s: float
    """How long the VM can have lived when it had answered, by our clock."""
    asked_at: tuple[float, float]
    """The time by our clock before it was asked, and when it had answered."""

    @property
    def uptime_s(self) -> float:
        """How long its kernel had run by then.

        :raises TransportError: it did not tell.
        """
        text = self.guest.check_output(_UPTIME)
        return decimal(text.partition(" ")[0], whose=f"in {self.guest.name}: /proc/uptime")

    @property
    def clock_error_s(self) -> tuple[float, float]:
        """Its clock minus ours: smallest and largest possible, given how long it took to answer.

        :raises TransportError: it did not tell.
        """
        seen = decimal(self.guest.check_output(CLOCK), whose=f"in {self.guest.name}: date")
        before, after = self.asked_at
        return seen - after, seen - before

    def asked(self) -> dict[str, dict[str, object]]:
        """Every command so far with its answer, for the evidence; files of the agent, which may hold secrets,
        are left out."""
        asked = self.guest.backend.evidence().items()
        return {command: told for command, told in asked if _PACKED not in command}


def look_at(guest: Host, site: Site, *, born_at: float) -> Look:
    """Ask a guest all that its checks ask, as it is now; for one that nobody changes, nor does this.

    :param guest: one that remembers.
    :param born_at: ``time.monotonic()`` before which its VM was not told to run.
    :raises TransportError: the guest cannot be asked. What single commands could not tell is raised by
        whoever asks for it.
    """
    units = (site.agent.unit, NETWORK_ONLINE, *site.guest.wait_online_units)
    together = SHOW_UNIT % shlex.join(units)
    before = time.time()
    answers = ask_all(guest, [together, *_questions(site)], timeout_s=_LOOK_AT_GUEST_S)
    asked_at, age_s = (before, time.time()), time.monotonic() - born_at
    guest.backend.remember({**answers, **_each_shown(answers[together], units)})
    return Look(guest, age_s, asked_at)


def agent_files(guest: Host, site: Site) -> dict[str, bytes]:
    """The agent's JavaScript in a guest that was looked at: absolute path -> content. It may hold secrets.

    :raises TransportError: it could not be sent, or not be unpacked.
    """
    return unpacked(guest.check_output(_files_of(site)))


def unpacked(text: str) -> dict[str, bytes]:
    """Files from a base64 tar archive.

    :raises TransportError: it is none.
    """
    hint = "are tar and base64 in the guest?"
    try:
        with reading("the archive of files that the guest sent"):
            raw = base64.b64decode(text, validate=True)
            with tarfile.open(fileobj=io.BytesIO(raw), mode="r:") as archive:
                members = [member for member in archive if member.isfile() and not member.issparse()]
                return {f"/{one.name.lstrip('/')}": _content(archive, one) for one in members}
    except (UnreadableError, tarfile.TarError, OSError) as error:
        raise UnreadableError(f"the files the guest sent cannot be unpacked: {error}", hint=hint) from error


def _content(archive: tarfile.TarFile, member: tarfile.TarInfo) -> bytes:
    stream = archive.extractfile(member)
    return stream.read() if stream else b""


def _questions(site: Site) -> list[str]:
    """What modules ask for the checks of tests/guest, to the letter: another spelling would be asked anew."""
    unit = shlex.quote(site.agent.unit)
    return [
        VERIFY % unit,
        FAILED,
        LISTENING,
        _files_of(site),
        f"cat -- {shlex.quote(site.agent.unit_file)}",  # no check asks it: so that its secrets are known
        f"cat -- {BOOT_ID}",
        _UPTIME,
        CLOCK,
        *facts_questions(site),
        *_WHAT_SYSTEM,
    ]


def _files_of(site: Site) -> str:
    agent = site.agent
    return _AGENT_FILES.format(directory=shlex.quote(agent.directory), entry=shlex.quote(agent.entry))


def _each_shown(together: Result, units: tuple[str, ...]) -> dict[str, Result]:
    """One ``systemctl show`` of all units as one of each: where it failed, each did."""
    return {
        SHOW_UNIT % shlex.quote(name): Result((name,), together.status, text, together.stderr)
        for name, text in shown_apart(together.stdout, units).items()
    }
