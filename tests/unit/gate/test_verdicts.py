"""Verdicts as they lie in an evidence folder."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from harness.errors import HarnessError, SiteError, TransportError, UsageError
from harness.gate.ask import MISTAKE, NOT_ASKED, span, status_of
from harness.gate.attestation import ATTESTATION, Signer, vouched_by
from harness.gate.decide import Reason
from harness.gate.verdicts import told_verdicts
from harness.verdict.document import document_in
from tests.unit.peers.verdicts import passed


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """The folder of a run."""
    folder = tmp_path / "0a1b2c"
    folder.mkdir(0o700)
    (folder / "verdict.json").write_text(json.dumps(passed()))
    (folder / "verdict.json").chmod(0o600)
    (tmp_path / "latest").symlink_to(folder.name)
    (tmp_path / "ffffff").mkdir()
    return folder


def test_each_is_read_once(run: Path) -> None:
    found, unread = told_verdicts(run.parent)
    assert ([one.document.run for one in found], unread) == (["0a1b2c"], [])


def foreign_link(run: Path) -> None:
    (run / "verdict.json").rename(run / "real.json")
    (run / "verdict.json").symlink_to("real.json")


SPOILED: dict[str, tuple[Callable[[Path], object], str]] = {
    "format 1": (lambda run: (run / "verdict.json").write_text('{"format": 1}'), "of format 1"),
    "no JSON": (lambda run: (run / "verdict.json").write_text("{"), "not JSON"),
    "others may write it": (lambda run: (run / "verdict.json").chmod(0o622), "others may write it"),
    "others may replace it": (lambda run: run.chmod(0o777), "others may write it"),
    "it is a link": (foreign_link, "no file"),
}


@pytest.mark.parametrize(("spoil", "why"), SPOILED.values(), ids=SPOILED.keys())
def test_what_does_not_count_is_told(run: Path, spoil: Callable[[Path], object], why: str) -> None:
    spoil(run)
    found, unread = told_verdicts(run.parent)
    assert found == []
    assert why in unread[0].why


NOTE = '{"kind": "acceptance evidence", "site": "here", "began": "2026-01-31T12:00:00.000Z"}'
BEGAN = datetime(2026, 1, 31, 12, 0, tzinfo=UTC)
NOTES: dict[str, tuple[str, str | None, datetime | None]] = {
    "a note": (NOTE, "here", BEGAN),
    "a note of before they said when": ('{"site": "here"}', "here", None),
    "a note with another moment": ('{"began": "noon"}', None, None),
    "a note with a moment in no zone": ('{"began": "2026-01-31T12:00:00"}', None, None),
    "a note with a number for a moment": ('{"began": 7, "site": 7}', None, None),
    "half a note": ('{"kind": "acc', None, None),
    "a list for a note": ("[]", None, None),
    "a deep note": ("[" * 60_000, None, None),
}


@pytest.mark.parametrize(("note", "site", "began"), NOTES.values(), ids=NOTES.keys())
def test_a_run_without_a_verdict_is_told_by_its_note(
    run: Path, note: str, site: str | None, began: datetime | None
) -> None:
    """Where that says no moment, by when it was written."""
    (run / "verdict.json").unlink()
    (run / "run.json").write_text(note)
    os.utime(run, (5000, 5000))
    os.utime(run / "run.json", (6000, 6000))
    found, (one,) = told_verdicts(run.parent)
    assert found == []
    assert (one.site, one.goes_on) == (site, False)
    assert one.began == (began or datetime.fromtimestamp(6000, UTC))
    assert "it ended without verdict.json" in one.why


@pytest.mark.parametrize(
    ("note", "candidate"),
    [
        ('{"candidate": ""}', ""),
        ('{"candidate": "/c"}', "/c"),
        ('{"candidate": 7}', None),
        ("{}", None),
        ("[]", None),
        ("", None),
    ],
)
def test_of_which_snapshot_it_was_is_not_known_where_it_does_not_say(
    run: Path, note: str, candidate: str | None
) -> None:
    (run / "verdict.json").unlink()
    (run / "run.json").write_text(note)
    _, (one,) = told_verdicts(run.parent)
    assert one.candidate == candidate


def test_a_verdict_that_does_not_count_is_of_the_notes_run(run: Path) -> None:
    (run / "run.json").write_text(NOTE)
    (run / "verdict.json").chmod(0o622)
    _, (one,) = told_verdicts(run.parent)
    assert (one.site, one.began) == ("here", BEGAN)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")
def test_anothers_does_not_count(run: Path) -> None:
    os.chown(run / "verdict.json", 65534, 65534)
    assert told_verdicts(run.parent)[0] == []


KEY = Ed25519PrivateKey.generate()


def attest(run: Path, key: Ed25519PrivateKey = KEY) -> None:
    content = (run / "verdict.json").read_bytes()
    envelope = Signer(key).attest(content, document_in(content, whose="verdict.json"))
    (run / ATTESTATION).write_bytes(envelope)


def anybodys(run: Path) -> None:
    attest(run)
    run.chmod(0o777)


def pipe(run: Path) -> None:
    os.mkfifo(run / ATTESTATION)


def elsewhere(run: Path) -> None:
    attest(run)
    (run / ATTESTATION).rename(run / "real.json")
    (run / ATTESTATION).symlink_to("real.json")


SIGNED: dict[str, tuple[Callable[[Path], object], Reason | None]] = {
    "signed": (attest, None),
    "not signed": (lambda _: None, Reason.UNSIGNED),
    "signed with another key": (lambda run: attest(run, Ed25519PrivateKey.generate()), Reason.SIGNATURE),
    "a pipe": (pipe, Reason.UNSIGNED),
    "a link": (elsewhere, Reason.UNSIGNED),
    "no envelope": (lambda run: (run / ATTESTATION).write_text("{}"), Reason.SIGNATURE),
    "signed, and anybody's": (anybodys, None),
}


@pytest.mark.parametrize(("prepare", "reason"), SIGNED.values(), ids=SIGNED.keys())
def test_a_signature_is_asked_for(
    run: Path, prepare: Callable[[Path], object], reason: Reason | None
) -> None:
    prepare(run)
    ((one,), unread) = told_verdicts(run.parent, partial(vouched_by, KEY.public_key()))
    assert (one.refused and one.refused[0], unread) == (reason, [])


def test_a_verdict_that_was_changed_since_is_refused(run: Path) -> None:
    attest(run)
    (run / "verdict.json").write_text(json.dumps(passed(site="there")))
    ((one,), _) = told_verdicts(run.parent, partial(vouched_by, KEY.public_key()))
    assert one.refused is not None
    assert one.refused[0] is Reason.SIGNATURE


def test_no_folder_is_a_mistake(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no evidence in"):
        told_verdicts(tmp_path / "none")


@pytest.mark.parametrize(
    ("text", "seconds"), [("90", 90), ("90s", 90), ("30m", 1800), ("12h", 43_200), ("7d", 604_800)]
)
def test_a_span(text: str, seconds: int) -> None:
    assert span(text) == timedelta(seconds=seconds)


@pytest.mark.parametrize("text", ["", "h", "-1", "1.5h", "1w", "1 h", "²"])
def test_no_span(text: str) -> None:
    with pytest.raises(UsageError, match="no time span"):
        span(text)


@pytest.mark.parametrize(
    ("error", "status"),
    [(UsageError("x"), MISTAKE), (SiteError("x"), MISTAKE), (TransportError("x"), NOT_ASKED)],
)
def test_no_answer_is_a_mistake_or_trouble(error: HarnessError, status: int) -> None:
    assert status_of(error) == status
