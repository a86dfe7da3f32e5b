"""The gate as it is asked: of files on a host, with the verdicts of runs on them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from harness.__main__ import main
from harness.errors import UsageError
from harness.gate.again import differs_on
from harness.gate.ask import Conditions, answer_on, question_on, told_before
from harness.gate.attestation import ATTESTATION, Signer
from harness.gate.decide import Question, Reason, decide
from harness.gate.verdicts import told_verdicts
from harness.host.golden.files import paths_of
from harness.host.standing import machine_here
from harness.site.digest import profile_digest
from harness.site.profile import Site, SnapshotSection
from harness.suite import checks_digest
from harness.verdict.checklist import CANDIDATE_ITEMS
from harness.verdict.document import document_in
from harness.verdict.runs import EvidenceRun
from tests.unit.peers.this_machine import Here
from tests.unit.peers.verdicts import passed

NOBODY_THERE = 'name = "nobody there"\n[host]\naddress = "127.0.0.1"\nuser = "nobody"\nport = 1\n'


@pytest.fixture
def golden(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Here:
    """This machine, with a golden snapshot."""
    monkeypatch.setattr("harness.host.golden.digests.MEMORY", str(tmp_path / "memory" / "digests.json"))
    folder = tmp_path / "golden"
    folder.mkdir()
    names = {role: str(folder / role) for role in ("vmstate", "memory", "disk", "kernel")}
    host = Here()
    host.site = Site(name="here", snapshot=SnapshotSection.model_validate(names))
    for role, path in paths_of(host.site).items():
        Path(path).write_text(f"golden {role}")
    return host


def verdict_on(host: Here, root: Path, *, judged: Mapping[str, str] | None = None) -> None:
    """A run of all checks has passed on the golden files, or on those ``judged``, as they are now."""
    files: dict[str, Any] = dict.fromkeys(("vmstate", "memory", "disk", "kernel", "initrd", "manifest"))
    for role, path in (judged or paths_of(host.site)).items():
        content = Path(path).read_bytes()
        files[role] = {"path": path, "size": len(content), "sha256": hashlib.sha256(content).hexdigest()}
    now = datetime.now(UTC).isoformat()
    folder = root / "0a1b2c"
    folder.mkdir(0o700, parents=True)
    said = passed(
        began=now,
        ended=now,
        host={"address": "this machine", "machine_id_sha256": machine_here() or None},
        snapshot=files,
        profile={"file": "site.toml", "sha256": profile_digest(host.site)},
        suite={"version": "1", "checks_sha256": checks_digest()},
    )
    (folder / "verdict.json").write_text(json.dumps(said))
    (folder / "verdict.json").chmod(0o600)


def test_what_was_judged_may_pass_until_it_changes(golden: Here, tmp_path: Path) -> None:
    evidence = tmp_path / "evidence"
    verdict_on(golden, evidence)
    for conditions in (Conditions(evidence), Conditions(evidence, fresh=True)):
        assert answer_on(golden, conditions).allows
    Path(golden.site.snapshot.disk).write_text("another")
    given = answer_on(golden, Conditions(evidence))
    assert (given.reason, "another disk" in given.text) == (Reason.SNAPSHOT, True)
    Path(golden.site.snapshot.disk).unlink()
    given = answer_on(golden, Conditions(evidence))
    assert (given.reason, "No such file" in given.text) == (Reason.SNAPSHOT, True)


def test_another_host_with_the_same_files_was_not_judged(golden: Here, tmp_path: Path) -> None:
    evidence = tmp_path / "evidence"
    verdict_on(golden, evidence)
    file = evidence / "0a1b2c" / "verdict.json"
    said = json.loads(file.read_text())
    said["host"]["machine_id_sha256"] = "9" * 64
    file.write_text(json.dumps(said))
    assert answer_on(golden, Conditions(evidence)).reason is Reason.HOST


def test_a_run_that_was_killed_since_may_have_seen_a_fail(golden: Here, tmp_path: Path) -> None:
    """Also while it goes on; one of another site is none of ours."""
    evidence = tmp_path / "evidence"
    verdict_on(golden, evidence)
    run = EvidenceRun(evidence, "ffffff")
    run.start({"site": "here", "scope": "smoke"})
    given = answer_on(golden, Conditions(evidence))
    assert (given.reason, "it goes on" in given.text) == (Reason.UNTOLD, True)
    run.end()
    given = answer_on(golden, Conditions(evidence))
    assert (given.reason, "it ended without" in given.text) == (Reason.UNTOLD, True)
    note = run.folder / "run.json"
    note.write_text(note.read_text().replace('"here"', '"there"'))
    assert answer_on(golden, Conditions(evidence)).allows


def test_other_checks_of_ones_own_have_not_been_asked(golden: Here, tmp_path: Path) -> None:
    """A verdict is on those that there were; and a line of the site's own must be proven, too."""
    evidence, own = tmp_path / "evidence", tmp_path / "own"
    (own / "host").mkdir(parents=True)
    (own / "host" / "test_a.py").write_text("")
    verdict_on(golden, evidence)
    assert answer_on(golden, Conditions(evidence, checks=(own,))).reason is Reason.CHECKS
    with pytest.raises(UsageError, match="there is no such folder"):
        told_before(Conditions(evidence, checks=(tmp_path / "none",)))
    question = question_on(golden, Conditions(evidence))
    assert isinstance(question, Question)
    verdicts = told_verdicts(evidence)
    assert decide(question, *verdicts).allows
    assert decide(replace(question, own_items=("backup",)), *verdicts).reason is Reason.AT_ODDS


