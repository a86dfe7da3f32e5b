"""``clone-guard park``: park once, for a snapshot; end when a restored clone has been thawed.

Any failure after the restore leaves the clone frozen: one that cannot be made safe must not serve anybody.
"""

from __future__ import annotations

import os
import socket
import sys
import time
from pathlib import Path
from typing import Any

from . import clock, mmds
from .entropy import Entropy
from .freezer import Freezer
from .network import Nic, random_mac
from .quiet import wait_quiet

QUIET_S = 60.0
CONSOLE = Path("/dev/console")


class Guard:
    """All that a clone needs to become its own, made ready before the snapshot is taken."""

    def __init__(self) -> None:
        self.source = clock.find()
        self.entropy = Entropy()
        self.nic = Nic()
        self.freezer = Freezer()
        self.has_mmds = mmds.identity() is not None

    def park(self) -> None:
        """Freeze, wait for the restore, make the clone its own, thaw."""
        self.freezer.freeze()
        os.sync()
        self.source.learn()
        say("parked")
        while not self.source.jumped():
            time.sleep(self.source.poll_s)
        try:
            said = self._wake()
        except Exception as error:
            say(f"FAILED, stays frozen: {type(error).__name__}: {error}")
            raise
        say(said)
        print(f"clone-guard: {said}", flush=True)
        self.source.settle()
        self.nic.tell_networkd()

    def _wake(self) -> str:
        """What must be done before anything else runs; returns the line that says so."""
        began, before = time.monotonic(), time.time()
        clock.advance_to(self.source.now())
        question = mmds.Question() if self.has_mmds else None
        fresh = self.entropy.reseed()
        identity = (question.answer() if question else None) or {}
        mac = self._assume(identity)
        gap, took_ms = time.time() - before, (time.monotonic() - began) * 1000
        address = self.nic.address
        self.freezer.thaw()
        return (
            f"restored after {gap:.3f} s, clock from {self.source.name}, {fresh}, "
            f"mac {mac}, address {address}, thawed after {took_ms:.0f} ms"
        )

    def _assume(self, identity: dict[str, Any]) -> str:
        """Take on what the launcher gave: time, name, address, MAC; the last one is fresh in any case."""
        clock.advance_to(float(identity.get("time", 0)))
        if identity.get("hostname"):
            socket.sethostname(str(identity["hostname"]))
        if identity.get("ipv4"):
            self.nic.set_address(str(identity["ipv4"]), identity.get("gateway"))
        given = str(identity.get("mac") or "").replace(":", "")
        return self.nic.set_mac(bytes.fromhex(given) if given else random_mac(self.entropy.draw(6)))


def say(text: str) -> None:
    """One line on the console, which is what the host sees of a guest whose services are frozen."""
    with CONSOLE.open("w") as console:
        console.write(f"\r\nclone-guard: {text}\r\n")


if __name__ == "__main__":
    if sys.argv[1:] != ["park"]:
        sys.exit("usage: clone-guard park")
    wait_quiet(timeout_s=QUIET_S)
    Guard().park()
