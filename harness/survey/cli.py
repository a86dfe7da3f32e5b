"""``python -m harness site init``: a profile written from a look at a host."""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable
from pathlib import Path

from harness.database.connection import read_only_session
from harness.database.connection_string import connection_string_of
from harness.database.survey import SeenDatabase, look
from harness.errors import HarnessError
from harness.mend import shell_line
from harness.outward import told
from harness.site.load import load_site
from harness.site.profile import DatabaseSection, Site
from harness.site.reading import shown
from harness.survey.answer import Found, value_of
from harness.survey.ask import Looker, ask, looking, read_disk
from harness.survey.draft import MARKERS, Asked, draft
from harness.survey.golden import snapshot
from harness.survey.output import hold_place, write_profile
from harness.survey.page import held_to_the_model, left, page
from harness.survey.seen import GuestDisk
from harness.survey.typed import host_of, public_half, site_of

Say = Callable[[str], None]
SCHEMA = Path(__file__).parents[2] / "docs" / "site-profile.schema.json"
_RUN = "0" * 6


def main(args: argparse.Namespace, say: Say) -> int:
    """Look, and write. 0 where nothing is left to be found, 1 where something is.

    :raises HarnessError: what was typed is wrong, or the host did not answer.
    """
    given = host_of(args)
    site = site_of(args, given)
    if args.output:
        hold_place(args.output, force=args.force)
    with looking(site) as looker:
        host = ask(looker, MARKERS)
        disk = value_of(snapshot(host), "disk")
        inside = read_disk(looker, str(disk)) if disk else GuestDisk("", error="which it is was not found")
        database = _database(site, looker, args.database_url_env)
    asked = Asked(
        host={field: Found(value, "as it was given") for field, value in given.items()},
        key=args.guest_key or "",
        public=public_half(args.guest_key),
        url_env=args.database_url_env or "",
    )
    found = held_to_the_model(draft(asked, host, inside, database))
    text = page(
        found, name=args.name or site.name, file=args.output or Path("FILE"), schema=_schema(args.output)
    )
    _write(text, args.output, say)
    return _told_left(left(found), args.output, say)


def _database(site: Site, looker: Looker, variable: str | None) -> SeenDatabase | str:
    """What it says, asked directly, or else through the host; or why it says nothing."""
    if not variable:
        return "give its name by --database-url-env, and the tables are looked at"
    settings = DatabaseSection(url_env=variable)
    try:
        local = connection_string_of(settings).local
    except HarnessError as error:
        return error.message
    ways = (True, False) if local else (False, True)
    why: list[str] = []
    for through in ways if site.host.transport == "ssh" else (False,):
        section = settings.model_copy(update={"through_host": through})
        trial = site.model_copy(update={"database": section})
        try:
            with read_only_session(trial, run_id=_RUN, forward=looker.connection.forward) as database:
                return look(database, through_host=through)
        except HarnessError as error:
            why.append(
                f"{'through the host' if through else 'directly'}: {error.message.partition(chr(10))[0]}"
            )
    return "; ".join(why)


def _schema(output: Path | None) -> Path:
    folder = (output or Path("sites/x")).absolute().parent
    return Path(os.path.relpath(SCHEMA, folder))


def _write(text: str, output: Path | None, say: Say) -> None:
    if output is None:
        say(text)
        return
    write_profile(output, text)
    load_site(output)


def _told_left(fields: list[str], output: Path | None, say: Say) -> int:
    if output is None:
        return 1 if fields else 0
    say(told(f"{shown(output)}: written; {len(fields)} fields are left for you, marked `# ?` there"))
    for line in fields:
        say(told(f"  ?  {line}"))
    say(f"  next: {shell_line(('python', '-m', 'harness', 'site', 'check', str(output)))}")
    return 1 if fields else 0
