"""The look at a guest that its checks share: what they ask is answered in one round trip, and remembered."""

from __future__ import annotations

import shlex
import time
from dataclasses import dataclass

from harness.errors import TransportError
from harness.guest.facts import CMDLINE, carries_files
from harness.guest.facts import questions as facts_questions
from harness.guest.waiters import NETWORK_ONLINE, waiters_question
from harness.infra.batch import ask_all
from harness.infra.environment import remember_arguments
from harness.infra.host import Host
from harness.infra.listeners import LISTENING, parse_listening
from harness.infra.secret_values import without_secrets
from harness.infra.units import FAILED, SHOW_UNIT, VERIFY, WATCHED, shown_apart
from harness.run import Result
from harness.site.profile import Site
from harness.text import ending
from harness.values import decimal
from harness.wait import last_answer

BOOT_ID = "/proc/sys/kernel/random/boot_id"
CLOCK = "date +%s.%N"
"""busybox's may know no ``%N``: then the time is known to a second."""
_UPTIME = "cat -- /proc/uptime"
_LOOK_AT_GUEST_S = 60.0
_WINDOW_POLL_S = 1.0
_WHAT_SYSTEM = ("uname -s", "uname -m", "cat /etc/os-release")
"""testinfra asks this before it asks anything of a file."""
_NO_ENTRY = 66


@dataclass(frozen=True)
class Look:
    """A guest that was looked at, and its age at that moment."""

    guest: Host
    """It answers what it was asked then from memory."""
    age_s: float
    """How long the VM can have lived when it had answered, by our clock."""
    asked_at: tuple[float, float]
    """The time by our clock before it was asked for its own, and when it had answered."""

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
        text = self.guest.check_output(CLOCK).strip()
        told = text.removesuffix(".%N").removesuffix(".N").removesuffix(".")
        seen = decimal(told, whose=f"in {self.guest.name}: date")
        before, after = self.asked_at
        return seen - after, seen + (0.0 if "." in told else 1.0) - before

    def asked(self) -> dict[str, dict[str, object]]:
        """Every command so far with its answer, for the evidence; files of the agent, which may hold secrets,
        are left out, and so are short ones of the kernel's command line."""
        asked = self.guest.backend.evidence()
        if told := asked.get(CMDLINE):
            told["stdout"] = without_secrets(str(told["stdout"]))
        return {command: told for command, told in asked.items() if not carries_files(command)}


def look_at(guest: Host, site: Site, *, born_at: float, window_s: float = 0.0) -> Look:
    """Ask a guest all that its checks ask, as it is now; for one that nobody changes, nor does this.

    :param guest: one that remembers.
    :param born_at: ``time.monotonic()`` before which its VM was not told to run.
    :param window_s: so long its desktop, which may start beside the agent, has to be listening.
    :raises TransportError: the guest cannot be asked. What single commands could not tell is raised by
        whoever asks for it.
    """
    units = (site.agent.unit, NETWORK_ONLINE)
    together = SHOW_UNIT % shlex.join(units)
    answers = ask_all(guest, [together, *_questions(site)], timeout_s=_LOOK_AT_GUEST_S)
    age_s = time.monotonic() - born_at
    before = time.time()
    clock = ask_all(guest, [CLOCK], timeout_s=_LOOK_AT_GUEST_S)  # alone: what it takes is doubt
    asked_at = (before, time.time())
    answers[LISTENING] = _listening(guest, site, answers[LISTENING], window_s)
    remember_arguments(answers[CMDLINE].stdout, site)
    guest.backend.remember({**answers, **clock, **_each_shown(answers[together], units)})
    return Look(guest, age_s, asked_at)


def _listening(guest: Host, site: Site, first: Result, window_s: float) -> Result:
    """Who listens, once its window is among them, or has had its time."""
    wanted = {site.guest.vnc_port, site.guest.novnc_port}

    def is_there(told: Result) -> bool:
        return wanted <= {one.port for one in parse_listening(told.stdout)}

    if is_there(first) or window_s <= 0:
        return first
    return last_answer(
        lambda: ask_all(guest, [LISTENING], timeout_s=_LOOK_AT_GUEST_S)[LISTENING],
        until=is_there,
        timeout_s=window_s,
        interval_s=_WINDOW_POLL_S,
    )


def entry_fault(guest: Host, site: Site) -> str:
    """What the guest's own node finds wrong with the syntax of the agent's entry; empty: nothing.

    :raises TransportError: it could not look.
    """
    done = guest.run(_check_of(site))
    if done.rc == _NO_ENTRY:
        raise TransportError(
            f"in {guest.name}: there is no {site.agent.entry}", hint="is agent.entry of the profile right?"
        )
    if done.stdout or (
        done.rc and "SyntaxError" not in done.stderr and "ERR_UNKNOWN_FILE_EXTENSION" not in done.stderr
    ):
        raise TransportError(
            f"in {guest.name}: {site.agent.node} --check ended with status {done.rc}: "
            f"{ending((done.stderr or done.stdout).strip(), 500)}",
            hint="run it there by hand",
        )
    return str(done.stderr).strip() if done.rc else ""


def _questions(site: Site) -> list[str]:
    """What modules ask for the checks of tests/guest, to the letter: another spelling would be asked anew."""
    unit = shlex.quote(site.agent.unit)
    return [
        VERIFY % unit,
        waiters_question(site),
        FAILED,
        WATCHED,
        LISTENING,
        _check_of(site),
        f"cat -- {shlex.quote(site.agent.unit_file)}",  # no check asks it: so that its secrets are known
        f"cat -- {BOOT_ID}",
        _UPTIME,
        *facts_questions(site),
        *_WHAT_SYSTEM,
    ]


def _check_of(site: Site) -> str:
    node, entry = shlex.quote(site.agent.node), shlex.quote(site.agent.entry)
    return f"[ -f {entry} ] || exit {_NO_ENTRY}; {node} --check {entry}"


def _each_shown(together: Result, units: tuple[str, ...]) -> dict[str, Result]:
    """One ``systemctl show`` of all units as one of each: where it failed, each did."""
    return {
        SHOW_UNIT % shlex.quote(name): Result((name,), together.status, text, together.stderr)
        for name, text in shown_apart(together.stdout, units).items()
    }
