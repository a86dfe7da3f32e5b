"""A small suite to run inside a test: the real conftest.py and pytest.ini, with made-up checks."""

from __future__ import annotations

import functools
import json
import textwrap
from dataclasses import dataclass
from importlib.metadata import Distribution, distributions
from pathlib import Path
from typing import Any

import pytest

from harness.verdict.document import document_of

ROOT = Path(__file__).parents[3]

HEADER = """
import pytest
from harness.errors import HarnessError, VmError
ITEMS = ("host-clean", "database-updated", "handlers", "unit-network", "snapshot-rebuilt",
         "session-launches", "health", "window", "oauth")

def check(item="health", proves=True, smoke=False, step=5, how="rebuild it"):
    def mark(function):
        function.__doc__ = function.__doc__ or "A claim."
        marks = [pytest.mark.acceptance, pytest.mark.item(item, proves=proves)]
        marks += [pytest.mark.mend(step=step, how=how)]
        for one in marks + ([pytest.mark.smoke] if smoke else []):
            function = one(function)
        return function
    return mark
"""

NOBODYS_HOST = """[host]
address = "192.0.2.1"
user = "nobody"
"""
"""An address for documentation (RFC 5737): nobody answers, should anything ask."""

THEIR_PROFILE = f"""name = "nowhere"
checks = ["own"]
{NOBODYS_HOST}
[[items]]
key = "backup"
title = "Backups are fresh"
why = "Without one, all is lost."
"""
"""A profile with checks of its own, and a line of the checklist for them."""

# Plugins that only cost time here.
_LEFT_OUT = ("-p", "no:cacheprovider", "-p", "no:hypothesispytest")


@functools.cache
def plugin_distributions() -> tuple[Distribution, ...]:
    """What is installed and holds plugins of pytest, which else reads all of it for each plugin of ours."""
    return tuple(one for one in distributions() if any(part.group == "pytest11" for part in one.entry_points))


@dataclass
class Ended:
    """How a run ended: exit status, output, and what ``verdict.json`` says."""

    status: int
    output: str
    verdict: dict[str, Any]

    def outcome(self, check: str) -> str:
        """The outcome of one check."""
        return str(next(c["outcome"] for c in self.verdict["checks"] if c["name"] == check))

    def item(self, key: str) -> str:
        """The outcome of one checklist item."""
        return str(next(i["outcome"] for i in self.verdict["items"] if i["key"] == key))


class Suite:
    """Files of a suite in a folder of their own, and a way to run them."""

    def __init__(self, pytester: pytest.Pytester) -> None:
        self.pytester = pytester
        self.root = pytester.path
        for name in ("conftest.py", "pytest.ini"):
            (self.root / name).write_text((ROOT / name).read_text())
        self.profile('name = "nowhere"')

    def profile(self, text: str) -> Path:
        """Write the site profile that runs use; its host is nobody's where it names none."""
        path = self.root / "site.toml"
        path.write_text(text if "[host]" in text else f"{text}\n{NOBODYS_HOST}")
        return path

    def write(self, body: str, *, file: str = "tests/host/test_made_up.py") -> Path:
        """Write a file of checks, declared by ``@check()``."""
        path = self.root / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(HEADER + textwrap.dedent(body))
        return path

    def run(self, *words: str, site: bool = True, apart: bool = False) -> Ended:
        """Run pytest on it, in this process or in one ``apart``."""
        given = (f"--site={self.root / 'site.toml'}",) if site else ()
        run = self.pytester.runpytest_subprocess if apart else self.pytester.runpytest_inprocess
        result = run(*_LEFT_OUT, *given, *words)
        report = self.root / "evidence" / "latest" / "verdict.json"
        verdict = json.loads(report.read_text()) if report.exists() else {}
        if verdict:
            document_of(verdict, whose=str(report))
        return Ended(int(result.ret), result.stdout.str() + result.stderr.str(), verdict)


class Theirs:
    """A repository of an operator's, with a profile that names its folder of checks, ``own``."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.own = root / "own"
        root.mkdir(parents=True, exist_ok=True)
        self.profile(THEIR_PROFILE)

    @property
    def site(self) -> str:
        """The option that names the profile."""
        return f"--site={self.root / 'site.toml'}"

    def profile(self, text: str) -> None:
        """Write the profile."""
        (self.root / "site.toml").write_text(text)

    def write(self, body: str, file: str = "host/test_theirs.py", *, header: str = HEADER) -> Path:
        """Write a file of checks, declared by ``@check()``."""
        path = self.own / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(header + textwrap.dedent(body))
        return path
