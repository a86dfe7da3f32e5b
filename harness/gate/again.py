"""Whether a run may go on where an earlier one ended: only on the very same."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from harness.gate.ask import Conditions, question_on
from harness.gate.decide import Answer, differences
from harness.host.facts import Asked
from harness.host.hypervisor import Hypervisor
from harness.site.digest import profile_digest
from harness.site.profile import Site
from harness.suite import checks_digest
from harness.verdict.document import Document


def differs(site: Site, document: Document, own: Sequence[Path] = ()) -> str:
    """In what snapshot, host, profile or checks are others than those of a verdict; nothing where in none.

    :param own: the folders with checks of the operator's own.
    :raises HarnessError: it could not be asked.
    """
    if document.profile.sha256 != profile_digest(site):
        return f"run {document.run} was of another profile"
    if document.suite.checks_sha256 != checks_digest(own=own):
        return f"run {document.run} was of other checks"
    with Hypervisor(site) as host:
        return differs_on(host, document, own)


def differs_on(host: Asked, document: Document, own: Sequence[Path] = ()) -> str:
    """The same, of a host that is connected.

    :raises HarnessError: it could not be asked.
    """
    question = question_on(host, Conditions(checks=tuple(own)))
    if isinstance(question, Answer):
        return question.text
    others = (f"run {document.run} was of {how}" for _, how in differences(question, document))
    return next(others, "")
