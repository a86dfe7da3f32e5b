"""The lab's host as a whole: what ``lab up`` brings about, in order."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager

from harness.errors import HarnessError, TransportError, UsageError
from harness.wait import wait_until
from lab import store
from lab.lock import held
from lab.minipc import access, code, deployment, hosts, keys, profile
from lab.minipc.host import Host, HostError
from lab.minipc.kvm import vmm
from lab.minipc.report import HEALTH, units
from lab.minipc.steps import say, step
from lab.paths import LabPaths


def up(
    paths: LabPaths,
    *,
    as_deployment: str | None = None,
    on_host: str | None = None,
    firecracker: str | None = None,
) -> Host:
    """Have everything up, whatever was there before: store, tree, code, host, services, site profile.

    :param as_deployment: its name; default the one that it was last.
    :param on_host: the name of its kind; default the one that it was last.
    :param firecracker: the file that the machine has for it; default the one that it had last.
    """
    with lock(paths):
        # What is refused is refused before anything is chosen: the next `up` would else be refused for it.
        one = deployment.DEPLOYMENTS[as_deployment] if as_deployment else deployment.chosen(paths)
        (hosts.KINDS[on_host] if on_host else hosts.chosen(paths)).refuse(one)
        store.mount(paths)
        if firecracker:
            vmm.choose(paths, firecracker)
        if as_deployment:
            deployment.choose(paths, as_deployment)
        if on_host:
            hosts.choose(paths, on_host)
        keys.ensure(paths)
        hosts.chosen(paths).build(paths)
        host = _renew(paths)
        with _taken_down_on_failure(paths, fresh=host is None):
            if host is None:
                host = _boot(paths)
            profile.write(paths, host)
        say(f"up: {paths.site}")
    return host


def running(paths: LabPaths) -> Host:
    """The running host.

    :raises UsageError: it is down.
    """
    if host := hosts.find(paths):
        return host
    raise UsageError("the lab is not up", hint="python -m lab up")


def lock(paths: LabPaths) -> AbstractContextManager[None]:
    """One ``up``, ``build`` or ``down`` at a time; a second one waits."""
    return held(paths.home / "twin.lock")


def _renew(paths: LabPaths) -> Host | None:
    """Bring the code up to date; the running host, brought up to date as well, or None where it is down."""
    host = hosts.chosen(paths).find(paths)
    changed = code.install(paths)
    if host is None:
        return None
    try:
        with step("renew the running host" if changed else "look at the running host"):
            _wait_running(host)
            # To systemd all is well without a unit that was stopped, by a fault that was never healed say.
            access.ask(host, "systemctl", "start", *units(paths), timeout_s=90)
            access.ask(host, "systemctl", "restart", "lab-database.service")
            if changed:
                access.ask(host, "systemctl", "restart", *changed, timeout_s=90)
            _wait_answering(host)
    except HarnessError as error:
        say(f"the running host is not well, a new one is booted; it said: {error.message}")
        return None
    return host


def _boot(paths: LabPaths) -> Host:
    kind = hosts.chosen(paths)
    with step("boot the host"):
        host = kind.boot(paths)
        _wait_running(host)
        _wait_answering(host)
    kind.finish(paths, host)
    return host


def _wait_running(host: Host) -> None:
    """Until systemd has started everything, and all of it well."""
    wait_until(
        lambda: access.ask(host, "systemctl", "is-system-running", check=False).stdout.strip(),
        what="the host's systemd to be running",
        timeout_s=90 * host.patience,
        interval_s=host.look_s,
        until=_is_settled,
        hint="python -m lab shell, then: systemctl --failed; journalctl -b",
    )


def _is_settled(state: str) -> bool:
    """Whether it runs; a state that no waiting will change ends the wait."""
    if state in ("degraded", "maintenance", "stopping"):
        raise HostError(f"the host's systemd is {state}", hint="look at its console log")
    return state == "running"


def _wait_answering(host: Host) -> None:
    wait_until(
        lambda: access.ask(host, *HEALTH).stdout,
        what="master-controller's /health",
        timeout_s=30 * host.patience,
        interval_s=2 * host.look_s,
        retry_on=(TransportError,),
        hint="python -m lab shell, then: journalctl -u master-controller",
    )


@contextmanager
def _taken_down_on_failure(paths: LabPaths, *, fresh: bool) -> Iterator[None]:
    """A host that we started and that did not come up is not left behind."""
    try:
        yield
    except BaseException:
        if fresh:
            hosts.stop(paths)
        raise
