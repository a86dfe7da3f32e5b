"""docs/checks.md: what the checks claim, as they stand in the code."""

from __future__ import annotations

import sys
from pathlib import Path

from harness.run import run
from tests.unit.peers.small_suite import ROOT


def test_the_page_of_the_checks_is_current(tmp_path: Path) -> None:
    """pytest -m acceptance --list-checks=docs/checks.md; it needs no site, no lab and no root."""
    page = tmp_path / "checks.md"
    words = ["-m", "acceptance", "-q", "-p", "no:cacheprovider", "--list-checks", str(page)]
    done = run([sys.executable, "-m", "pytest", *words], timeout_s=120, check=False, cwd=ROOT)
    assert done.status == 0, done.stdout + done.stderr
    assert (ROOT / "docs" / "checks.md").read_text(encoding="utf-8") == page.read_text(encoding="utf-8")
