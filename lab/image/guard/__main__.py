"""``clone-guard park``: park once, for a snapshot; end when a restored clone has been thawed.

Any failure after the restore leaves the clone frozen: one that cannot be made safe must not serve anybody.
"""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

from . import clock, entropy, freezer, mmds, network

POLL_S = 0.001
CONSOLE = Path("/dev/console")


def say(text: str) -> None:
    """One line on the console, which is what the host sees of a guest whose services are frozen."""
    with CONSOLE.open("w") as console:
        console.write(f"\r\nclone-guard: {text}\r\n")


def park() -> None:
    """Freeze, wait for the restore, make the clone its own, thaw."""
    network.wait_quiet(timeout_s=3.0)
    source = clock.find()
    has_mmds = mmds.identity() is not None
    freezer.freeze()
    os.sync()
    source.learn()
    say("parked")
    while not source.jumped():
        time.sleep(POLL_S)
    try:
        said = wake(source, has_mmds=has_mmds)
    except Exception as error:
        say(f"FAILED, stays frozen: {type(error).__name__}: {error}")
        raise
    say(said)
    print(f"clone-guard: {said}", flush=True)
    source.settle()
    network.tell_networkd()


def wake(source: clock.Source, *, has_mmds: bool) -> str:
    """What a restored clone needs before anything else in it runs; returns the line that says so."""
    began = time.monotonic()
    before = time.time()
    clock.advance_to(source.now())
    fresh = entropy.reseed()
    mac = network.set_fresh_mac()
    identity = mmds.identity() if has_mmds else None
    if identity:
        clock.advance_to(float(identity.get("time", 0)))
        mac = network.assume(identity) or mac
    network.announce()
    gap = time.time() - before
    freezer.thaw()
    took_ms = (time.monotonic() - began) * 1000
    address = network.address()
    return (
        f"restored after {gap:.3f} s, clock from {source.name}, {fresh}, "
        f"mac {mac}, address {address}, thawed in {took_ms:.0f} ms"
    )


if __name__ == "__main__":
    if sys.argv[1:] != ["park"]:
        sys.exit("usage: clone-guard park")
    park()
