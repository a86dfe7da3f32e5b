"""docs/causes.md: the table of causes, as it stands in the code, and the fault that shows each."""

from __future__ import annotations

from collections.abc import Mapping

from harness.causes.cause import Cause
from harness.causes.table import CAUSES

_INTRO = """# The causes

What a VM whose agent does not answer may suffer from, in the order in which it is looked for: the first that
is met is the cause, and what stands below it follows from it. The look is made while the VM lives, changes
nothing, and takes at most 15 seconds. Where none is met, the verdict lists what was excluded, and what could
not be asked. *shown by* is the check whose FAIL tells of it, *fault* the lab's that shows it.
This page is written by `python -m harness causes`; a test holds it to the table.

| cause | means | needs | mend | shown by | fault |
|---|---|---|---|---|---|
"""


def causes_page(faults: Mapping[str, str]) -> str:
    """The whole page.

    :param faults: the lab's fault that shows each cause, by the cause's name.
    """
    return _INTRO + "".join(_row(cause, faults.get(cause.name, "-")) for cause in CAUSES)


def _row(cause: Cause, fault: str) -> str:
    step = f"step {cause.step}" if isinstance(cause.step, int) else cause.step
    mend = f"{step}: {cause.how}"
    cells = (f"`{cause.name}`", cause.means, cause.evidence, mend, f"`{cause.shown_by}`", f"`{fault}`")
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |\n"
