"""Signatures: made and verified by the library, and by a second path that shares no code with it."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from securesystemslib.dsse import Envelope
from securesystemslib.signer import CryptoSigner, SSlibKey

from harness.errors import HarnessError, UsageError
from harness.gate.attestation import (
    PAYLOAD_TYPE,
    Signer,
    WrongSignatureError,
    read_signer,
    read_trusted,
    statement,
    verify,
)
from tests.unit.peers.verdicts import FILES, document, passed, waived

KEY, ANOTHER = Ed25519PrivateKey.generate(), Ed25519PrivateKey.generate()
VERDICT = json.dumps(passed()).encode()
Change = Callable[[dict[str, Any]], None]


@pytest.fixture
def envelope() -> dict[str, Any]:
    """A good one."""
    read: dict[str, Any] = json.loads(Signer(KEY).attest(VERDICT, document()))
    return read


def verified(envelope: dict[str, Any]) -> None:
    verify(json.dumps(envelope).encode(), KEY.public_key(), VERDICT, document())


def verified_by_hand(envelope: dict[str, Any]) -> dict[str, Any]:
    """DSSE's pre-authentication encoding as its specification has it, and nothing of the library."""
    kind, payload = envelope["payloadType"].encode(), base64.b64decode(envelope["payload"])
    encoded = b"DSSEv1 %d %s %d %s" % (len(kind), kind, len(payload), payload)
    KEY.public_key().verify(base64.b64decode(envelope["signatures"][0]["sig"]), encoded)
    said: dict[str, Any] = json.loads(payload)
    return said


def test_both_ways_take_a_good_one(envelope: dict[str, Any]) -> None:
    verified(envelope)
    said = verified_by_hand(envelope)
    assert envelope["payloadType"] == "application/vnd.in-toto+json"
    assert said["_type"] == "https://in-toto.io/Statement/v1"
    assert said["predicateType"] == "https://in-toto.io/attestation/test-result/v0.1"
    assert [one["digest"]["sha256"] for one in said["subject"]] == [*FILES.values()]
    assert said["predicate"]["result"] == "PASSED"
    assert len(said["predicate"]["passedTests"]) == 9
    assert {one["name"] for one in said["predicate"]["configuration"]} == {
        "verdict.json",
        "profile",
        "checks",
    }


@pytest.mark.parametrize("word", ["FAIL", "BROKEN", "NOT PROVEN"])
def test_only_a_pass_is_one(word: str) -> None:
    said = passed(outcome=word)
    said["checks"][0]["outcome"] = word
    predicate = statement(b"", document(**said))["predicate"]
    assert (predicate["result"], predicate["failedTests"]) == ("FAILED", ["host.host-clean"])


def test_what_is_waived_is_warned_of() -> None:
    predicate = statement(b"", document(checks=waived()))["predicate"]
    assert (predicate["result"], predicate["warnedTests"]) == ("WARNED", ["host.host-clean"])
    assert (len(predicate["passedTests"]), predicate["failedTests"]) == (8, [])


def test_what_was_asked_again_is_warned_of() -> None:
    checks = passed()["checks"]
    checks[0]["tries"] = [{"run": "ffffff", "outcome": "FAIL", "seen": "x", "evidence": ""}]
    predicate = statement(b"", document(checks=checks))["predicate"]
    assert (predicate["result"], predicate["warnedTests"]) == ("WARNED", ["host.host-clean"])


def altered(envelope: dict[str, Any]) -> None:
    payload = bytearray(base64.b64decode(envelope["payload"]))
    payload[payload.index(b"1" * 64)] ^= 1
    envelope["payload"] = base64.b64encode(payload).decode()


def of_another_key(envelope: dict[str, Any]) -> None:
    envelope.update(json.loads(Signer(ANOTHER).attest(VERDICT, document())))


def of_another_key_under_our_name(envelope: dict[str, Any]) -> None:
    name = envelope["signatures"][0]["keyid"]
    of_another_key(envelope)
    envelope["signatures"][0]["keyid"] = name


def swapped_type(envelope: dict[str, Any]) -> None:
    envelope["payloadType"] = "application/json"


def short_signature(envelope: dict[str, Any]) -> None:
    envelope["signatures"][0]["sig"] = envelope["signatures"][0]["sig"][:40]


