"""Whether a folder on the host holds a snapshot that could become golden."""

from __future__ import annotations

from harness.answers import read_as
from harness.errors import UsageError
from harness.host.facts import Asked
from harness.host.golden.files import paths_of
from harness.site.profile import Site

_LOOK_S = 30.0
_LOOK = """
import json, os, stat, sys
def look(golden, candidate):
    try:
        found = os.stat(candidate)
    except OSError as error:
        return error.strerror
    if not stat.S_ISREG(found.st_mode):
        return "is no file"
    try:
        return "is the golden one" if os.path.samestat(found, os.stat(golden)) else ""
    except OSError:
        return ""
print(json.dumps({candidate: look(golden, candidate) for golden, candidate in json.loads(sys.argv[1])}))
"""


def refuse_unlike(host: Asked, golden: Site, candidate: Site) -> None:
    """Have every file of the candidate there, and none of them golden already.

    :raises UsageError: one is missing, or is the golden one.
    """
    there = paths_of(candidate)
    pairs = [[path, there[role]] for role, path in paths_of(golden).items()]
    answer = host.python(_LOOK, pairs, timeout_s=_LOOK_S)
    found = read_as(dict[str, str], answer, whose="what the host says of a candidate's files")
    wrong = [f"{path}: {why}" for path, why in found.items() if why]
    if wrong:
        raise UsageError(
            f"no candidate: {'; '.join(wrong)}",
            hint="a folder of its own on the site's host, with the golden files' names",
        )
