"""No secret reaches the terminal, JUnit's file, the evidence or verdict.json."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness import redact
from tests.unit.peers.small_suite import Suite

pytest_plugins = ["pytester"]
pytestmark = pytest.mark.usefixtures("forgetful")

SECRETS = {
    "plain": ("s3cr3t-word", ["s3cr3t-word"]),
    "URL": ("postgresql://me:hunter2@db:5432/x", ["postgresql://me:hunter2@db:5432/x", "hunter2"]),
    "quoted URL": ("postgresql://me:a%2Fb%40c@db/x", ["a%2Fb%40c", "a/b@c"]),
    "keywords": ("host=db user=me password='hunter2'", ["hunter2"]),
    "with a newline": ("s3cr3t-word\n", ["s3cr3t-word"]),
}


@pytest.mark.parametrize(("secret", "hidden"), SECRETS.values(), ids=SECRETS.keys())
def test_a_secret_is_cut_out_in_every_spelling(secret: str, hidden: list[str]) -> None:
    """The password alone, too, plain and quoted; what is around it stays."""
    assert redact.remember(secret) == secret
    for word in hidden:
        assert redact.redact(f"before {word} after") == "before ‹secret› after"
        assert redact.redact_bytes(f"\xff {word} after".encode("latin-1")) == "\xff ".encode("latin-1") + (
            "‹secret› after".encode()
        )


SEEN_FIRST = {
    "code": ("http://localhost:1455/auth/callback?code=v4lue&iss=x", "?code=‹secret›&iss=x"),
    "state": ("http://p/auth?client_id=codex&state=v4lue", "client_id=codex&state=‹secret›"),
    "in HTML": ('<a href="/x?a=b&amp;code=v4lue">', '&amp;code=‹secret›">'),
    "in another": ("http://x/?next=%2Fcb%3Fcode%3Dv4lue%26iss%3Dx", "code%3D‹secret›%26iss%3Dx"),
    "token in a text in JSON": (r'"{\"id_token\": \"v4lue\"}"', r"{\"id_token\": \"‹secret›\"}"),
    "token": ('{"access_token": "v4lue", "n": 1}', '{"access_token": "‹secret›", "n": 1}'),
}


@pytest.mark.parametrize(("text", "left"), SEEN_FIRST.values(), ids=SEEN_FIRST.keys())
def test_what_oauth_keeps_secret_is_known_by_where_it_stands(text: str, left: str) -> None:
    """A code or a token is a secret before anybody has read it."""
    for redacted in (redact.redact(text), redact.redact_bytes(text.encode()).decode()):
        assert left in redacted
        assert "v4lue" not in redacted


def test_a_secret_that_was_cut_is_cut_out_whole() -> None:
    """pytest shortens long texts in their middle."""
    redact.remember("c0rrect-horse-battery")
    assert (
        redact.redact("assert 'x c0rrect-hor...-battery y' == ''") == "assert 'x ‹secret›...‹secret› y' == ''"
    )


@pytest.mark.parametrize("text", ['{"code": 404}', "exit code=1", "GET /x?encode=1", "state=ready"])
def test_what_only_looks_so_is_let_be(text: str) -> None:
    """Else no report could be read."""
    assert redact.redact(text) == text


def test_what_is_too_short_or_empty_is_let_be() -> None:
    """Cutting out one letter would leave no text."""
    for word in ("", "a", "  "):
        redact.remember(word)
    assert redact.redact("a b c") == "a b c"


CHECKS = """
import sys
from harness.redact import remember
SECRET = remember("hunter" + str(2))

@check()
def test_fails(evidence, advice):
    evidence.text("seen.txt", f"with {SECRET}")
    evidence.json("seen.json", {"password": SECRET})
    advice(f"change {SECRET}")
    print(f"printed {SECRET}")
    assert SECRET == "", f"the password is {SECRET}"

@check()
def test_breaks(): raise VmError(f"cannot log in with {SECRET}", hint=f"not {SECRET}")

@check()
def test_skips(): pytest.skip(f"no {SECRET}")

@check()
def test_other(): {}[SECRET]
"""


@pytest.mark.parametrize("style", ["auto", "long", "short", "native"])
def test_a_run_tells_no_secret(suite: Suite, style: str) -> None:
    """Whatever the style of tracebacks, and wherever it was shown."""
    suite.write(CHECKS)
    report = suite.root / "junit.xml"
    ended = suite.run(f"--junitxml={report}", f"--tb={style}", "-v")
    assert ended.status == 1
    assert "hunter2" not in ended.output + report.read_text()
    files = [path for path in (suite.root / "evidence").rglob("*") if path.is_file()]
    assert {path.name for path in files} >= {"seen.txt", "seen.json", "verdict.json", "traceback-call.txt"}
    assert [path for path in files if b"hunter2" in path.read_bytes()] == []
    assert "the password is ‹secret›" in Path(report).read_text()
