"""A login that a person completes while the suite waits, on the real twin."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import tomli_w

from lab.paths import LabPaths
from tests.lab.minipc.conftest import Minipc
from tests.lab.minipc.person import decide
from tests.unit.peers.small_suite import ROOT

pytestmark = pytest.mark.lab

CHECK = "tests/session/test_oauth.py::test_login_in_the_window_completes"
SESSION = re.compile(r"/session/([0-9a-f-]{36})/")


@pytest.fixture
def site(paths: LabPaths, tmp_path: Path) -> Path:
    """The lab's profile, of a provider at which nobody may log in unattended."""
    table = tomllib.loads(paths.site.read_text("utf-8"))
    del table["session"]["test_user"]
    profile = tmp_path / "site.toml"
    profile.write_text(tomli_w.dumps(table), "utf-8")
    return profile


@contextmanager
def suite(site: Path, *options: str) -> Iterator[subprocess.Popen[str]]:
    """The suite, asked for one check."""
    evidence = site.with_name("evidence")
    words = [sys.executable, "-m", "pytest", "-m", "acceptance", "-q", "-p", "no:cacheprovider"]
    words += [f"--site={site}", f"--evidence-dir={evidence}", *options, CHECK]
    with subprocess.Popen(words, cwd=ROOT, stdout=subprocess.PIPE, text=True) as running:
        try:
            yield running
        finally:
            running.terminate()


def judged(site: Path) -> dict[str, Any]:
    """What was said of that check."""
    report = site.with_name("evidence") / "latest" / "verdict.json"
    (check,) = json.loads(report.read_text("utf-8"))["checks"]
    assert isinstance(check, dict)
    return check


def test_a_person_who_attends_completes_the_login(paths: LabPaths, minipc: Minipc, site: Path) -> None:
    """Whoever reads what is printed can log in with it."""
    with suite(site, "--attended") as running:
        assert running.stdout is not None
        said = ""
        while (url := re.search(r"^ +(http\S+code_challenge\S+)$", said, re.MULTILINE)) is None:
            line = running.stdout.readline()
            assert line, f"no address was printed: {said}"
            said += line
        session = SESSION.search(said)
        assert session is not None, said
        address = minipc.vm(session[1])["ip_address"]
        assert decide(paths, url=url[1], address=address, decision="allow") == 200
        said += running.communicate(timeout=120)[0]
    assert judged(site)["outcome"] == "PASS", said


def test_where_nobody_attends_the_login_is_not_proven(site: Path) -> None:
    """Which is no verdict to deploy on, and says what was missing."""
    with suite(site) as running:
        said = running.communicate(timeout=120)[0]
    assert running.returncode != 0, said
    assert judged(site)["outcome"] == "NOT PROVEN"
    assert "--attended" in said
