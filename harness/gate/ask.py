"""``python -m harness gate``: may the golden snapshot that lies on the host reach users?"""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path, PurePosixPath

from harness.errors import HarnessError, SiteError, UsageError
from harness.gate.decide import Answer, Question, Reason, decide
from harness.gate.excused import terms_of
from harness.gate.verdicts import Vouched, told_verdicts
from harness.host.facts import Asked
from harness.host.golden.candidate import refuse_unlike
from harness.host.golden.digests import Measured, Mode, measure
from harness.host.golden.door import UNFINISHED
from harness.host.golden.files import journals, paths_of
from harness.host.golden.promotion import FINISH
from harness.host.hypervisor import Hypervisor
from harness.host.standing import ask_standing
from harness.outward import told
from harness.site.candidate import candidate_site
from harness.site.check_folders import check_folders
from harness.site.digest import profile_digest
from harness.site.profile import Site
from harness.suite import ROOT, checks_digest

ALLOW, DENY, NOT_ASKED, MISTAKE = 0, 1, 3, 4
"""Exit statuses."""
EVIDENCE = ROOT / "evidence"
_UNITS = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86_400}
_SPAN = re.compile(r"([0-9]{1,9})([smhd]?)")


@dataclass(frozen=True)
class Conditions:
    """What was typed."""

    evidence: Path = EVIDENCE
    max_age: timedelta | None = None
    fresh: bool = False
    """Read every file to its end, whatever the host remembers."""
    trust: Path | None = None
    """The public key of whoever must have signed the verdict."""
    sign_key: Path | None = None
    """Or the private one, of which it is the other half."""
    candidate: PurePosixPath | None = None
    """The folder on the host with a snapshot that is not golden yet."""
    checks: tuple[Path, ...] = ()
    """Folders with checks of the operator's own, beside those that the profile names."""


def ask_gate(site: Site, conditions: Conditions) -> Answer:
    """The answer, on the snapshot as it lies on the host now.

    :raises HarnessError: it could not be asked.
    """
    told_before(conditions)
    with Hypervisor(site) as host:
        return answer_on(host, conditions)


def told_before(conditions: Conditions) -> None:
    """Have verdicts, keys and checks there, before anybody is asked in vain.

    :raises UsageError: they are not.
    """
    told_verdicts(conditions.evidence, _vouched(conditions))
    check_folders(conditions.checks)


def answer_on(host: Asked, conditions: Conditions) -> Answer:
    """The same, of a host that is connected.

    :raises HarnessError: it could not be asked.
    """
    question = question_on(host, conditions)
    if isinstance(question, Answer):
        return question
    return decide(question, *told_verdicts(conditions.evidence, _vouched(conditions)))


def question_on(host: Asked, conditions: Conditions) -> Question | Answer:
    """What is asked; or at once an answer, where the snapshot is not there to be asked of.

    :raises HarnessError: it could not be asked.
    """
    asked = host.site
    if conditions.candidate is not None:
        asked = candidate_site(host.site, conditions.candidate)
        refuse_unlike(host, host.site, asked)
    paths = paths_of(asked)
    unfinished = journals(host.site.snapshot.disk) if conditions.candidate is None else ()
    mode: Mode = "fresh" if conditions.fresh else "changed"
    found = measure(host, [*paths.values(), *unfinished], mode=mode)
    if any(path in found and found[path].sha256 for path in unfinished):
        return Answer(UNFINISHED, Reason.PROMOTION, FINISH)
    if lost := _lost(paths, found):
        return Answer(lost, Reason.SNAPSHOT, "is it being built, or does the profile name other files?")
    snapshot = {role: found[path].sha256 for role, path in paths.items()}
    return Question(
        snapshot,
        profile_digest(host.site),
        checks_digest(own=check_folders([*host.site.checks, *conditions.checks])),
        datetime.now(UTC),
        conditions.max_age,
        machine=ask_standing(host).machine_id_sha256 or None,
        site=told(host.site.name),
        terms=terms_of(host.site),
        candidate=str(conditions.candidate or ""),
        own_items=tuple(one.key for one in host.site.items),
    )


def _vouched(conditions: Conditions) -> Vouched | None:
    if conditions.trust is None and conditions.sign_key is None:
        return None
    # Here: it takes a while to load.
    from harness.gate.attestation import read_signer, read_trusted, vouched_by

    if conditions.sign_key is not None:
        return functools.partial(vouched_by, read_signer(conditions.sign_key).key.public_key())
    return functools.partial(vouched_by, read_trusted(conditions.trust)) if conditions.trust else None


def span(text: str) -> timedelta:
    """A time span as it is typed: ``90``, ``90s``, ``30m``, ``12h``, ``7d``.

    :raises UsageError: it is none.
    """
    said = _SPAN.fullmatch(text)
    if not said:
        raise UsageError(f"{text!r} is no time span", hint="as 90s, 30m, 12h or 7d")
    return timedelta(seconds=int(said[1]) * _UNITS[said[2]])


def status_of(error: HarnessError) -> int:
    """The exit status of a gate that gave no answer."""
    return MISTAKE if isinstance(error, SiteError | UsageError) else NOT_ASKED


def _lost(paths: Mapping[str, str], measured: Mapping[str, Measured]) -> str:
    """What of the snapshot cannot be read, and why."""
    lines = [
        f"{role} {path}: {measured[path].error if path in measured else 'not measured'}"
        for role, path in paths.items()
        if path not in measured or not measured[path].sha256
    ]
    return "; ".join(lines)
