"""What a guest is held to by looking at it: each claim says what breaks it, or nothing.

Checks ask them of one guest after another; a launch that breaks one is known by asking both.
"""

from __future__ import annotations

import contextlib
import functools
import re
from collections.abc import Callable
from dataclasses import dataclass

from harness.errors import TransportError, UntoldError
from harness.guest.look import entry_fault
from harness.guest.unit_file import DIRECTIVES, Directive, changed_by_drop_ins, verify_findings
from harness.guest.waiters import NETWORK_ONLINE, waiters_of
from harness.infra.host import Host
from harness.infra.start_failure import first_error, first_error_in, said_in
from harness.mend import shell_line
from harness.site.profile import Site

_UNIT = "guest.unit_is_active"
_WATCHDOGS = "guest.no_watchdog_fired"
_FIRED = r"\S+ +\d+ \S+ \S+ systemd\[1\]: {unit}: Watchdog timeout"
"""systemd's own word: a service may speak of watchdogs, too."""
_LAST_LINES = 200
_ENTERED = "ActiveEnterTimestampMonotonic"

Problem = str | None


@dataclass(frozen=True)
class Claim:
    """``name`` is that of the check; ``problem`` says what breaks it, or nothing.

    :raises TransportError: the guest did not tell, or not enough (UntoldError).
    """

    name: str
    problem: Callable[[Host, Site], Problem]


def unit_is_active(guest: Host, site: Site) -> Problem:
    """The unit is loaded from its file, active and running, and was never restarted by itself."""
    systemd = guest.service(site.agent.unit).systemd_properties
    keys = ("LoadState", "ActiveState", "SubState", "NRestarts", "FragmentPath")
    seen = {key: systemd.get(key, "(not told)") for key in keys}
    expected = dict(zip(keys, ("loaded", "active", "running", "0", site.agent.unit_file), strict=True))
    if seen == expected:
        return None
    last = guest.unit(site.agent.unit).last_words(40)[-1500:]
    return f"{site.agent.unit}: expected {expected}; systemd says {seen}\n{_why(guest, site)}{last}"


def unit_is_enabled(guest: Host, site: Site) -> Problem:
    """The unit starts at boot."""
    seen = guest.service(site.agent.unit).systemd_properties.get("UnitFileState", "(not told)")
    if seen == "enabled":
        return None
    return (
        f"{site.agent.unit}: expected enabled; systemd says {seen}\n"
        f"mend: {shell_line(('systemctl', 'enable', site.agent.unit))}"
    )


def no_drop_in_changes_the_unit(guest: Host, site: Site) -> Problem:
    """No drop-in sets what the runbook's unit sets."""
    seen = changed_by_drop_ins(guest, site)
    shown = "\n".join(f"  {path} sets {', '.join(keys)}" for path, keys in seen.items())
    if not seen:
        return None
    return f"drop-ins change the unit:\n{shown}\nmend: move what is wanted into the unit, and remove them"


def no_reload_is_pending(guest: Host, site: Site) -> Problem:
    """systemd has read the unit file as it is on the disk."""
    seen = guest.service(site.agent.unit).systemd_properties.get("NeedDaemonReload", "(not told)")
    if seen == "no":
        return None
    return f"{site.agent.unit}: NeedDaemonReload={seen}\nmend: systemctl daemon-reload, then rebuild"


def unit_file_is_sound(guest: Host, site: Site) -> Problem:
    """``systemd-analyze verify`` finds nothing wrong; deprecations are no fault."""
    verified = guest.unit(site.agent.unit).verify()
    errors, _ = verify_findings(verified.text, site.agent.unit_file)
    if errors:
        return "systemd-analyze verify says:\n  " + "\n  ".join(errors)
    if verified.status != 0:
        return f"systemd-analyze verify ended with status {verified.status}: {verified.text[-500:]}"
    return None


def wait_online_is_enabled_and_succeeded(guest: Host, site: Site) -> Problem:
    """Something that waits is ordered before network-online.target, wanted, and has succeeded.

    :raises UntoldError: a watchdog has ended what it waits for, and so it went, too.
    """
    target, waiters = guest.unit(NETWORK_ONLINE), waiters_of(guest, site)
    wants = f"{target.get('Wants')} {target.get('Requires')}"
    if any(one.is_wanted(wants) and one.is_ordered and one.has_succeeded for one in waiters):
        return None
    for unit in _fired(guest):
        if any(one.name.startswith(f"{unit.removesuffix('.service')}-wait-online") for one in waiters):
            raise UntoldError(
                f"a watchdog has ended {unit}, and what waits by it went along",
                hint=f"see {_WATCHDOGS}",
                behind=_WATCHDOGS,
            )
    shown = "\n".join(f"  {one}" for one in waiters)
    return (
        f"expected one of these enabled, or wanted by {NETWORK_ONLINE}, before that, active, success, exit "
        f"status 0; systemd says:\n{shown}\n"
        f"without one, After=network-online.target waits for nothing.\n"
        f"mend: {shell_line(('systemctl', 'enable', site.guest.wait_online_units[0]))}"
    )


