"""Whatever is said in a field of a check: every report is written, and no terminal obeys it."""

from __future__ import annotations

import json
from xml.etree import ElementTree

import pytest

from harness.verdict.bounds import json_text
from harness.verdict.outcome import Outcome
from harness.verdict.report import rendered
from tests.unit.peers.hostile_text import NAMES
from tests.unit.peers.small_suite import Suite
from tests.unit.peers.strict_json import json_in
from tests.unit.verdict.test_report import result, run_of

pytest_plugins = ["pytester"]

VALUES = """
import math
class Mute:
    def __repr__(self): raise RuntimeError("no words")
    __str__ = __repr__
class Cheat(dict):
    def items(self): raise RuntimeError("no items")
class Endless(list):
    def __iter__(self):
        while True: yield 1
deep = []
for _ in range(100_000): deep = [deep]
round_about = []; round_about.append(round_about)
VALUES = {
    "surrogate": "vm-\\udcff", "lone": "\\ud800", "nul": "a\\0b",
    "controls": "\\x1b]52;c;aGk=\\x07\\x9b2J\\u202e\\u200b",
    "breaks": "a\\r\\n\\x0b\\x0c\\x1c\\x85\\u2028\\u2029b",
    "brackets": "[red]x[/red] ]]> <![CDATA[ &amp; \\" '",
    "url": '"http://p/cb?code=a\\\\b" "http://p/cb?code=c\\\\',
    "nan": math.nan, "inf": -math.inf, "huge": 10 ** 5000, "huger": 1 << 200_000, "bytes": b"\\xff\\0",
    "array": bytearray(b"x"), "deep": deep, "round": round_about, "mute": Mute(), "cheat": Cheat(a=1),
    "endless": Endless([1]), "keys": {None: 1, 2: 2, (3,): Mute(), b"\\xff": 4, "\\udcff": 5, Mute: 6},
    "set": {1, "a"}, "class": Mute,
    "long": "x" * 300_000, "lines": "a\\n" * 50_000, "words": "ab " * 100_000,
}
"""

HOSTILE = (
    VALUES
    + """
@pytest.fixture(params=VALUES, ids=list(VALUES))
def value(request): return VALUES[request.param]

NOW = []

@pytest.fixture(scope="session")
def source(evidence_sources):
    evidence_sources.add(fixture="source", name="a\\0/\\udcff", collect=lambda: NOW[0])

@pytest.fixture(autouse=True)
def now(value, leftovers):
    NOW[:] = [value]
    if isinstance(value, str): leftovers(value)

@check("health")
def test_asserts(value, source, evidence, advice):
    if isinstance(value, str):
        advice(value)
        evidence.text(value, value)
        print(value.encode("utf-8", "replace").decode())
    evidence.json("value", value)
    evidence.json("value in a dict", {"v": value})
    assert value == "never", value

@check("handlers")
def test_raises(value, source): raise VmError(value, hint=value)

@check("oauth")
def test_raises_else(value, source): raise ValueError(value)

@check("window")
def test_skips(value): pytest.skip(value if isinstance(value, str) else "x")

@check("window")
def test_fails(value): pytest.fail(value if isinstance(value, str) else "x")

@pytest.mark.parametrize("value", ["a"], indirect=False)
@pytest.mark.parametrize("name", [v for v in VALUES.values() if isinstance(v, str) and len(v) < 1000])
@check("window")
def test_named(name, value): assert not name
"""
)


def test_hostile_content_in_every_field_keeps_no_report_from_being_written(suite: Suite) -> None:
    """What tests raise, say, keep, are called and leave behind: all of it odd."""
    suite.write(HOSTILE)
    report, page = suite.root / "junit.xml", suite.root / "page.html"
    ended = suite.run(f"--junitxml={report}", f"--html={page}", apart=True)
    assert "internal error" not in ended.output.lower()
    assert (ended.status, ended.verdict["outcome"]) == (1, "FAIL")
    assert "VERDICT: FAIL" in ended.output
    assert "Could not be written" not in ended.output
    outcomes = {check["name"]: check["outcome"] for check in ended.verdict["checks"]}
    assert {name.partition("[")[0]: outcome for name, outcome in outcomes.items()} == {
        "host.asserts": "FAIL",
        "host.raises": "BROKEN",
        "host.raises_else": "BROKEN",
        "host.skips": "NOT PROVEN",
        "host.fails": "FAIL",
        "host.named": "FAIL",
    }
    run = (suite.root / "evidence" / "latest").resolve()
    for file in run.rglob("*"):
        if file.is_file() and (file.suffix == ".json" or file.name.startswith("value")):
            json_in(file)
    ElementTree.parse(report)  # noqa: S314 - written by us a moment ago
    assert not set(page.read_text("utf-8")) & set("\x00\x1b\x9b\u202e\u200b\x07\u2028")
    assert ended.output.isprintable() or not set(ended.output) & set("\x1b\x9b\u202e\u200b\x07\u2028")


@pytest.mark.parametrize("text", NAMES.values(), ids=NAMES.keys())
def test_any_text_can_stand_in_any_field(text: str) -> None:
    """On the terminal and as JSON."""
    bad = result("a", Outcome.BROKEN, seen=text, hint=text, where=text)
    lists = {"trouble": [(Outcome.FAIL, text)], "advice": [("host.it", text)]}
    verdict = run_of(bad, leftovers=[text], unwritten=[text], facts={"site": text}, **lists)
    shown = rendered(verdict, width=80, colour=False, verbose=True)
    shown.encode()
    assert not set(shown) & set("\x1b\x9b\u202e\u200b\x07\x00\r")
    json.loads(json_text({text: text}))
