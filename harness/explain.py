"""``python -m harness explain CHECK``: what a check claims, why, how to see it by hand on this very site.

All of it is what checks declare of themselves, which pytest reads; the site's values are put in here.
"""

from __future__ import annotations

import re
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from harness.answers import read_as, read_json
from harness.check_names import names_of
from harness.errors import CommandError, UsageError
from harness.mend import Name, Statement, shell_line
from harness.run import run
from harness.site.profile import Site

ROOT = Path(__file__).parents[1]
_FIELD = re.compile(r"\{(\w+)(?:\.(\w+))?\}")
_LIKE = 5  # names that are told where a name is none
_ANSWER_S = 300.0  # for programs of our own that always answer: they take seconds, on a busy machine minutes


@dataclass(frozen=True)
class Explained:
    """A check as it declares itself; ``look`` has ``{section.field}`` where the site's value stands."""

    name: str
    claim: str
    why: str
    item: str
    mend: str
    look: tuple[str, ...]
    behind: tuple[str, ...] = ()
    """The checks whose claims it takes for given."""


def explained_checks(given: Sequence[str] = ()) -> list[Explained]:
    """What every check declares; nothing is asked of any site.

    :param given: options that say which there are, beside those that come with the suite.
    :raises CommandError: the checks could not be read.
    """
    with tempfile.TemporaryDirectory(prefix="acc-explain-") as folder:
        told = Path(folder) / "checks.json"
        words = ["-m", "acceptance", "-q", "-p", "no:cacheprovider", f"--explain-checks={told}", *given]
        run([sys.executable, "-m", "pytest", *words], timeout_s=_ANSWER_S, cwd=ROOT)
        return read_as(list[Explained], read_json(told.read_text("utf-8"), whose="pytest"), whose="pytest")


def proven_by() -> Mapping[str, list[str]]:
    """The lab's faults that turn each check red, by the check's name.

    :raises CommandError: the lab's packages are not installed.
    """
    done = run([sys.executable, "-m", "lab", "faults"], timeout_s=_ANSWER_S, cwd=ROOT)
    found: dict[str, list[str]] = {}
    for line in done.stdout.splitlines():
        check, _, fault = line.partition(" ")
        found.setdefault(check, []).append(fault)
    return found


def causes_shown() -> Mapping[str, str]:
    """The lab's fault that shows each cause, by the cause's name.

    :raises CommandError: the lab's packages are not installed.
    """
    done = run([sys.executable, "-m", "lab", "causes"], timeout_s=_ANSWER_S, cwd=ROOT)
    return dict(line.split(" ", 1) for line in done.stdout.splitlines() if line)


def faults_of(name: str, faults: Mapping[str, list[str]]) -> list[str]:
    """The faults of one check, those of all its rows too."""
    names = names_of(name)
    rows = [check for check in faults if check.partition("[")[0] == name]
    return list(dict.fromkeys(fault for one in (*names, *rows) for fault in faults.get(one, ())))


def explain(wanted: str, site: Site, given: Sequence[str] = ()) -> str:
    """The page of one check, or of all rows of a table of checks.

    :param given: as above.
    :raises UsageError: there is no such check.
    """
    checks = explained_checks(given)
    found = [one for one in checks if wanted in (one.name, one.name.partition("[")[0])]
    if not found:
        parts = wanted.replace(".", "_").split("_")
        ranked = sorted({c.name for c in checks}, key=lambda name: -sum(part in name for part in parts))
        raise UsageError(f"no check is called {wanted}", hint=f"did you mean: {', '.join(ranked[:_LIKE])}")
    try:
        faults = ", ".join(faults_of(wanted, proven_by())) or "none: docs/adding-a-check.md says why"
    except CommandError as error:
        faults = f"not known here, the lab cannot be read: {error.message.splitlines()[0]}"
    one = found[0]
    rows = [check.name for check in found if check.name != wanted]
    lines = [one.name if not rows else wanted]
    lines += [f"  rows     {row}" for row in rows]
    lines += [f"  claim    {one.claim}", f"  why      {one.why}", f"  item     {one.item}"]
    lines += [
        f"  by hand  {place_of(one.name, site)}",
        *(f"             {line}" for line in filled(one, site)),
    ]
    behind = dict.fromkeys(premise for check in found for premise in check.behind)
    lines += [f"  behind   {premise}" for premise in behind]
    lines += [f"  mend     {one.mend}", f"  faults   {faults}"]
    return "\n".join(lines)


def filled(check: Explained, site: Site) -> list[str]:
    """How it is seen by hand, with the site's values; what is of a field that is none is left out."""
    return [_filled(line, site) for line in check.look if not _names_none(line, site)]


def place_of(name: str, site: Site) -> str:
    """Where what is typed by hand is typed."""
    layer = name.partition(".")[0]
    if layer == "db":
        source = site.database.url_env or "DATABASE_URL"
        return f'with psql "${source}":'
    host = site.host
    reach = "on this machine" if host.transport == "local" else shell_line(_ssh(site))
    if layer != "guest":
        return f"{reach}, as root (SQL: with psql):"
    key = ("-i", str(site.guest.identity_file)) if site.guest.identity_file else ()
    inside = shell_line(("ssh", *key, "-p", str(site.guest.ssh_port), f"{site.guest.user}@ADDRESS"))
    return f"{reach}, then into a VM, {inside}:"


def _ssh(site: Site) -> Sequence[str]:
    port = ("-p", str(site.host.port)) if site.host.port != 22 else ()
    return ("ssh", *port, f"{site.host.user}@{site.host.address}")


def _names_none(line: str, site: Site) -> bool:
    named = (match.groups() for match in _FIELD.finditer(line))
    return any(field and getattr(getattr(site, section), field) is None for section, field in named)


def _filled(line: str, site: Site) -> str:
    tables = {"vms": site.database.vms_table, "sessions": site.database.sessions_table}
    in_sql = line.startswith("SELECT")

    def value(match: re.Match[str]) -> str:
        section, field = match.groups()
        if field is None:
            table = tables.get(section)
            name = Name((site.database.schema_name, table)) if table else None
            return Statement("{it}", {"it": name}).line if name else match[0]
        found = str(getattr(getattr(site, section), field))
        if in_sql:
            return found.replace("'", "''")
        return shell_line((found,)) if not re.fullmatch(r"[\w./:@+{}-]+", found) else found

    return _FIELD.sub(value, line)
