"""The VM of a build, from outside: its agent, a shell in it, and its clock."""

from __future__ import annotations

import time
from datetime import datetime
from pathlib import Path

import httpx

from harness.errors import TransportError
from harness.run import run
from harness.screen.picture import Screen
from harness.screen.rfb import RfbError
from harness.screen.streams import vnc_at_address
from harness.wait import wait_until
from lab.image import golden, keys
from lab.image.chamber import BuildError, HeldUpError
from lab.image.manifest import Facts
from lab.paths import LabPaths

HEALTH = f"http://{golden.GUEST}:8080/health"
START_PAGE = (0x1D, 0x4E, 0x89)
"""Background of the page that the browser opens at first."""

_ASK_FACTS = (
    "cat /proc/sys/kernel/random/boot_id /proc/sys/kernel/osrelease &&"
    " sed -n '/^Clock Event Device: lapic/,/shift:/{s/^Clock Event Device: //p; s/^ mult: *//p;"
    " s/^ shift: *//p}' /proc/timer_list | head -n 3 | paste -s && systemctl --failed --plain --no-legend"
)
_MEASURED, _TOLD = "lapic", "lapic-deadline"
"""The kernel's names of a timer that it had to measure, and of one that needs no measurement."""
_TICKS_PER_NS = 1 / 16
"""Of the first one."""
_OFF_BY = 0.25
"""No wait in the VM minds less, and a machine that was busy for a moment causes less."""
_SET_CLOCK = "import sys, time; time.clock_settime(time.CLOCK_REALTIME, time.time() + float(sys.argv[1]))"


class Guest:
    """One VM at the golden address; for one build, in its network namespace."""

    def __init__(self, paths: LabPaths, folder: Path, *, look_s: float = 0.05) -> None:
        self._look_s = look_s
        self._key = paths.ssh_key
        self._known_hosts = folder / "known_hosts"
        self._known_hosts.write_text(keys.known_hosts(paths))

    def wait_healthy(self, *, timeout_s: float) -> None:
        """Wait until the agent says that it is well."""
        wait_until(
            lambda: self._health().json()["status"],
            what=HEALTH,
            timeout_s=timeout_s,
            interval_s=self._look_s,
            until=lambda status: status == "ok",
            retry_on=(httpx.HTTPError, ValueError, KeyError),
            hint="the VM's console says how far it came",
        )

    def wait_window(self, *, timeout_s: float) -> Screen:
        """Wait until the browser's window fills the screen and its page is drawn."""
        return wait_until(
            self._screen,
            what="the browser's start page on the VM's screen",
            timeout_s=timeout_s,
            interval_s=max(1, 5 * self._look_s),
            until=lambda screen: screen.share(START_PAGE) > 0.5,
            retry_on=(RfbError,),
            hint="look at the desktop's units in the VM: vnc, openbox, chromium",
        )

    def facts(self, *, vmm_version: str, snapshot_version: str) -> Facts:
        """What the manifest says of the running VM.

        :raises HeldUpError: its timer was measured wrong.
        :raises BuildError: a unit has failed in it.
        """
        boot_id, release, timer, *failed = self.shell(_ASK_FACTS).splitlines()
        if is_off(timer):
            raise HeldUpError(
                f"held up while it measured its timer, the VM took it for another one ({timer})"
            )
        if failed:
            raise BuildError(
                f"units failed in the VM: {'; '.join(failed)}", hint="look at their journal in the VM"
            )
        return Facts(vmm_version, snapshot_version, release, boot_id)

    def park(self) -> None:
        """Set the clock by ours (clone-guard learns from it how far its source is off), and have it park."""
        self.shell(f"python3 -c '{_SET_CLOCK}' {self._seconds_behind():.6f} && clone-guard park")

    def shell(self, command: str) -> str:
        """Run a command as root in the VM: a connection costs a second there, so ask many things at once."""
        options = [
            "-o",
            "BatchMode=yes",
            "-o",
            f"UserKnownHostsFile={self._known_hosts}",
            "-o",
            "ConnectTimeout=20",
        ]
        target: list[str | Path] = ["-i", self._key, f"root@{golden.GUEST}", "--", command]
        return run(["ssh", "-F", "none", *options, *target], timeout_s=60).stdout

    def _screen(self) -> Screen:
        with vnc_at_address(golden.GUEST, 5901, timeout_s=20) as vnc:
            return vnc.picture()

    def _health(self) -> httpx.Response:
        # A connection that stays open would end up in the snapshot.
        answer = httpx.get(HEALTH, timeout=5, headers={"Connection": "close"})
        if answer.status_code != 200:
            raise TransportError(f"{HEALTH} answered {answer.status_code}: {answer.text[:200]}")
        return answer

    def _seconds_behind(self) -> float:
        """How far its clock is behind ours, by the quickest of some requests."""
        return min(self._one_look() for _ in range(10))[1]

    def _one_look(self) -> tuple[float, float]:
        began = time.time()
        said = datetime.fromisoformat(self._health().json()["timestamp"])
        ended = time.time()
        return ended - began, (began + ended) / 2 - said.timestamp()


def is_off(timer: str) -> bool:
    """Whether the kernel took its timer for another one, by its name, multiplier and shift.

    :raises BuildError: that is no timer that we know.
    """
    name, *numbers = timer.split() or [""]
    if name not in (_MEASURED, _TOLD) or len(numbers) != 2:
        raise BuildError(
            f"the VM's kernel tells of no timer that we know: {timer!r}", hint="see /proc/timer_list"
        )
    multiplier, shift = map(int, numbers)
    return name == _MEASURED and abs(multiplier / (1 << shift) / _TICKS_PER_NS - 1) > _OFF_BY
