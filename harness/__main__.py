"""``python -m harness``: look at a site profile, at verdicts and at what a check means, outside of a run."""

from __future__ import annotations

import argparse
import contextlib
import io
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from harness.bundle import bundle
from harness.errors import HarnessError
from harness.fleet.cli import add_arguments as add_fleet
from harness.fleet.cli import main as fleet
from harness.gate.words import add_promotion, add_words, answer_gate
from harness.keeping.arguments import add_arguments as add_vm
from harness.mending.options import EVIDENCE, add_arguments
from harness.new_check import add_arguments as add_check
from harness.new_check import write_new
from harness.outward import told
from harness.site.choice import choose_site
from harness.site.docs import site_docs, site_values
from harness.site.load import load_site
from harness.site.reading import shown
from harness.site.schema import site_schema
from harness.suite import version
from harness.survey.options import add_arguments as add_init
from harness.text import one_line
from harness.verdict.document import schema
from harness.verdict.github import NoCommands, in_actions
from harness.verdict.looking_back import (
    add_compare,
    add_history,
    compare,
    history,
    whose_reader_may_leave,
)
from harness.watch.cli import add_arguments as add_watch
from harness.watch.cli import main as watch

_PAGES = {("site", "docs"): site_docs, ("site", "schema"): site_schema, ("verdict", "schema"): schema}
"""Pages of docs/ that are written from a model."""
_BY_THEMSELVES = {"watch": watch, "compare": compare, "history": history, "fleet": fleet}
"""Nouns that are answered with nothing but what was typed."""
_UNHEARD = 141
"""Whoever read what we say has left: as a shell tells of a program that SIGPIPE has ended."""


class _Parser(argparse.ArgumentParser):
    """Says what is wrong with what was typed as everything else here does."""

    def error(self, message: str) -> NoReturn:
        self.exit(4, f"{one_line(message)}\n  next: {self.prog} --help\n")


def parser() -> argparse.ArgumentParser:
    """The command line."""
    top = _Parser(prog="python -m harness", description=(__doc__ or "").splitlines()[0])
    top.add_argument("--version", action="version", version=f"browser-vm-acceptance {version()}")
    nouns = top.add_subparsers(dest="noun", required=True, metavar="NOUN")
    verdict = nouns.add_parser("verdict", help="what a run leaves behind")
    of_verdict = verdict.add_subparsers(dest="verb", required=True, metavar="VERB")
    of_verdict.add_parser("schema", help="print docs/verdict.schema.json from the model")
    html = of_verdict.add_parser("html", help="write the page of an earlier run")
    html.add_argument("run", type=Path, metavar="RUN", help="its folder of evidence, or verdict.json")
    html.add_argument("-o", "--output", type=Path, metavar="FILE", required=True, help="the page")
    add_words(nouns.add_parser("gate", help="may the golden snapshot on the host reach users?"))
    add_promotion(nouns.add_parser("promote", help="a candidate that the gate allows is golden from now on"))
    check = nouns.add_parser("explain", help="what a check claims, why, and how to see it by hand on a site")
    check.add_argument("check", metavar="CHECK", help="its name, as the verdict and docs/checks.md have it")
    check.add_argument(
        "--site", type=Path, metavar="FILE", help="the profile; default: as a run would choose"
    )
    check.add_argument(
        "--checks", type=Path, action="append", default=[], metavar="DIR", help="as a run has it"
    )
    add_check(nouns.add_parser("check", help="checks of your own"))
    pack = nouns.add_parser(
        "bundle", help="a run's evidence, profile and versions in one file, without secrets"
    )
    pack.add_argument(
        "run",
        type=Path,
        nargs="?",
        default=EVIDENCE / "latest",
        metavar="RUN",
        help="its folder (%(default)s)",
    )
    pack.add_argument("-o", type=Path, metavar="FILE", dest="output", help="default: bundle-RUN.tar.gz here")
    add_arguments(nouns.add_parser("mend", help="what mends the findings: shown; done with --apply"))
    add_watch(
        nouns.add_parser("watch", help="a canary: the suite every few minutes, and a word where it changes")
    )
    add_fleet(nouns.add_parser("fleet", help="many sites as one: their verdicts merged"))
    add_compare(nouns.add_parser("compare", help="what changed from one run to another"))
    add_history(nouns.add_parser("history", help="the last runs, and checks that are not steady"))
    add_vm(
        nouns.add_parser("vm", help="a VM of the suite on a host, one that was kept: look at it, or drop it")
    )
    nouns.add_parser("causes", help="print docs/causes.md: why a VM does not answer, cause by cause")
    site = nouns.add_parser("site", help="the site profile")
    verbs = site.add_subparsers(dest="verb", required=True, metavar="VERB")
    for verb, what in {
        "check": "validate a profile, and try all that a run with it would use",
        "show": "print every value in force, the defaults too",
    }.items():
        one = verbs.add_parser(verb, help=what)
        one.add_argument("file", type=Path, nargs="?", help="default: as a run would choose")
    add_init(verbs.add_parser("init", help="look at a host, and write the profile that it tells"))
    verbs.add_parser("docs", help="print docs/site-profile.md from the model")
    verbs.add_parser("schema", help="print docs/site-profile.schema.json, for editors, from the model")
    return top