FORGED = (altered, of_another_key, of_another_key_under_our_name, swapped_type)


@pytest.mark.parametrize("forge", FORGED)
def test_both_ways_refuse_a_forged_one(envelope: dict[str, Any], forge: Change) -> None:
    forge(envelope)
    with pytest.raises(WrongSignatureError):
        verified(envelope)
    with pytest.raises(InvalidSignature):
        verified_by_hand(envelope)


def unsigned(envelope: dict[str, Any]) -> None:
    envelope["signatures"] = []


def of_another_type(envelope: dict[str, Any]) -> None:
    """Rightly signed by our key, for something else."""
    other = Envelope(base64.b64decode(envelope["payload"]), "application/json", {})
    other.sign(CryptoSigner(KEY, SSlibKey.from_crypto(KEY.public_key())))
    envelope.update(other.to_dict())


def of_another_snapshot(envelope: dict[str, Any]) -> None:
    said = passed()
    said["snapshot"]["memory"]["sha256"] = "9" * 64
    envelope.update(json.loads(Signer(KEY).attest(VERDICT, document(**said))))


def of_another_file(envelope: dict[str, Any]) -> None:
    """Of a verdict that says the same of the snapshot."""
    envelope.update(json.loads(Signer(KEY).attest(VERDICT + b"\n", document())))


def no_statement(envelope: dict[str, Any]) -> None:
    other = Envelope(b"[]", PAYLOAD_TYPE, {})
    other.sign(CryptoSigner(KEY, SSlibKey.from_crypto(KEY.public_key())))
    envelope.update(other.to_dict())


WRONG = (unsigned, short_signature, of_another_type, of_another_snapshot, of_another_file, no_statement)


@pytest.mark.parametrize("change", WRONG)
def test_what_vouches_for_something_else_is_refused(envelope: dict[str, Any], change: Change) -> None:
    change(envelope)
    with pytest.raises(WrongSignatureError):
        verified(envelope)


@pytest.mark.parametrize(
    "content", [b"", b"{", b"[]", b"{}", b'{"payload": 1}', b'{"payload":"","signatures":1}']
)
def test_what_is_no_envelope_is_refused(content: bytes) -> None:
    with pytest.raises(WrongSignatureError):
        verify(content, KEY.public_key(), VERDICT, document())


def test_a_verdict_on_nothing_is_not_signed() -> None:
    nothing = dict.fromkeys(passed()["snapshot"])
    with pytest.raises(HarnessError, match="nothing to sign"):
        Signer(KEY).attest(VERDICT, document(snapshot=nothing))


def pem(key: Any, password: bytes | None = None) -> bytes:
    kept = serialization.BestAvailableEncryption(password) if password else serialization.NoEncryption()
    encoding, form = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    return bytes(key.private_bytes(encoding, form, kept))


def public_pem(key: Any) -> bytes:
    encoding, form = serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    return bytes(key.public_key().public_bytes(encoding, form))


def test_keys_are_read(tmp_path: Path) -> None:
    private, public = tmp_path / "key", tmp_path / "key.pub"
    private.write_bytes(pem(KEY))
    private.chmod(0o600)
    public.write_bytes(public_pem(KEY))
    verify(read_signer(private).attest(VERDICT, document()), read_trusted(public), VERDICT, document())


@pytest.mark.parametrize(
    ("content", "mode"),
    [
        (pem(KEY), 0o644),
        (pem(KEY, b"password"), 0o600),
        (pem(generate_private_key(SECP256R1())), 0o600),
        (public_pem(KEY), 0o600),
        (b"no key", 0o600),
    ],
    ids=["others may read it", "a password", "another kind", "a public one", "none"],
)
def test_what_is_no_private_key_is_a_mistake(tmp_path: Path, content: bytes, mode: int) -> None:
    file = tmp_path / "key"
    file.write_bytes(content)
    file.chmod(mode)
    with pytest.raises(UsageError, match="--sign-key="):
        read_signer(file)


@pytest.mark.parametrize("content", [pem(KEY), public_pem(generate_private_key(SECP256R1())), b""])
def test_what_is_no_public_key_is_a_mistake(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "key.pub"
    file.write_bytes(content)
    with pytest.raises(UsageError, match="--trust="):
        read_trusted(file)


def test_no_file_is_a_mistake(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="No such file"):
        read_trusted(tmp_path / "none")
