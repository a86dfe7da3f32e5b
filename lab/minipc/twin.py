"""The host twin as a whole: what ``lab up`` brings about, in order, and what there is to see."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager

from harness.errors import HarnessError, TransportError, UsageError
from harness.wait import wait_until
from lab import store
from lab.image.verbs import build_browser
from lab.lock import held
from lab.minipc import access, code, deployment, keys, machine, profile, tree
from lab.minipc.process import Process
from lab.minipc.report import HEALTH, units
from lab.paths import LabPaths

_STATE = {folder for one in deployment.DEPLOYMENTS.values() for folder in one.state}
"""Whatever the host was before."""


def up(paths: LabPaths, *, as_deployment: str | None = None) -> Process:
    """Have everything up, whatever was there before: store, tree, code, twin, services, site profile.

    :param as_deployment: its name; default the one that it was last.
    """
    with lock(paths):
        store.mount(paths)
        if as_deployment:
            deployment.choose(paths, as_deployment)
        keys.ensure(paths)
        _build(paths)
        leader = _renew(paths)
        with _taken_down_on_failure(paths, fresh=leader is None):
            if leader is None:
                leader = _boot(paths)
            profile.write(paths, leader)
        say(f"up: {paths.site}")
    return leader


def running(paths: LabPaths) -> Process:
    """The running twin.

    :raises UsageError: it is down.
    """
    if leader := machine.find(paths):
        return leader
    raise UsageError("the lab is not up", hint="python -m lab up")


def lock(paths: LabPaths) -> AbstractContextManager[None]:
    """One ``up``, ``build`` or ``down`` at a time; a second one waits."""
    return held(paths.home / "twin.lock")


def say(line: str) -> None:
    """One line on what is done, at once."""
    print(line, flush=True)


def _build(paths: LabPaths) -> None:
    """Golden snapshot and tree, side by side where both are wanted: one waits for what the other computes."""
    with ThreadPoolExecutor(max_workers=1) as background:
        tree_built = background.submit(_build_tree, paths)
        build_browser(paths)
        tree_built.result()
    deployment.chosen(paths).prepare(paths)


def _build_tree(paths: LabPaths) -> None:
    if not tree.is_current(paths):
        with step("build the host twin"):
            machine.stop(paths)
            tree.build(paths)


def _renew(paths: LabPaths) -> Process | None:
    """Bring the code up to date; the running twin, brought up to date as well, or None where it is down."""
    leader = machine.find(paths)
    changed = code.install(paths)
    if leader is None:
        return None
    try:
        with step("renew the running twin" if changed else "look at the running twin"):
            _wait_running(leader)
            # To systemd all is well without a unit that was stopped, by a fault that was never healed say.
            access.ask(leader, "systemctl", "start", *units(paths), timeout_s=90)
            access.ask(leader, "systemctl", "restart", "lab-database.service")
            if changed:
                access.ask(leader, "systemctl", "restart", *changed, timeout_s=90)
            _wait_answering(leader)
    except HarnessError as error:
        say(f"the running twin is not well, a new one is booted; it said: {error.message}")
        return None
    return leader


def _boot(paths: LabPaths) -> Process:
    with step("boot the host twin"):
        _remove_dead_vms(paths)
        leader = machine.boot(paths)
        _wait_running(leader)
        _wait_answering(leader)
    return leader


def _remove_dead_vms(paths: LabPaths) -> None:
    """No VM outlives its host, and a new host knows none of the old one's."""
    for folder in (one for name in _STATE for one in (paths.firecracker / name).glob("*")):
        tree.remove(folder)


def _wait_running(leader: Process) -> None:
    """Until systemd has started everything, and all of it well."""
    wait_until(
        lambda: access.ask(leader, "systemctl", "is-system-running", check=False).stdout.strip(),
        what="the twin's systemd to be running",
        timeout_s=90,
        interval_s=0.1,
        until=_is_settled,
        hint="python -m lab shell, then: systemctl --failed; journalctl -b",
    )


def _is_settled(state: str) -> bool:
    """Whether it runs; a state that no waiting will change ends the wait."""
    if state in ("degraded", "maintenance", "stopping"):
        raise machine.MachineError(f"the twin's systemd is {state}", hint="look at its console log")
    return state == "running"


def _wait_answering(leader: Process) -> None:
    wait_until(
        lambda: access.ask(leader, *HEALTH).stdout,
        what="master-controller's /health",
        timeout_s=30,
        interval_s=0.2,
        retry_on=(TransportError,),
        hint="python -m lab shell, then: journalctl -u master-controller",
    )


@contextmanager
def _taken_down_on_failure(paths: LabPaths, *, fresh: bool) -> Iterator[None]:
    """A twin that we started and that did not come up is not left behind."""
    try:
        yield
    except BaseException:
        if fresh:
            machine.stop(paths)
        raise


@contextmanager
def step(what: str) -> Iterator[None]:
    """Say what is being done, and how long it took."""
    started = time.monotonic()
    say(f"{what} …")
    yield
    say(f"{what}: {time.monotonic() - started:.1f} s")
