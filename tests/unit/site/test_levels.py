"""Which lines are errors where a profile does not say: services of many kinds, as they write their levels."""

from __future__ import annotations

import pytest

from harness.host.error_lines import errors_among, is_error
from harness.site.own import NOBODY, ids_in
from harness.site.patterns import fault_of
from harness.site.profile import ControllerSection

BY_DEFAULT = ControllerSection()
ERRORS = [
    "[ERROR]: bad",
    "[ERROR][db] no connection",
    "[ERROR]\tno connection",
    "[SERVER-ERROR] Failed to start server: x",
    "[FATAL] Uncaught Exception: x",
    "\x1b[31mERROR\x1b[39m: coloured",
    "[\x1b[31mERROR\x1b[39m]: coloured within brackets",
    "\x1b[31MERROR \x1b[39M]: capitalized once it was coloured",
    "[\x1b[31MERROR\x1b[39M]: capitalized once it was coloured",
    '{"level":"error","message":"x"}',
    '{"level":50,"time":1795489200000,"msg":"pino"}',
    '{"severity": "ERROR", "message": "x"}',
    'time="2026-11-24T03:00:01Z" level=error msg="x"',
    "2026-11-24T03:00:01.123Z ERROR x",
    "2026-11-24T03:00:01.123Z [error]: x",
    "2026-11-24 03:00:01,123 - db - CRITICAL - x",
    "2026-11-24 03:00:01 UTC Error: x",
    "Error: Cannot find module 'express'",
    "TypeError: x is not a function",
    "TypeError [ERR_INVALID_ARG_TYPE]: The argument",
    "    throw error\n    ^\n\nError: of several lines\n    at main",
    "error: winston's simple format",
    "FATAL",
    "FATAL: no memory",
]
NO_ERRORS = [
    "NO_ERROR",
    "[INFO]: answered NO_ERROR: fine",
    "[INFO]: ERROR_COUNT=0",
    '[INFO]: session {"error":null,"errors":0}',
    '{"level":30,"msg":"no error"}',
    '{"level":"info","msg":"0 errors"}',
    '{"level":500}',
    "level=errors",
    "TERRORS",
    "    at new Error (node:internal/errors:405:5)",
    "[WARN]: retried after Error: x",
    "\x1b[32MINFO\x1b[39M]: fine",
]


@pytest.mark.parametrize("line", ERRORS, ids=ascii)
def test_a_level_is_known_however_it_is_written(line: str) -> None:
    assert is_error(line, BY_DEFAULT)


@pytest.mark.parametrize("line", NO_ERRORS, ids=ascii)
def test_a_line_of_another_level_is_no_error(line: str) -> None:
    assert not is_error(line, BY_DEFAULT)


def test_the_default_is_a_pattern_that_a_profile_may_have() -> None:
    assert fault_of(BY_DEFAULT.error_pattern) == ""


def test_a_pattern_may_be_about_colours() -> None:
    """Whoever wrote one for coloured lines is not to write another."""
    controller = ControllerSection(error_pattern=r"\x1b\[31M", ignore_errors=(r"\x1b\[39M\]: known",))
    lines = [(1.0, "[\x1b[31MERROR\x1b[39M]: new"), (2.0, "[\x1b[31MERROR\x1b[39M]: known")]
    found = errors_among(lines, controller)
    assert [one["text"] for one in found["last"]] == ["[ERROR]: new"]
    assert list(found["ignored"].values()) == [1]


def test_what_an_error_names_is_noted_beyond_what_is_shown_of_it() -> None:
    vm = "vm-6B03852D-0631-4f91-ae8a-fd352348e9c2"
    line = f"[ERROR]: {'x' * 5000} {vm} {NOBODY} for somebody"
    (found,) = errors_among([(1.0, line)], BY_DEFAULT, words=["somebody", "nobody"])["last"]
    assert found["names"] == [NOBODY, vm[3:].casefold(), "somebody"]
    assert ids_in(vm) == {vm[3:].casefold()}