def network_online_was_reached(guest: Host, site: Site) -> Problem:
    """network-online.target was reached, and only after something that waits had succeeded.

    :raises UntoldError: that was started again since.
    """
    target = guest.unit(NETWORK_ONLINE).seconds(_ENTERED)
    if not target > 0:
        return "network-online.target was never reached in this guest"
    waiters = [one for one in waiters_of(guest, site) if one.is_ordered]
    waited = [one.entered_s for one in waiters]
    if any(0 < moment <= target for moment in waited):
        return None
    if again := [f"{one.name} at {one.entered_s:.3f} s" for one in waiters if one.ran_before]:
        raise UntoldError(
            f"started again after network-online.target was reached at {target:.3f} s: {', '.join(again)}; "
            "whether it had succeeded before that, systemd does not tell any more"
        )
    return (
        f"network-online.target was reached at {target:.3f} s after boot, before any wait-online service had "
        f"succeeded ({', '.join(f'{moment:.3f} s' for moment in waited if moment) or 'none ever did'})"
    )


def agent_started_after_the_network(guest: Host, site: Site) -> Problem:
    """The agent's process was started after network-online.target was reached."""
    target = guest.unit(NETWORK_ONLINE).seconds(_ENTERED)
    require_process(guest, site, "when it was started")
    started = guest.unit(site.agent.unit).seconds("ExecMainStartTimestampMonotonic")
    if 0 < target <= started:
        return None
    return (
        f"{site.agent.unit} started {started:.3f} s after boot, network-online.target was reached at "
        f"{target:.3f} s (0 means never)\nmend: After=network-online.target and Wants=network-online.target"
    )


def no_other_port_listens(guest: Host, site: Site) -> Problem:
    """Nothing listens beyond loopback but the ports that the profile lists."""
    seen = [one for one in guest.listener.all() if not one.on_loopback]
    extra = [str(one) for one in seen if one.port not in site.guest.listening_ports]
    if not extra:
        return None
    return (
        f"listening beyond loopback, and not in guest.listening_ports {list(site.guest.listening_ports)}: "
        f"{', '.join(sorted(extra))}"
    )


def port_is_the_agents(guest: Host, site: Site) -> Problem:
    """The agent's port is listened on at 0.0.0.0, by a process of its unit."""
    port = site.agent.port
    listener = guest.listener(port)
    main_pid = guest.unit(site.agent.unit).number("MainPID")
    if not listener.sockets:
        require_process(guest, site, f"whether it listens on port {port}")
    everywhere = listener.addresses == ["0.0.0.0"]  # noqa: S104 - what the runbook asks for
    if main_pid and everywhere and _is_among(guest, listener.pids, main_pid):
        return None
    shown = ", ".join(f"{one} pids {sorted(one.pids)}" for one in listener.sockets) or "nobody"
    return f"expected 0.0.0.0:{port} by pid {main_pid} ({site.agent.unit}) or its own; listening: {shown}"


def _is_among(guest: Host, pids: frozenset[int], main_pid: int) -> bool:
    """Whether one of them is of the same control group: the agent may be started by npm, or by a shell."""
    if main_pid in pids:
        return True
    group = _group(guest, main_pid)
    return bool(group) and any(f"{_group(guest, pid)}/".startswith(f"{group}/") for pid in pids)


def _group(guest: Host, pid: int) -> str:
    """A process's control group, by the first hierarchy; empty where it is gone."""
    return str(guest.run(f"cat -- /proc/{pid}/cgroup").stdout).partition("\n")[0]


def window_is_listened_for(guest: Host, site: Site) -> Problem:
    """VNC and noVNC listen at their ports."""
    ports = (site.guest.vnc_port, site.guest.novnc_port)
    if not (silent := [str(port) for port in ports if not guest.listener(port).sockets]):
        return None
    return f"nobody listens at {' and '.join(silent)}, where the browser window is reached"


def no_unit_failed(guest: Host, site: Site) -> Problem:
    """No systemd unit has failed, nor waits to be restarted because it did."""
    units = guest.unit.failed()
    if units == [site.agent.unit]:
        require_process(guest, site, "of no other unit that failed")
    failed = ", ".join(units)
    if not failed:
        return None
    return (
        f"failed in the guest, or about to be restarted: {failed}\n"
        f"in a VM: systemctl status {failed.replace(',', '')}"
    )


