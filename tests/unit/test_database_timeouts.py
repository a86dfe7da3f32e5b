# ruff: noqa: E501 -- a table of one-line programs reads best unbroken
"""Limits around database calls as the parser sees them: what ends in time, and what only looks like it."""

from __future__ import annotations

import pytest

from harness.javascript.syntax import load_program
from harness.javascript.timeouts import database_timeouts


def problems(text: str, **files: str) -> list[str]:
    local = {f"/agent/{name}.js": body for name, body in files.items()}
    return database_timeouts(load_program("/agent/server.js", {"/agent/server.js": text, **local}))


WITH_TIMEOUT = """async function withTimeout(promise, timeoutMs = 5000) {
  return Promise.race([
    promise,
    new Promise((_, reject) => setTimeout(() => reject(new Error('Operation timed out')), timeoutMs)),
  ]);
}
"""
CLIENT = "const supabase = createClient(URL, KEY);\n"
TIMED = {
    "runbook": f"{WITH_TIMEOUT}app.get('/', async () => {{ await withTimeout(call()); }});",
    "client": f"{CLIENT}{WITH_TIMEOUT}app.get('/', async () => {{ await withTimeout(supabase.from('x').select()); }});",
    "arrow": "const limit = (p, ms) => Promise.race([p, new Promise((_, no) => setTimeout(no, ms))]);\nlimit(call(), 5);",
    "in-place": "Promise.race([call(), new Promise((_, no) => setTimeout(() => no(new Error()), 5))]);",
    "signal": "fetch(url, { signal: AbortSignal.timeout(5000) });",
    "named-caller": f"{WITH_TIMEOUT}async function save() {{ await withTimeout(call()); }}\napp.post('/', save);",
}


@pytest.mark.parametrize("text", TIMED.values(), ids=TIMED)
def test_timeout_that_is_used_is_accepted(text: str) -> None:
    assert problems(text) == []


UNTIMED = {
    "absent": "app.get('/', async () => { await call(); });",
    "unused": WITH_TIMEOUT,
    "commented": f"{WITH_TIMEOUT}// withTimeout(call());",
    "in-string": f"{WITH_TIMEOUT}log('withTimeout(call())');",
    "dead-caller": f"{WITH_TIMEOUT}async function save() {{ await withTimeout(call()); }}",
    "dead-branch": f"{WITH_TIMEOUT}if (false) {{ withTimeout(call()); }}",
    "after-return": f"{WITH_TIMEOUT}app.get('/', () => {{ return; withTimeout(call()); }});",
    "no-timer": "function withTimeout(p) { return Promise.race([p, other()]); }\nwithTimeout(call());",
    "resolves": "function withTimeout(p) { return Promise.race([p, new Promise((ok, no) => setTimeout(ok, 5))]); }\n"
    "withTimeout(call());",
    "not-raced": "function withTimeout(p) { setTimeout(() => {}, 5); return p; }\nwithTimeout(call());",
    "ignores-promise": "function withTimeout(p) { return Promise.race([q, new Promise((_, no) => setTimeout(no, 5))]); }\n"
    "withTimeout(call());",
    "one-unwrapped": f"{CLIENT}{WITH_TIMEOUT}withTimeout(call());\n"
    "app.get('/', async () => { await supabase.from('x').select(); });",
}


@pytest.mark.parametrize("text", UNTIMED.values(), ids=UNTIMED)
def test_timeout_that_guards_nothing_is_refused(text: str) -> None:
    assert problems(text)
