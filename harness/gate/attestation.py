"""A verdict vouched for: an in-toto statement on the golden snapshot's files, signed, in a DSSE envelope.

The statement names the snapshot's files as its subjects, and ``verdict.json`` by its digest: who trusts the
key may trust every word of that file, wherever it came from.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key, load_pem_public_key
from securesystemslib.dsse import Envelope
from securesystemslib.exceptions import Error as SigningError
from securesystemslib.signer import CryptoSigner, SSlibKey

from harness.answers import read_json
from harness.errors import HarnessError, UnreadableError, UsageError
from harness.gate.decide import Reason
from harness.site.reading import CannotReadError, read_text, shown
from harness.verdict.content import content_of
from harness.verdict.document import Document

ATTESTATION = "verdict.dsse.json"
"""Beside ``verdict.json``."""
PAYLOAD_TYPE = "application/vnd.in-toto+json"
STATEMENT = "https://in-toto.io/Statement/v1"
PREDICATE = "https://in-toto.io/attestation/test-result/v0.1"
_LARGEST_KEY = 64 << 10
_EXCUSED = ("WAIVED", "ADVISORY")
_MAKE_PRIVATE = "openssl genpkey -algorithm ed25519 -out KEY, readable by its owner alone"
_MAKE_PUBLIC = "openssl pkey -in KEY -pubout -out KEY.pub"


Refused = tuple[Reason, str] | None


class WrongSignatureError(HarnessError):
    """Nobody whom we trust vouches for that verdict."""


@dataclass(frozen=True)
class Signer:
    """A private key of ed25519."""

    key: Ed25519PrivateKey

    def attest(self, verdict: bytes, document: Document) -> bytes:
        """The envelope over a verdict, which is the content of its file and what that says.

        :raises HarnessError: there is nothing to vouch for.
        """
        payload = json.dumps(statement(verdict, document), separators=(",", ":")).encode()
        envelope = Envelope(payload, PAYLOAD_TYPE, {})
        envelope.sign(CryptoSigner(self.key, SSlibKey.from_crypto(self.key.public_key())))
        return json.dumps(envelope.to_dict(), indent=2).encode() + b"\n"


def statement(verdict: bytes, document: Document) -> dict[str, Any]:
    """What is signed.

    :raises HarnessError: the verdict knows no digest of the snapshot: there is nothing that it is about.
    """
    subjects = _subjects(document)
    if not subjects:
        raise HarnessError("nothing to sign: no digest of the golden snapshot's files is known")
    passed = [check.name for check in document.checks if check.outcome == "PASS"]
    warned = [check.name for check in document.checks if check.outcome in _EXCUSED or check.tries]
    others = [check.name for check in document.checks if check.outcome not in ("PASS", "n/a", *_EXCUSED)]
    return {
        "_type": STATEMENT,
        "subject": [{"name": name, "digest": {"sha256": digest}} for name, digest in subjects.items()],
        "predicateType": PREDICATE,
        "predicate": {
            "result": _result(document.outcome, warned),
            "configuration": [
                {"name": "verdict.json", "digest": {"sha256": hashlib.sha256(verdict).hexdigest()}},
                {"name": "profile", "digest": {"sha256": document.profile.sha256}},
                {"name": "checks", "digest": {"sha256": document.suite.checks_sha256}},
            ],
            "passedTests": passed,
            "warnedTests": warned,
            "failedTests": others,
        },
    }


def _result(outcome: str, warned: list[str]) -> str:
    if outcome != "PASS":
        return "FAILED"
    return "WARNED" if warned else "PASSED"


def verify(envelope: bytes, key: Ed25519PublicKey, verdict: bytes, document: Document) -> None:
    """Hold the envelope to the key, and to the verdict beside it.

    :raises WrongSignatureError: it is not of that key, or vouches for something else.
    """
    try:
        read = Envelope.from_dict(read_json(envelope, whose=ATTESTATION))
        read.verify([SSlibKey.from_crypto(key)], 1)
        if read.payload_type != PAYLOAD_TYPE:
            raise WrongSignatureError(f"it signs something of type {read.payload_type!r}")
        said = read_json(read.payload, whose=ATTESTATION, unique=True)
    except (SigningError, UnreadableError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise WrongSignatureError(f"not of the key that is trusted ({type(error).__name__})") from error
    if said != statement(verdict, document):
        raise WrongSignatureError("it vouches for another verdict")


def vouched_by(key: Ed25519PublicKey, folder: Path, verdict: bytes, document: Document) -> Refused:
    """Whether the attestation in a run's folder is of that key and for that verdict; if not, why."""
    try:
        envelope = content_of(folder / ATTESTATION)
    except OSError as error:
        return Reason.UNSIGNED, f"{folder / ATTESTATION}: {error.strerror}"
    try:
        verify(envelope, key, verdict, document)
    except WrongSignatureError as error:
        return Reason.SIGNATURE, f"{folder / ATTESTATION}: {error.message}"
    return None


def read_signer(path: Path) -> Signer:
    """The key to sign with, out of a file that only its owner can read.

    :raises UsageError: there is none.
    """
    try:
        text = read_text(path, limit=_LARGEST_KEY, private=True)
        key = load_pem_private_key(text.encode(), password=None)
    except CannotReadError as error:
        raise UsageError(f"--sign-key={shown(path)}: {error}", hint=_MAKE_PRIVATE) from None
    except (ValueError, TypeError, UnsupportedAlgorithm):
        key = None
    if not isinstance(key, Ed25519PrivateKey):
        raise UsageError(
            f"--sign-key={shown(path)}: no private key of ed25519 in PEM without a password",
            hint=_MAKE_PRIVATE,
        )
    return Signer(key)


def read_trusted(path: Path) -> Ed25519PublicKey:
    """The key that is trusted.

    :raises UsageError: there is none.
    """
    try:
        key = load_pem_public_key(read_text(path, limit=_LARGEST_KEY).encode())
    except CannotReadError as error:
        raise UsageError(f"--trust={shown(path)}: {error}", hint=_MAKE_PUBLIC) from None
    except (ValueError, UnsupportedAlgorithm):
        key = None
    if not isinstance(key, Ed25519PublicKey):
        raise UsageError(f"--trust={shown(path)}: no public key of ed25519 in PEM", hint=_MAKE_PUBLIC)
    return key


def _subjects(document: Document) -> dict[str, str]:
    return {one.path: one.sha256 for one in document.snapshot.files.values() if one.sha256}
