"""This machine in the place of the host: what would be sent there runs here."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

from harness.site.profile import Site

SYSTEM_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


class Here:
    """This machine in the place of the host."""

    site = Site(name="here")

    def command(self) -> list[str]:
        """What the command line begins with."""
        return []

    def python(self, source: str, argument: object = None, *, timeout_s: float) -> Any:
        """Run it by this Python, as whoever we are."""
        argv = [*self.command(), sys.executable, "-I", "-S", "-c", source, json.dumps(argument)]
        done = subprocess.run(argv, capture_output=True, text=True, timeout=timeout_s, check=True)
        return json.loads(done.stdout)


class Apart(Here):
    """This machine with mounts and a network of its own, which end with the process; it needs no root."""

    def __init__(self, prepare: str) -> None:
        self.prepare = prepare

    def command(self) -> list[str]:
        """What makes the namespaces and runs the rest of the command line in them."""
        script = f'set -e; PATH={SYSTEM_PATH}; mount -t tmpfs acc-run /run; {self.prepare}; exec "$@"'
        return ["unshare", "--map-root-user", "--mount", "--net", "sh", "-c", script, "sh"]
