"""The checks behind what was mended, run again as an operator runs them."""

from __future__ import annotations

import os
import sys
from collections.abc import Collection, Mapping
from pathlib import Path

from harness.errors import CommandError
from harness.mending.last_verdict import last_verdict
from harness.run import run

ROOT = Path(__file__).parents[2]
_FILES = {
    "host": ("tests/host/test_inventory.py", "tests/host/test_controller.py"),
    "db": ("tests/db/test_vm_rows.py", "tests/db/test_session_rows.py"),
}
_RUN_S = 900.0


def judged_again(profile: Path, evidence: Path, checks: Collection[str]) -> Mapping[str, str]:
    """The outcome of each of these checks now.

    :raises CommandError: the suite came to no verdict.
    """
    layers = {name.partition(".")[0] for name in checks}
    files = [file for layer, names in _FILES.items() if layer in layers for file in names]
    wanted = " or ".join(sorted({f"test_{name.partition('.')[2]}" for name in checks}))
    words = ["-q", "-m", "acceptance", "-p", "no:cacheprovider", "-k", wanted]
    before = (evidence / "latest").resolve()
    given = [f"--site={profile.absolute()}", f"--evidence-dir={evidence.absolute()}"]
    argv = [sys.executable, "-m", "pytest", *words, *given, *files]
    secrets = dict(os.environ)  # a site's are in the environment that we were given
    done = run(argv, timeout_s=_RUN_S, check=False, cwd=ROOT, env=secrets)
    if (evidence / "latest").resolve() == before:
        raise CommandError(f"the suite came to no verdict:\n{done.stdout[-2000:]}{done.stderr[-2000:]}")
    outcomes = last_verdict(evidence).outcomes
    return {name: seen for name, seen in outcomes.items() if name.partition("[")[0] in checks}
