"""``python -m harness check new NAME``: a first check of one's own, which is red until it is written."""

from __future__ import annotations

import argparse
import os
import re
from dataclasses import dataclass
from pathlib import Path

from harness.check_names import LAYERS, written_names
from harness.errors import UsageError
from harness.mend import shell_line
from harness.site.check_folders import is_the_suites
from harness.site.reading import shown
from harness.suite import ROOT
from harness.text import one_line

_KEY = re.compile(r"[a-z][a-z0-9-]{0,39}")
_NAME = re.compile(r"[a-z][a-z0-9_]{0,79}")
_PAGE = '''"""TODO: what the checks of this file are about, in a few words."""

import pytest

{imports}

pytestmark = [
    pytest.mark.acceptance,
    # TODO: the line of the checklist, one of the runbook's (docs/checks.md) or a key under [[items]] of the
    # profile. proves=False: it can redden that line, and does not prove it.
    pytest.mark.item("{item}", proves=False),
]


# TODO: the runbook's step, 1 to 7 or "troubleshooting", and in one line what mends a FAIL.
@pytest.mark.mend(step="troubleshooting", how="TODO")
# TODO: how a person sees it by hand; {{section.field}} is the profile's value.
@pytest.mark.look("TODO")
def test_{name}({fixture}) -> None:
    """TODO: what is so where all is well, in one sentence: the verdict shows it.

    TODO: why it matters, where the line of the checklist does not say it already.
    """
    # TODO: take this out once the claim below is yours. Until then it is BROKEN, and never green.
    raise HarnessError("{layer}.{name} is not written yet", hint="fill in each TODO in its file")
    {body}
'''
_HOST = "from harness.infra.host import Host"
_UNIT = '''systemd = {it}.service("TODO.service").systemd_properties
    assert systemd["ActiveState"] == "active", f"TODO.service: {{systemd['ActiveState']}}"'''


@dataclass(frozen=True)
class _Layer:
    """What a check of a layer begins with."""

    imports: str
    item: str
    fixture: str
    body: str


_BEGINNINGS = {
    "host": _Layer(_HOST, "host-clean", "host: Host", _UNIT.format(it="host")),
    "guest": _Layer(_HOST, "health", "guest: Host", _UNIT.format(it="guest")),
    "db": _Layer(
        "from harness.database.connection import Database",
        "database-updated",
        "database: Database",
        '''with database.transaction("TODO: what is asked") as connection:
        rows = connection.execute("SELECT TODO").fetchall()
    assert rows == [], f"rows that should not be there: {len(rows)}"''',
    ),
    "session": _Layer(
        "from harness.session.launch import Session",
        "session-launches",
        "session: Session",
        '''assert session.answer["TODO"] == "TODO", f"session {session.id}: {session.answer['TODO']}"''',
    ),
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command line of the noun."""
    new = parser.add_subparsers(dest="verb", required=True, metavar="VERB").add_parser(
        "new", help="write a first one: it keeps the rules, is red, and says what to fill in"
    )
    new.add_argument("name", metavar="NAME", help="of the function, without test_: choose it once")
    new.add_argument("--layer", choices=LAYERS, required=True, help="what it is about")
    new.add_argument("--item", metavar="KEY", help="its line of the checklist (by the layer)")
    new.add_argument("-o", type=Path, metavar="FILE", dest="output", help="(LAYER/test_NAME.py here)")


def write_new(args: argparse.Namespace) -> str:
    """Write the file; what to do next.

    :raises UsageError: it would be refused, or is there already.
    """
    path: Path = args.output or Path(args.layer, f"test_{args.name}.py")
    if args.item is not None and not _KEY.fullmatch(args.item):
        raise UsageError(f"--item={one_line(args.item)}: no key of a line", hint="as docs/checks.md has them")
    _refuse(args.name, args.layer, path.absolute())
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("x", encoding="utf-8") as file:
            file.write(new_check(args.name, args.layer, args.item))
    except OSError as error:
        raise UsageError(f"{shown(path)}: {error.strerror}", hint="-o FILE, another one") from error
    asked = shell_line(("scripts/acceptance", f"--checks={path.absolute().parent.parent}", "-m", "own"))
    return f"{path}: {args.layer}.{args.name}, red until each TODO in it is filled in\nto ask it: {asked}"


def new_check(name: str, layer: str, item: str | None = None) -> str:
    """The file's content."""
    given = _BEGINNINGS[layer]
    return _PAGE.format(
        name=name,
        layer=layer,
        item=item or given.item,
        imports="\n".join(sorted(("from harness.errors import HarnessError", given.imports))),
        fixture=given.fixture,
        body=given.body,
    )


def _refuse(name: str, layer: str, path: Path) -> None:
    if not _NAME.fullmatch(name):
        raise UsageError(
            f"{name!r} names no check", hint="a word of small letters, digits and _, as disk_is_not_full"
        )
    if path.parent.name != layer or not path.match("test_*.py"):
        where = f"{layer}/test_{name}.py"
        raise UsageError(f"{shown(path)}: a check lives in {layer}/test_*.py", hint=f"-o {where}")
    if is_the_suites(Path(os.path.realpath(path.parent.parent))):
        raise UsageError(
            f"{shown(path)}: checks of your own lie outside of the suite",
            hint=f"-o DIR/{layer}/test_{name}.py, in a folder DIR of your own",
        )
    for folder in (ROOT / "tests", path.parent.parent):
        if taken := written_names(folder).get(f"{layer}.{name}"):
            raise UsageError(f"{layer}.{name} is taken, in {shown(taken)}", hint="choose another name")
