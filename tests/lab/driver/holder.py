"""A process that holds a host with some clones, until it is killed.

``python -m tests.lab.driver.holder <profile.json> <clones>`` prints what it holds as one line of JSON.
"""

from __future__ import annotations

import contextlib
import json
import sys
from pathlib import Path

from harness.host.hypervisor import Hypervisor
from harness.site.profile import Site
from harness.vm.clone import making


def main(profile: Path, count: int) -> None:
    """Hold until stdin ends."""
    site = Site.model_validate_json(profile.read_text())
    with Hypervisor(site) as hypervisor, contextlib.ExitStack() as stack:
        clones = [stack.enter_context(making(hypervisor)) for _ in range(count)]
        held = {
            "run": hypervisor.run_id,
            "custodian": hypervisor.custodian.facts["pid"],
            "directory": str(hypervisor.connection.directory),
            "states": [clone.api.describe_instance()["state"] for clone in clones],
        }
        print(json.dumps(held), flush=True)
        sys.stdin.read()


main(Path(sys.argv[1]), int(sys.argv[2]))
