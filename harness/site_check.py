"""``python -m harness site check``: is a profile valid, and does everything it names answer?"""

from __future__ import annotations

import contextlib
import os
import secrets
import shlex
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import httpx

from harness.check_names import written_names
from harness.database.connection import read_only_session
from harness.errors import HarnessError, SiteError, TransportError
from harness.host import fitness
from harness.host.hypervisor import Hypervisor
from harness.mend import shell_line
from harness.outward import told
from harness.site.check_folders import check_folders
from harness.site.implied import not_applicable
from harness.site.named import named_checks, unknown_checks
from harness.site.profile import Site
from harness.site.reading import shown
from harness.transport.http import client_over
from harness.world.unjailed import whereabouts

Say = Callable[[str], None]
_TESTS = Path(__file__).parents[1] / "tests"
_BELOW = "\n" + " " * 22


def check_site(site: Site, say: Say) -> bool:
    """Try all that a run will use, a line each; whether all of it is there.

    What nothing can be judged without comes first.
    """
    with contextlib.ExitStack() as stack:
        host: list[Hypervisor] = []

        def connect_host() -> str:
            host.append(stack.enter_context(Hypervisor(site)))
            return _reached_as(site)

        answers = [_try(say, "host", connect_host)]
        questions = {
            "sudo": lambda: _root(host[0]),
            "systemd": lambda: fitness.runs_systemd(host[0]),
            "network": lambda: fitness.bridged(host[0]),
            "golden": lambda: fitness.golden_files(host[0]),
            "guests": lambda: fitness.guests_run_systemd(host[0]),
            "clones": lambda: fitness.place_for_clones(host[0], str(host[0].clones_dir.parent)),
            "vmm": lambda: _vmm(host[0]),
            "controller": lambda: _controller(host[0]),
            "database": lambda: _database(site, host[0] if host else None),
        }
        for name, ask in questions.items():
            if host or (name == "database" and not site.database.through_host):
                answers.append(_try(say, name, ask))
            else:
                say(f"  -       {name:<12}not tried: it is reached through the host")
        answers.append(_try(say, "guest key", lambda: _guest_key(site)))
        if host and None in (site.state.vms_dir, site.state.sockets_dir):
            answers.append(_try(say, "jails", lambda: whereabouts(host[0])))
        if site.checks:
            answers.append(_try(say, "own checks", lambda: _own_checks(site)))
        if named_checks(site):
            answers.append(_try(say, "names", lambda: _named(site)))
    for line in _excused(site):
        say(told(line))
    return all(answers)


def _try(say: Say, name: str, ask: Callable[[], str]) -> bool:
    try:
        say(told(f"  OK      {name:<12}{ask()}"))
    except HarnessError as error:
        say(told(f"  FAILED  {name:<12}{error.message.replace(chr(10), _BELOW)}"))
        if error.hint:
            say(told(f"          {'next:':<12}{error.hint.replace(chr(10), _BELOW)}"))
        return False
    return True


def _reached_as(site: Site) -> str:
    section = site.host
    return (
        "this machine"
        if section.transport == "local"
        else f"SSH to {section.user}@{section.address}:{section.port}"
    )


def _root(hypervisor: Hypervisor) -> str:
    result = hypervisor.script("id -u && python3 --version", timeout_s=10)
    uid, _, python = result.stdout.strip().partition("\n")
    if result.status != 0 or uid != "0":
        raise TransportError(
            f"no root: `id -u && python3 --version` said {(result.stdout + result.stderr).strip()!r}",
            hint=f"let {hypervisor.site.host.user} use sudo without a password, and install python3",
        )
    return f"root, {python}"


def _vmm(hypervisor: Hypervisor) -> str:
    binary = hypervisor.site.vmm.binary
    result = hypervisor.script(
        f"exec {shlex.quote(binary)} --version", timeout_s=hypervisor.site.vmm.start_timeout_s
    )
    if result.status != 0:
        said = (result.stderr or result.stdout).strip()
        raise TransportError(f"{binary} --version: {said}", hint="mend vmm.binary in the profile")
    return f"{binary}: {(result.stdout.strip() or 'it said nothing').splitlines()[0]}"


def _controller(hypervisor: Hypervisor) -> str:
    section = hypervisor.site.controller
    socket = hypervisor.forward_to(section.url)
    try:
        with client_over(socket, section.url, timeout_s=10) as client:
            answer = client.get(section.url.rstrip("/") + section.health_path)
    except httpx.HTTPError as error:
        raise TransportError(
            f"{section.url}{section.health_path}: {type(error).__name__}: {error}",
            hint=f"on the host: {shell_line(('systemctl', 'status', section.unit))}",
        ) from error
    if answer.status_code != 200:
        raise TransportError(
            f"{section.url}{section.health_path}: status {answer.status_code}",
            hint="mend controller.url or controller.health_path, or look at the controller's journal",
        )
    return f"{section.url}{section.health_path}: 200"


def _database(site: Site, hypervisor: Hypervisor | None) -> str:
    run_id = hypervisor.run_id if hypervisor else secrets.token_hex(3)
    forward = hypervisor.forward if hypervisor else None
    with read_only_session(site, run_id=run_id, forward=forward) as database:
        with database.transaction("the database") as connection:
            ((user, version),) = connection.execute(
                "SELECT current_user::text, current_setting('server_version')"
            ).fetchall()
        read_only = "no" if database.writable else "yes"
        return f"PostgreSQL {version} as {user}, our transactions read-only: {read_only}"


def _guest_key(site: Site) -> str:
    key = site.guest.identity_file
    if key is None:
        raise SiteError(
            "guest.identity_file is not set: nothing can look inside a VM",
            hint="name the private key that the golden snapshot's authorized_keys lets in",
        )
    for path in (key, *([site.guest.known_hosts_file] if site.guest.known_hosts_file else [])):
        _readable(path)
    if key.stat().st_mode & 0o077:
        raise SiteError(
            f"{key} can be read by others, and ssh refuses it",
            hint=shell_line(("chmod", "600", "--", str(key))),
        )
    return str(key)


def _own_checks(site: Site) -> str:
    folders = check_folders(site.checks)
    written = [name for folder in folders for name in written_names(folder)]
    if taken := sorted(written_names(_TESTS).keys() & set(written)):
        raise SiteError(f"names that the suite's checks have: {', '.join(taken)}", hint="name them otherwise")
    return f"{len(written)} in {', '.join(map(shown, folders))}"


def _named(site: Site) -> str:
    """Rows of checks are not known here: a run says where one is wrong."""
    if unknown := unknown_checks(site, (), _TESTS, *site.checks):
        raise SiteError(
            "\n".join(f"{field}: no such check: {', '.join(names)}" for field, names in unknown.items()),
            hint="docs/checks.md lists every check",
        )
    return f"every name under {', '.join(named_checks(site))} is a check's"


def _excused(site: Site) -> Iterator[str]:
    """What does not count at this site, or only later."""
    for check, reason in not_applicable(site).items():
        yield f"  n/a     {check}: {reason}"
    today = datetime.now(UTC).date()
    for one in site.waivers:
        until = "until" if today <= one.until else "no more, since the end of"
        yield f"  waived  {one.check}: {until} {one.until}, {one.owner}, {one.ticket}: {one.reason}"
    yield from (f"  advice  {check}: advisory, decides nothing" for check in site.advisory)


def _readable(path: Path) -> None:
    if not os.access(path, os.R_OK) or not path.is_file():
        raise SiteError(f"{path}: not a file that can be read", hint="mend the path in the profile")