@pytest.mark.parametrize("option", ["trust", "sign_key"])
def test_a_signature_is_held_to_either_half_of_the_key(golden: Here, tmp_path: Path, option: str) -> None:
    evidence, key = tmp_path / "evidence", Ed25519PrivateKey.generate()
    verdict_on(golden, evidence)
    half = tmp_path / "key"
    half.touch(0o600)
    half.write_bytes(
        key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        if option == "sign_key"
        else key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    )
    conditions = Conditions(evidence, **{option: half})  # type: ignore[arg-type]
    assert answer_on(golden, conditions).reason is Reason.UNSIGNED
    content = (evidence / "0a1b2c" / "verdict.json").read_bytes()
    for signer, reason in ((key, None), (Ed25519PrivateKey.generate(), Reason.SIGNATURE)):
        envelope = Signer(signer).attest(content, document_in(content, whose="verdict.json"))
        (evidence / "0a1b2c" / ATTESTATION).write_bytes(envelope)
        assert answer_on(golden, conditions).reason is reason


def test_a_gate_that_cannot_be_asked_is_no_answer(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Exit status 3: nobody is there. 4: what was typed, or the profile, is to be mended."""
    profile, evidence = tmp_path / "site.toml", tmp_path / "evidence"
    profile.write_text(NOBODY_THERE)
    evidence.mkdir()
    site, folder = f"--site={profile}", f"--evidence-dir={evidence}"
    assert main(["gate", site, folder]) == 3
    assert main(["gate", site, folder, "--max-age=soon"]) == 4
    assert main(["gate", site, f"--evidence-dir={tmp_path / 'none'}"]) == 4
    assert main(["gate", f"--site={tmp_path / 'none'}", folder]) == 4
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.count("\n  next: ") == 4


def candidate_of(host: Here, folder: Path) -> Path:
    """The same files, copied."""
    folder.mkdir()
    for path in paths_of(host.site).values():
        (folder / Path(path).name).write_bytes(Path(path).read_bytes())
    return folder


def test_a_candidate_may_pass_by_what_it_proved(golden: Here, tmp_path: Path) -> None:
    """By a run of its own, or of all checks on the same files; and neither makes the golden one pass."""
    evidence, folder = tmp_path / "evidence", candidate_of(golden, tmp_path / "candidate")
    verdict_on(golden, evidence)
    asked = Conditions(evidence, candidate=PurePosixPath(folder))
    assert answer_on(golden, asked).allows
    file = evidence / "0a1b2c" / "verdict.json"
    said = json.loads(file.read_text())
    said["scope"]["name"] = "candidate"
    for item in said["items"]:
        item["in_scope"] = item["key"] in CANDIDATE_ITEMS
    file.write_text(json.dumps(said))
    assert answer_on(golden, asked).allows
    assert answer_on(golden, Conditions(evidence)).reason is Reason.NARROWED
    said["items"] = [one for one in said["items"] if one["key"] != "handlers"]
    file.write_text(json.dumps(said))
    assert answer_on(golden, asked).reason is Reason.AT_ODDS
    (folder / "disk").write_text("another")
    given = answer_on(golden, asked)
    assert (given.reason, f"--candidate={folder}" in given.hint) == (Reason.SNAPSHOT, True)


def test_a_candidate_that_is_judged_holds_up_itself_alone(golden: Here, tmp_path: Path) -> None:
    evidence, folder = tmp_path / "evidence", candidate_of(golden, tmp_path / "candidate")
    verdict_on(golden, evidence)
    run = EvidenceRun(evidence, "ffffff")
    run.start({"site": "here", "scope": "candidate", "candidate": str(folder)})
    assert answer_on(golden, Conditions(evidence)).allows
    given = answer_on(golden, Conditions(evidence, candidate=PurePosixPath(folder)))
    run.end()
    assert given.reason is Reason.UNTOLD


@pytest.mark.parametrize("wrong", ["missing", "golden", "a link to it", "no file", "relative"])
def test_a_folder_without_a_candidate_is_refused(golden: Here, tmp_path: Path, wrong: str) -> None:
    evidence, folder = tmp_path / "evidence", candidate_of(golden, tmp_path / "candidate")
    verdict_on(golden, evidence)
    disk = folder / "disk"
    if wrong in ("missing", "no file"):
        disk.unlink()
    if wrong == "no file":
        disk.mkdir()
    if wrong == "a link to it":
        (tmp_path / "link").symlink_to(tmp_path / "golden")
    named = {"golden": tmp_path / "golden", "a link to it": tmp_path / "link", "relative": Path("candidate")}
    asked = Conditions(evidence, candidate=PurePosixPath(named.get(wrong, folder)))
    with pytest.raises(UsageError):
        answer_on(golden, asked)


def test_a_run_goes_on_only_on_the_same_files(golden: Here, tmp_path: Path) -> None:
    verdict_on(golden, tmp_path / "evidence")
    file = tmp_path / "evidence" / "0a1b2c" / "verdict.json"
    document = document_in(file.read_bytes(), whose="verdict.json")
    assert differs_on(golden, document) == ""
    disk = Path(golden.site.snapshot.disk)
    disk.write_text("another disk")
    assert differs_on(golden, document).startswith("run 0a1b2c was of another disk: sha256 ")
    disk.unlink()
    assert differs_on(golden, document).startswith(f"disk {disk}: ")