def no_watchdog_fired(guest: Host, _site: Site) -> Problem:
    """No watchdog has ended a service, as each does where a restored clone's clock has gone on meanwhile.

    :raises UntoldError: one with a watchdog was restarted, and its journal does not say why.
    """
    if not (fired := _fired(guest)):
        return None
    said = "\n".join(f"  {unit}: {line}" for unit, line in fired.items())
    return (
        f"a watchdog took these for services that hang, and systemd killed and restarted them:\n{said}\n"
        "Before Firecracker 1.16 the monotonic clock of a restored clone has gone on since its snapshot was "
        "taken: whoever was to be heard of within minutes seems to have been silent all that time.\n"
        "mend: in the golden image, WatchdogSec=0 in a drop-in of each, and rebuild; "
        f"drop-in: /etc/systemd/system/{next(iter(fired))}.d/restored.conf"
    )


def _fired(guest: Host) -> dict[str, str]:
    """Services that a watchdog has ended -> the last line of their journal that says so."""
    found = {}
    for name in guest.unit.watched_and_restarted():
        lines = guest.unit(name).journal_of_boot(_LAST_LINES).strip("\n").split("\n")
        is_fired = re.compile(_FIRED.format(unit=re.escape(name))).match
        if fired := [line.strip() for line in lines if is_fired(line)]:
            found[name] = fired[-1]
        elif lines == [""] or len(lines) >= _LAST_LINES:  # it may be further back
            raise UntoldError(
                f"{name} has a watchdog and was restarted, and the last {_LAST_LINES} lines of its journal "
                "do not say why",
                hint=f"in a VM: {shell_line(('journalctl', '-b', '-u', name))}",
            )
    return found


def require_process(guest: Host, site: Site, what: str) -> None:
    """The agent's unit has a process, by which alone something can be told.

    :raises UntoldError: it has none, which another claim says.
    """
    unit = guest.unit(site.agent.unit)
    if not unit.number("MainPID") and unit.get("ActiveState") != "active":
        raise UntoldError(
            f"{site.agent.unit} is {unit.get('ActiveState')}, and only its process tells {what}",
            hint=f"see {_UNIT}",
            behind=_UNIT,
        )


def _why(guest: Host, site: Site) -> str:
    """The first error of the agent's latest start, or the fault of its entry's syntax, if there is any."""
    error = first_error(said_in(guest.unit(site.agent.unit).last_words(400)))
    return f"the first error of its latest start: {error}\n" if error else _fault(guest, site)


def _fault(guest: Host, site: Site) -> str:
    try:
        fault = first_error_in(entry_fault(guest, site).split("\n"))
    except TransportError:
        return ""  # another check says so
    return f"{site.agent.node} --check: {fault}\n" if fault else ""


def directive_problem(directive: Directive, guest: Host, site: Site) -> Problem:
    """How a directive in force is another than the runbook's.

    :raises UntoldError: only a process tells, and there is none.
    """
    unit = guest.unit(site.agent.unit)
    if directive.by_process(unit, site):
        require_process(guest, site, f"its {directive}")
    return directive.problem(unit, site)


CLAIMS: tuple[Claim, ...] = (
    *(Claim(f"guest.directive[{one}]", functools.partial(directive_problem, one)) for one in DIRECTIVES),
    *(
        Claim(f"guest.{problem.__name__}", problem)
        for problem in (
            unit_is_active,
            unit_is_enabled,
            no_drop_in_changes_the_unit,
            no_reload_is_pending,
            unit_file_is_sound,
            wait_online_is_enabled_and_succeeded,
            network_online_was_reached,
            agent_started_after_the_network,
            no_other_port_listens,
            port_is_the_agents,
            window_is_listened_for,
            no_unit_failed,
            no_watchdog_fired,
        )
    ),
)
"""All that a guest is held to by looking at it."""


def broken_by_the_launch(golden: Host, session: Host, site: Site) -> dict[str, str]:
    """Claims that hold in the golden snapshot's clone and not in a session's VM: check -> what breaks it.

    What one of them cannot tell, its own check says.
    """
    found = {}
    for claim in CLAIMS:
        with contextlib.suppress(TransportError):
            if claim.problem(golden, site) is None and (why := claim.problem(session, site)) is not None:
                found[claim.name] = why
    return found


def ask_every_claim(guest: Host, site: Site) -> None:
    """Ask a guest what its claims ask beside the look, for one that is gone when they are judged."""
    for claim in CLAIMS:
        with contextlib.suppress(TransportError):  # told to whoever makes something of it
            claim.problem(guest, site)
