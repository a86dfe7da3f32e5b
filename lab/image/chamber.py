"""Where a golden snapshot is made: namespaces of its own, which leave nothing behind.

The snapshot must record the paths, TAP and addresses that its clones will know, and these may be in use on
this machine. So a build runs in private mount, network and PID namespaces: its staging folder is seen as
``/var/lib/firecracker``, its TAP is ``vmtap0``, and whatever ends the build, a SIGKILL included, ends every
process, mount and device of it.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from harness.errors import HarnessError
from harness.run import environment, run
from lab.image import golden
from lab.paths import STATE_ON_HOST, LabPaths

ROOT = Path(__file__).parents[2]
"""The project, from which its modules are run."""

BUILD_TIMEOUT_S = 900

_NAMESPACES = ("--mount", "--net", "--pid", "--fork", "--mount-proc", "--kill-child", "--propagation=private")


class BuildError(HarnessError):
    """The golden snapshot could not be built; the old one, if any, is untouched."""


class HeldUpError(BuildError):
    """The machine was too busy at the wrong moment; another time will do."""


HELD_UP = 4
"""Exit status of a build that ended so."""


def run_in_chamber(
    module: str, paths: LabPaths, *words: str | Path, timeout_s: float = BUILD_TIMEOUT_S
) -> None:
    """Run a module of ours inside, with these words; its output is the caller's.

    :raises HeldUpError: it was held up, and could be run again.
    :raises BuildError: it failed; what it said is on stderr already.
    """
    # Should this process die, setpriv has the kernel end unshare, and that ends all of the PID namespace.
    within = ["setpriv", "--pdeathsig", "KILL", "unshare", *_NAMESPACES, sys.executable, "-m", module]
    # Where the packages are no part of Python's own, as on the machine with KVM, the caller was told of them.
    found_in = os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH"))))
    environ = environment({"LAB_HOME": str(paths.home), "PYTHONPATH": found_in})
    try:
        ended = subprocess.run(
            [*within, *map(str, words)], env=environ, cwd=ROOT, timeout=timeout_s, check=False
        )
    except subprocess.TimeoutExpired as error:
        raise BuildError(f"the build took over {timeout_s:g} s") from error
    if ended.returncode == HELD_UP:
        raise HeldUpError("the VM was held up", hint="build it again, with less at work on this machine")
    if ended.returncode != 0:
        raise BuildError(
            f"the build ended with status {ended.returncode}",
            hint=f"what it said is above; the VM's console is in {paths.build_logs}",
        )


@contextmanager
def state_seen_as_on_host(firecracker: Path) -> Iterator[None]:
    """Inside: show ``firecracker`` as ``/var/lib/firecracker``.

    Where there was no such folder, an empty one stays: its removal would unmount it in the chamber of another
    lab's build that runs just now.
    """
    STATE_ON_HOST.mkdir(parents=True, exist_ok=True)
    run(["mount", "--bind", firecracker, STATE_ON_HOST], timeout_s=30)
    try:
        yield
    finally:
        run(["umount", "--lazy", STATE_ON_HOST], timeout_s=30)


def set_up_network() -> None:
    """Inside: loopback and the TAP with the host's end of the VM's link."""
    run(["ip", "link", "set", "lo", "up"], timeout_s=10, hint="install iproute2")
    run(["ip", "tuntap", "add", golden.TAP, "mode", "tap"], timeout_s=10, hint="is /dev/net/tun there?")
    run(["ip", "address", "add", f"{golden.GATEWAY}/{golden.PREFIX}", "dev", golden.TAP], timeout_s=10)
    run(["ip", "link", "set", golden.TAP, "up"], timeout_s=10)


def wait_for_orphans() -> None:
    """Inside: wait until what a killed VMM leaves to this process, its QEMU, is gone, and the TAP free."""
    if os.getpid() != 1:
        raise BuildError(
            "not the first process of its PID namespace", hint="start it by: python -m lab build browser"
        )
    while True:
        try:
            os.waitpid(-1, 0)
        except ChildProcessError:
            return
