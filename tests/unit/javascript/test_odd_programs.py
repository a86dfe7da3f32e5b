"""A program that nobody would write is judged as any other, or named as what cannot be read."""

from __future__ import annotations

import pytest

from harness.javascript.claims import PROCESS_EVENTS, ServerSource
from harness.javascript.syntax import load_program
from harness.javascript.timeouts import database_timeouts

HANDLER = "process.on('uncaughtException', (e) => {{ console.log(e); process.exit({0}) }});"
SERVER = "const s = http.createServer(); s.on('error', () => process.exit({0})); s.listen({0});"
USES = (
    "server.listen({0}, {0}); setTimeout(() => process.exit(1), {0}); require({0}); a[{0}]()",
    HANDLER,
    SERVER,
)
LITERALS = (
    *("1e999", "10n", "0x" + "f" * 5000, "9" * 5000, "077", "0b1", "1_000", "-0", "NaN", "Infinity"),
    *("'\\u{FFFFFFFFFF}'", "'\\ud800'", "'\\x'", "'\\u{}'", "''", "`${a}`", "null", "undefined"),
)
NESTED = {
    "lists": ("[", "1", "]"),
    "calls": ("f(", "1", ")"),
    "functions": ("(() => ", "1", ")()"),
    "sums": ("1+", "1", ""),
    "members": ("", "a", ".b"),
}


def judged(text: str) -> ServerSource:
    """Every claim about a program is asked."""
    source = ServerSource(load_program("/s.js", {"/s.js": text}))
    for event in PROCESS_EVENTS:
        source.handler_is_first(event)
        source.handler_exits(event)
    source.server_error_exits()
    source.listens_on("0.0.0.0")  # noqa: S104 - what the runbook asks for
    database_timeouts(source.program)
    return source


@pytest.mark.parametrize("literal", LITERALS, ids=lambda text: ascii(text)[:30])
def test_an_odd_literal_is_judged(literal: str) -> None:
    for use in USES:
        judged(use.format(literal))


@pytest.mark.parametrize("kind", NESTED)
@pytest.mark.parametrize("depth", [40, 120, 240, 500, 20_000])
def test_what_is_nested_deep_is_judged_or_named(kind: str, depth: int) -> None:
    opens, inner, ends = NESTED[kind]
    text = opens * depth + inner + ends * depth
    faults = judged(HANDLER.format(1) + SERVER.format(text)).program.faults
    assert any("nested more than 250 deep" in fault for fault in faults) == bool(faults)
    assert bool(faults) or depth < 500
    assert not faults or depth > 40


def test_half_a_character_is_a_character() -> None:
    assert judged("// \udcff\nserver.listen(1)").program.faults == ()
