"""A run that signs: what it leaves, what it cannot sign, and a key that it cannot use."""

from __future__ import annotations

from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from harness.gate.attestation import ATTESTATION, verify
from harness.verdict.document import document_in
from tests.unit.peers.small_suite import Suite

pytest_plugins = ["pytester"]

KNOWN = """
from harness.verdict.about import SnapshotFile, SnapshotPart
@check()
def test_it(known):
    known.snapshot = SnapshotPart(disk=SnapshotFile(path="/g/disk", size=1, sha256="3" * 64))
"""
KEY = Ed25519PrivateKey.generate()


@pytest.fixture
def key(tmp_path: Path) -> Path:
    file = tmp_path / "key"
    file.write_bytes(KEY.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    file.chmod(0o600)
    return file


def test_a_run_vouches_for_its_verdict(suite: Suite, key: Path) -> None:
    suite.write(KNOWN)
    assert suite.run(f"--sign-key={key}").status == 0
    folder = suite.root / "evidence" / "latest"
    verdict = (folder / "verdict.json").read_bytes()
    verify((folder / ATTESTATION).read_bytes(), KEY.public_key(), verdict, document_in(verdict, whose="it"))
    assert (folder / ATTESTATION).stat().st_mode & 0o777 == 0o600
    assert suite.run().status == 0
    assert not (suite.root / "evidence" / "latest" / ATTESTATION).exists()


def test_a_verdict_on_nothing_is_told_unsigned(suite: Suite, key: Path) -> None:
    """It says nothing of the site: the exit status is the verdict's."""
    suite.write("@check()\ndef test_it(): pass\n")
    ended = suite.run(f"--sign-key={key}")
    assert ended.status == 0
    assert f"{ATTESTATION}: HarnessError: nothing to sign" in ended.output


def test_a_key_that_cannot_be_used_is_told_before_anything_is_asked(suite: Suite, key: Path) -> None:
    key.chmod(0o644)
    suite.write("@check()\ndef test_it(): pass\n")
    ended = suite.run(f"--sign-key={key}", apart=True)
    assert (ended.status, ended.verdict) == (4, {})
    assert "can be read by others" in ended.output
