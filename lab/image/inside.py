"""Take the golden snapshot on another host than the one that wrote its parts.

``python -m lab.image.inside PARTS VMM``, as root, where ``LAB_HOME`` is to have it.
"""

from __future__ import annotations

import sys

from harness.errors import HarnessError
from lab.image.verbs import assemble_in_chamber
from lab.paths import lab_paths

TIMEOUT_S = 3600


def main(parts: str, vmm: str) -> int:
    """Entry of the module."""
    try:
        assemble_in_chamber(lab_paths(), parts, vmm, timeout_s=TIMEOUT_S)
    except HarnessError as error:
        print(f"build browser: {error}", file=sys.stderr)
        return 3
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
