"""What leaves is told first: values before they are written as JSON, records of logs, bytes of evidence."""

from __future__ import annotations

import json
import logging
import math
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness import redact
from harness.outward import each_text, redact_logs, told, told_bytes, told_each, told_value
from harness.redact import MASK
from harness.text import plain
from harness.verdict.checklist import CHECKLIST
from harness.verdict.file import as_json, write_verdict
from harness.verdict.outcome import Check, CheckResult, Outcome, RunVerdict, Scope, judge
from harness.verdict.report import rendered
from tests.unit.peers.verdicts import about

pytestmark = pytest.mark.usefixtures("forgetful")

SHORT = ("true", "null", "name", "PASS", "pass", "1234", '"": ', '\\"', "{}[]", "outcome", "secret")
"""Passwords that are words of JSON, of the verdict, or of the mask."""
JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters()) | st.binary(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(st.characters()) | st.integers(), inner),
)


@given(JSON_VALUES)
def test_any_value_can_be_written_and_read(value: object) -> None:
    for word in SHORT:
        redact.remember(word)
    written = json.dumps(told_value(value), allow_nan=False, ensure_ascii=False)
    assert plain(written) == written
    json.loads(written)


def test_secrets_are_cut_out_of_values_and_keys() -> None:
    """Keys stay apart; what is called a password is one, and so is a number that is."""
    redact.remember("s3cret-w0rd")
    redact.remember("12345678")
    told_one = told_value(
        {
            "http://p/cb?code=abc": "http://p/cb?code=abc",
            "s3cret-w0rd": 1,
            "s3cret%2dw0rd": 2,
            "password": "hunter2",
            "Password": "",
            "pin": 12345678,
            "list": ("s3cret-w0rd", {"access_token": "x"}, {1}),
        }
    )
    assert told_one == {
        f"http://p/cb?code={MASK}": f"http://p/cb?code={MASK}",
        MASK: 1,
        f"{MASK} (2)": 2,
        "password": MASK,
        "Password": "",
        "pin": MASK,
        "list": [MASK, {"access_token": MASK}, [1]],
    }


class Mute(list[int]):
    """One that says nothing, whatever it is asked."""

    __hash__ = object.__hash__  # type: ignore[assignment]

    def __str__(self) -> str:
        raise RuntimeError

    def __iter__(self) -> Any:
        raise RuntimeError


def test_what_json_cannot_have_is_told_as_text() -> None:
    deep: list[Any] = []
    for _ in range(50_000):
        deep = [deep]
    odd = [math.nan, -math.inf, b"a\xff\x1b", Mute(), {Mute(): {1}}, 10**5000, deep]
    said = "Mute, of which nothing can be told: RuntimeError"
    read = json.loads(json.dumps(told_value(odd), allow_nan=False))
    assert read[:5] == ["nan", "-inf", r"a\udcff\x1b", said, {said: [1]}]
    assert read[5].startswith("0x")


def test_words_of_ours_stay() -> None:
    redact.remember("passed")
    assert told_value({"passed": "passed", "x": "it passed"}, ours={"passed"}) == {
        "passed": "passed",
        "x": f"it {MASK}",
    }


def test_texts_are_changed_in_pythons_own_containers() -> None:
    """Their types stay, and what needs no change is the same thing."""
    value = {"a": ["x", ("y", frozenset({"z"}), 1)], "b": object()}
    assert each_text(value, str.lower) is value
    assert each_text(["X", ("Y", frozenset({"Z"}), 1)], str.lower) == ["x", ("y", frozenset({"z"}), 1)]


@given(
    st.lists(
        st.sampled_from(["plain", "\x1b", "s3cret-", "w0rd", "s3cret-w0rd", '"password": "', "", "\x1e"])
    )
)
def test_each_of_many_is_told_as_alone(texts: list[str]) -> None:
    redact.remember("s3cret-w0rd")
    assert told_each(texts) == [told(text) for text in texts]


