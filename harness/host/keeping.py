"""VMs that stay on a host for a look when their run is over: how that is told, and how they are reached."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from harness.custodian.kept import Kept
from harness.mend import shell_line
from harness.values import span

_LATEST = 1e11  # a clock may be wrong by whatever it likes
_COMMAND = ("python", "-m", "harness", "vm")


def told_of(kept: Kept, *, site: Path | None = None) -> str:
    """That a VM is kept, until when and for what, for whoever finds it on the host.

    :param site: the profile that was named, where one was.
    """
    run = run_of(kept.name)
    end = command("drop", kept.name, site=site)
    return f"kept {until(kept)}, by run {run}: VM {kept.name}, for {kept.why}; to end it: {end}"


def run_of(name: str) -> str:
    """The run that made a VM, by the id that its verdict has."""
    return name.removeprefix("acc-").rpartition("-")[0]


def until(kept: Kept) -> str:
    """When a VM that is kept goes."""
    if kept.until is None:
        return f"until its run ends, and {span(kept.seconds)} more"
    at = datetime.fromtimestamp(min(max(kept.until, 0), _LATEST), UTC)
    return f"until {at:%Y-%m-%d %H:%M:%S} UTC by the host's clock"


def stays(kept: Kept, *, site: Path | None = None) -> str:
    """That a VM of this run stays, and what to type to see it.

    :param site: the profile that was named, where one was.
    """
    return (
        f"{kept.name} stays for {span(kept.seconds)} after this run; to see it:\n"
        f"{command('ssh', kept.name, site=site)}\n(or console, or vnc, in the place of ssh; drop ends it)"
    )


def command(verb: str, name: str, *, site: Path | None = None) -> str:
    """What to type."""
    named = [f"--site={site}"] if site else []
    return shell_line((*_COMMAND, verb, *named, name))
