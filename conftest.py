"""Options of the suite, and the plugins that hold its fixtures and its verdict."""

from __future__ import annotations

from pathlib import Path, PurePosixPath

import pytest

# Imported by pytest itself, so plain asserts in them are explained as in tests; a new one is added here.
pytest_plugins = [
    "fixtures.outward",
    "fixtures.site",
    "fixtures.candidate",
    "fixtures.options",
    "fixtures.fleet.command",
    "fixtures.reporters",
    "fixtures.verdict.excused",
    "fixtures.verdict.own",
    "fixtures.verdict.plugin",
    "fixtures.verdict.telling",
    "fixtures.verdict.evidence",
    "fixtures.verdict.signing",
    "fixtures.verdict.ending",
    "fixtures.verdict.again",
    "fixtures.verdict.explaining",
    "fixtures.output",
    "fixtures.progress",
    "fixtures.verdict.exports",
    "fixtures.verdict.paging",
    "fixtures.verdict.brevity",
    "fixtures.verdict.listing",
    "fixtures.strain",
    "fixtures.schedule",
    "fixtures.standing",
    "fixtures.vm",
    "fixtures.keeping",
    "fixtures.host",
    "fixtures.host_facts",
    "fixtures.snapshot",
    "fixtures.database",
    "fixtures.own_words",
    "fixtures.own_time",
    "fixtures.rehearsal",
    "fixtures.guest",
    "fixtures.experiments",
    "fixtures.session",
    "fixtures.launch",
    "fixtures.window",
    "fixtures.login",
]


def pytest_addoption(parser: pytest.Parser) -> None:
    """Which deployment, and where to put what the checks saw."""
    group = parser.getgroup("acceptance", "acceptance of a Browser-VM deployment")
    group.addoption(
        "--site",
        type=Path,
        metavar="FILE",
        help="site profile, as --site=FILE (default: ACCEPTANCE_SITE, else the lab where it is up)",
    )
    group.addoption(
        "--evidence-dir",
        type=Path,
        metavar="DIR",
        help="folder for what the checks saw, as --evidence-dir=DIR (default: evidence/; ten of a kind stay)",
    )
    group.addoption(
        "--candidate",
        type=PurePosixPath,
        metavar="DIR",
        help="judge the snapshot in that folder of the host, which is not golden yet, by all it can prove",
    )
    group.addoption(
        "--prometheus",
        type=Path,
        metavar="FILE",
        help="write metrics, as --prometheus=FILE, for the textfile collector of the node exporter",
    )
    attended = "a person will log in where the provider cannot be automated"
    group.addoption("--attended", action="store_true", help=attended)
    group.addoption(
        "--keep-failed",
        nargs="?",
        const="30m",
        metavar="TIME",
        help="the clone of a check that does not pass stays on the host for a look, as --keep-failed=30m",
    )
    group.addoption("--list-checks", type=Path, metavar="FILE", help="write docs/checks.md to FILE only")