def main(argv: list[str] | None = None) -> int:
    """Run one verb. 0 well, 1 a connection failed, the gate denies, or a check got worse, 3 the gate could
    not be asked, 4 what was typed, or the profile, must be mended."""
    if not __debug__:
        print("python -O removes assertions\n  next: without -O and PYTHONOPTIMIZE", file=sys.stderr)
        return 4
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # a terminal may lack a site's letters, or ours
    with whose_reader_may_leave(), contextlib.ExitStack() as undo:
        if in_actions():
            undo.enter_context(contextlib.redirect_stdout(NoCommands(sys.stdout, ())))
            undo.enter_context(contextlib.redirect_stderr(NoCommands(sys.stderr, ())))
        return _carry_out(argv)
    return _UNHEARD


def _carry_out(argv: list[str] | None) -> int:
    args = parser().parse_args(argv)
    try:
        if args.noun == "mend":
            from harness.mending.cli import main as mend  # here: it loads all that connects

            return mend(args, say=lambda line: print(line, flush=True), ask=_asked)
        if args.noun == "vm":
            from harness.keeping.cli import main as vm  # here, too

            return vm(args, say=lambda line: print(line, flush=True))
        if args.noun == "bundle":
            print(told(bundle(args.run, args.output)))
            return 0
        if args.noun in _BY_THEMSELVES:
            return _BY_THEMSELVES[args.noun](args)
        if args.noun == "check":
            print(told(write_new(args)))
            return 0
        if args.noun == "causes":
            return _causes()
        if args.noun == "explain":
            return _explain(args.check, choose_site(args.site, os.environ), args.checks)
        if page := _PAGES.get((args.noun, getattr(args, "verb", ""))):
            print(page(), end="")
            return 0
        if args.noun == "verdict":
            from harness.verdict.page.file import write_earlier  # here, too: no other verb needs it

            write_earlier(args.run, args.output)
            return 0
        if (args.noun, getattr(args, "verb", "")) == ("site", "init"):
            from harness.survey.cli import main as init  # here: it loads all that connects

            return init(args, lambda line: print(line, flush=True))
        profile = choose_site(args.file, os.environ)
        if args.noun == "promote":
            from harness.gate.promote import promote_by  # here, too

            return promote_by(args, profile)
        return answer_gate(args, profile) if args.noun == "gate" else _with_profile(args.verb, profile)
    except HarnessError as error:
        print(told(str(error)), file=sys.stderr)
        return 4
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return 130


def _asked(question: str) -> str:
    """What a person types; nothing where nobody is there to type."""
    print(question, end="", flush=True)
    return sys.stdin.readline()


def _explain(check: str, path: Path, own: Sequence[Path]) -> int:
    from harness.explain import explain  # here, too: no other verb needs it

    given = [f"--site={path.absolute()}", *(f"--checks={folder.absolute()}" for folder in own)]
    print(told(explain(check, load_site(path), given)))
    return 0


def _causes() -> int:
    from harness.causes.page import causes_page  # and here
    from harness.explain import causes_shown

    print(causes_page(causes_shown()), end="")
    return 0


def _with_profile(verb: str, path: Path) -> int:
    site = load_site(path)
    if verb == "show":
        print(told(site_values(site)))
        return 0
    from harness.site_check import check_site  # here: it loads all that connects, and `show` needs none of it

    print(told(f"{shown(path)}: valid, {site.name}"), flush=True)
    return 0 if check_site(site, lambda line: print(line, flush=True)) else 1


if __name__ == "__main__":
    sys.exit(main())