@pytest.mark.parametrize(
    ("content", "left"),
    [
        (b"\x89PNG\r\n\x1a\n\x00\xff", b"\x89PNG\r\n\x1a\n\x00\xff"),
        (b"a \x1b[31m s3cret-w0rd\n", f"a \\x1b[31m {MASK}\n".encode()),
        (b"\xff\x1b s3cret-w0rd", b"\xff\x1b " + MASK.encode()),
    ],
    ids=["picture", "text", "neither"],
)
def test_bytes_that_are_text_are_plain(content: bytes, left: bytes) -> None:
    redact.remember("s3cret-w0rd")
    assert told_bytes(content) == left


def test_a_line_ends_as_ours_do() -> None:
    assert told("one\r\ntwo\r\r\nthree\r") == "one\ntwo\\x0d\nthree\\x0d"


def verdict() -> RunVerdict:
    """One check of each outcome, and words of a site wherever there are any."""
    said = "\x1b[31m s3cret-w0rd http://p/cb?code=abc \udcff [red]"
    checks = [
        Check(
            f"guest.{outcome.name}", f"tests/guest/{outcome.name}", "claim", "health", True, False, 5, "how"
        )
        for outcome in Outcome
    ]
    results = [
        CheckResult(check, outcome, said, said, said, seconds=1.0, evidence=said)
        for check, outcome in zip(checks, Outcome, strict=True)
    ]
    scope = Scope("acceptance", frozenset(item.key for item in CHECKLIST), (said,))
    return RunVerdict(
        scope,
        judge(results, scope),
        results,
        trouble=[(Outcome.BROKEN, said)],
        advice=[("check", said)],
        leftovers=[said],
        facts={"run": "0a1b2c", "site": said, "host": said},
        about=about(),
    )


@pytest.mark.parametrize("colour", [True, False])
def test_a_verdict_is_shown_plainly(colour: bool) -> None:
    """But for our own colours."""
    redact.remember("s3cret-w0rd")
    shown = rendered(verdict(), width=80, colour=colour, verbose=True)
    shown.encode()
    assert "w0rd" not in shown
    assert "code=abc" not in shown
    assert "[red]" in shown
    without = re.sub(r"\x1b\[[0-9;]*m", "", shown)
    assert (without != shown) is colour
    assert plain(without) == without


@pytest.mark.parametrize("word", [*SHORT, "FAIL", "acceptance", "guest", "trouble", "n/a"])
def test_no_password_breaks_the_verdict(tmp_path: Any, word: str) -> None:
    """Its keys, outcomes and what checks declare are ours, whatever somebody's password is."""
    asked = as_json(verdict(), exit_status=1)
    redact.remember("s3cret-w0rd")
    redact.remember(word)
    write_verdict(tmp_path / "verdict.json", verdict(), exit_status=1)
    text = (tmp_path / "verdict.json").read_text()
    assert "w0rd" not in text
    assert "code=abc" not in text
    assert plain(text) == text
    written = json.loads(text)
    assert written.keys() == asked.keys()
    for kind in ("checks", "items"):
        for one, other in zip(written[kind], asked[kind], strict=True):  # type: ignore[call-overload]
            assert one.keys() == other.keys()
            assert all(
                one[key] == other[key] for key in one if key not in ("seen", "hint", "where", "evidence")
            )


def test_records_of_logs_are_told(caplog: pytest.LogCaptureFixture) -> None:
    """Their words, their error, and words that do not fit what is put in."""
    redact_logs()
    redact.remember("s3cret-w0rd")
    log = logging.getLogger("a\x1bname")
    try:
        int("s3cret-w0rd \x1b")
    except ValueError:
        log.exception("with %s", "s3cret-w0rd\x1b", stack_info=True)
    log.error("with %d", "s3cret-w0rd")
    assert "w0rd" not in caplog.text
    assert plain(caplog.text) == caplog.text
    assert f"with {MASK}\\x1b" in caplog.text
    assert f"with %d ('{MASK}',) (TypeError" in caplog.text
