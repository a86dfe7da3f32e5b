"""Programs that tests run, in environments of their own: the suite's pytest must not load their plugins."""

from __future__ import annotations

import fcntl
import hashlib
import os
import sys
from pathlib import Path

from harness.run import run

ROOT = Path(__file__).parents[3]
INSTALL_S = 600.0


def extra_venv(lock: Path) -> Path:
    """The folder of the programs that these locked requirements bring; what is missing is installed.

    Several may ask at once; when the lock changes, the environment is made anew.
    """
    home = ROOT / ".venv-extra" / lock.stem
    home.parent.mkdir(exist_ok=True)
    made, wanted = home / "made-of", hashlib.sha256(lock.read_bytes()).hexdigest()
    with home.with_suffix(".busy").open("w") as busy:
        fcntl.flock(busy, fcntl.LOCK_EX)
        if not made.exists() or made.read_text() != wanted:
            settings = {name: value for name, value in os.environ.items() if name.startswith("PIP_")}
            run([sys.executable, "-m", "venv", "--clear", home], timeout_s=INSTALL_S)
            install = ["-m", "pip", "install", "-qq", "--require-hashes", "-r"]
            run([home / "bin/python", *install, lock], timeout_s=INSTALL_S, env=settings)
            made.write_text(wanted)
    return home / "bin"
