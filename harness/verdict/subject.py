"""What a verdict is about, by digests, and whether two may be about the same."""

from __future__ import annotations

from collections.abc import Mapping

from harness.verdict.document import Document

Subject = Mapping[str, str | None]
"""The host, the profile, the checks and each file of the snapshot -> its digest; None: not known."""


def subject_of(document: Document) -> Subject:
    """Of a verdict."""
    files = {f"snapshot {role}": one.sha256 for role, one in document.snapshot.files.items()}
    return subject(
        files, document.host.machine_id_sha256, document.profile.sha256, document.suite.checks_sha256
    )


def subject(files: Subject, host: str | None, profile: str, checks: str) -> Subject:
    """Of these."""
    return {**files, "host": host, "profile": profile, "checks": checks}


def may_be_same(one: Subject, other: Subject) -> bool:
    """Whether nothing that is known of both differs."""
    return all(one[key] == other[key] for key in one.keys() & other.keys() if one[key] and other[key])
