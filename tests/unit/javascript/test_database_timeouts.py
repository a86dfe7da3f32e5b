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
    "signal-on-the-way": f"{CLIENT}await supabase.from('x').select().abortSignal(AbortSignal.timeout(5)).single();",
    "controller-on-the-way": f"{CLIENT}const c = new AbortController();\nsetTimeout(() => c.abort(), 5000);\n"
    "await supabase.from('x').abortSignal(c.signal).select();",
    "controller": "const c = new AbortController();\nsetTimeout(() => c.abort(), 5000);\nawait fetch(url, { signal: c.signal });",
    "named-caller": f"{WITH_TIMEOUT}async function save() {{ await withTimeout(call()); }}\napp.post('/', save);",
}

TIMER = "new Promise((_, reject) => setTimeout(() => reject(new Error('late')), ms))"
HELPER = f"const timeout = (ms) => {TIMER};\n"
RACE = f"{CLIENT}const rows = await Promise.race([supabase.from('x').select(), timeout(5000)]);"
TIMED_BY_HELPER = {
    "arrow": f"{HELPER}{RACE}",
    "function": f"{RACE}\nfunction timeout(ms) {{ return {TIMER}; }}",
    "async": f"async function timeout(ms) {{ const late = {TIMER}; return await late; }}\n{RACE}",
    "of-a-helper": f"const after = (ms) => {TIMER};\nconst timeout = (ms) => after(ms || 1);\n{RACE}",
    "of-another-file": f"const {{ timeout }} = require('./timer');\n{RACE}",
    "named": f"{HELPER}const late = timeout(5000);\nawait Promise.race([call(), late]);",
    "no-helper-but-a-name": f"const late = {TIMER};\nawait Promise.race([call(), late]);",
    "in-wrapper": f"{HELPER}const limit = (p, ms) => Promise.race([p, timeout(ms)]);\n{CLIENT}"
    "await limit(supabase.from('x').select(), 5000);",
    "around-function": f"{HELPER}{CLIENT}"
    "await Promise.race([(async () => { await supabase.from('x').select(); })(), timeout(5)]);",
}


@pytest.mark.parametrize("text", TIMED.values(), ids=TIMED)
def test_timeout_that_is_used_is_accepted(text: str) -> None:
    assert problems(text) == []


@pytest.mark.parametrize("text", TIMED_BY_HELPER.values(), ids=TIMED_BY_HELPER)
def test_timer_of_a_helper_is_followed(text: str) -> None:
    assert problems(text, timer=f"exports.timeout = (ms) => {TIMER};") == []


def test_wrapper_of_another_file_is_found_wherever_it_stands_there() -> None:
    text = "const { withTimeout } = require('./limit');\nawait withTimeout(call());"
    assert problems(text, limit=f"{WITH_TIMEOUT}module.exports = {{ withTimeout }};") == []


SIGNAL = "signal: AbortSignal.timeout(5000)"
CONTROLLED = "const c = new AbortController(); const t = setTimeout(() => c.abort(), 5000);"
LIMITED_FETCH = {
    "arrow": f"(u, o) => fetch(u, {{ ...o, {SIGNAL} }})",
    "function": f"function (u, o) {{ return fetch(u, {{ ...o, {SIGNAL} }}); }}",
    "awaited": f"async (u, o) => {{ const r = await fetch(u, {{ ...o, {SIGNAL} }}); return r; }}",
    "options-apart": f"(u, o) => {{ const all = {{ ...o, {SIGNAL} }}; return fetch(u, all); }}",
    "signal-apart": "(u, o) => { const signal = AbortSignal.timeout(5000); return fetch(u, { ...o, signal }); }",
    "signals-together": "(u, o) => fetch(u, { ...o, signal: AbortSignal.any([o.signal, AbortSignal.timeout(5)]) })",
    "signal-by-default": "(u, o) => fetch(u, { ...o, signal: o.signal ?? AbortSignal.timeout(5000) })",
    "controller": f"(u, o) => {{ {CONTROLLED} return fetch(u, {{ ...o, signal: c.signal }}); }}",
    "controller-cleared": f"(u, o) => {{ {CONTROLLED} return fetch(u, {{ ...o, signal: c.signal }}).finally(() => clearTimeout(t)); }}",
    "controller-tried": f"async (u, o) => {{ {CONTROLLED} try {{ return await fetch(u, {{ ...o, signal: c.signal }}); }}"
    " finally { clearTimeout(t); } }",
    "raced": f"(u, o) => {{ const ms = 5; return Promise.race([fetch(u, o), {TIMER}]); }}",
    "wrapped": "(...all) => withTimeout(fetch(...all), 5000)",
    "by-another": "(u, o) => limited(u, o)",
    "named": "limited",
    "made": "limit(5000)",
    "another-fetch": f"(u, o) => require('node-fetch')(u, {{ ...o, {SIGNAL} }})",
}
FETCHES = (
    f"function limited(u, o) {{ return fetch(u, {{ ...o, {SIGNAL} }}); }}\n"
    "const limit = (ms) => (u, o) => fetch(u, { ...o, signal: AbortSignal.timeout(ms) });\n"
    "const plain = (u, o) => fetch(u, o);\n"
)
QUERY = "const { data } = await supabase.from('x').select().single();"


def client(options: str) -> str:
    return f"{WITH_TIMEOUT}{FETCHES}const supabase = createClient(URL, KEY, {options});\n{QUERY}"


@pytest.mark.parametrize("fetch", LIMITED_FETCH.values(), ids=LIMITED_FETCH)
def test_client_whose_fetch_gives_up_is_accepted(fetch: str) -> None:
    assert problems(client(f"{{ global: {{ fetch: {fetch} }} }}")) == []


def test_client_whose_fetch_gives_up_is_accepted_wherever_it_is_made() -> None:
    made = client(
        f"{{ ...more, global: {{ headers, fetch(u, o) {{ return fetch(u, {{ ...o, {SIGNAL} }}); }} }} }}"
    )
    assert problems(made) == []
    other = f"const {{ supabase }} = require('./db');\n{QUERY}"
    assert problems(other, db=f"{made}\nmodule.exports = {{ supabase }};") == []


def test_client_of_another_file_without_a_limit_is_refused() -> None:
    text = f"{WITH_TIMEOUT}withTimeout(call());\nconst {{ supabase }} = require('./db');\n{QUERY}"
    found = problems(text, db=f"{CLIENT}exports.supabase = supabase;")
    assert "server.js:9: a database call without a timeout" in found[0]


UNLIMITED_FETCH = {
    "fetch-itself": "fetch",
    "no-signal": "(u, o) => fetch(u, o)",
    "no-signal-named": "plain",
    "no-signal-by-another": "(u, o) => plain(u, o)",
    "signal-handed-on": "(u, o) => fetch(u, { ...o, signal: o.signal })",
    "signal-overwritten": f"(u, o) => fetch(u, {{ {SIGNAL}, ...o }})",
    "signal-twice": f"(u, o) => fetch(u, {{ {SIGNAL}, signal: o.signal }})",
    "signal-elsewhere": f"(u, o) => {{ fetch(u, {{ ...o, {SIGNAL} }}); return fetch(u, o); }}",
    "signal-sometimes": f"(u, o) => {{ if (o) return fetch(u, {{ ...o, {SIGNAL} }}); return fetch(u); }}",
    "signal-ignored": f"(u, o) => plain(u, {{ ...o, {SIGNAL} }}.headers)",
    "nothing-returned": f"(u, o) => {{ fetch(u, {{ ...o, {SIGNAL} }}); }}",
    "controller-without-timer": "(u, o) => { const c = new AbortController(); return fetch(u, { ...o, signal: c.signal }); }",
    "controller-of-another": f"(u, o) => {{ {CONTROLLED} const d = new AbortController(); return fetch(u, {{ ...o, signal: d.signal }}); }}",
    "race-that-resolves": "(u, o) => Promise.race([fetch(u, o), new Promise((ok) => setTimeout(ok, 5))])",
    "unknown": "fetches.limited",
}


@pytest.mark.parametrize("fetch", UNLIMITED_FETCH.values(), ids=UNLIMITED_FETCH)
def test_client_whose_fetch_may_wait_for_ever_is_refused(fetch: str) -> None:
    text = f"{client(f'{{ global: {{ fetch: {fetch} }} }}')}\nwithTimeout(call());"
    assert "a database call without a timeout: supabase.from" in problems(text)[0]


@pytest.mark.parametrize(
    "options", ["{ fetch: limited }", "{ global: { fetch: limited }, ...more }", "{ global: {} }", "more"]
)
def test_options_that_may_give_a_client_another_fetch_are_refused(options: str) -> None:
    assert problems(f"{client(options)}\nwithTimeout(call());")


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
    "helper-not-called": f"{HELPER}{CLIENT}await Promise.race([supabase.from('x').select(), timeout]);",
    "helper-resolves": f"const timeout = (ms) => new Promise((ok) => setTimeout(ok, ms));\n{RACE}",
    "helper-without-timer": f"const timeout = () => new Promise((_, reject) => emitter.on('late', reject));\n{RACE}",
    "helper-drops-its-promise": f"const timeout = (ms) => {{ {TIMER}; return other(); }};\n{RACE}",
    "helper-returns-nothing": f"const timeout = (ms) => {{ {TIMER}; }};\n{RACE}",
    "helper-rejects-sometimes": f"const timeout = (ms) => {{ if (!ms) return new Promise(() => {{}}); return {TIMER}; }};\n{RACE}",
    "helper-of-nobody": f"{HELPER}{CLIENT}await Promise.race([supabase.from('x').select(), other(5000)]);",
    "helper-calls-itself": f"const timeout = (ms) => timeout(ms);\n{RACE}",
    "nothing-raced": f"{HELPER}await Promise.race([timeout(5), timeout(7)]);",
    "helper-resolves-in-wrapper": "const timeout = (ms) => new Promise((ok) => setTimeout(ok, ms));\n"
    "const limit = (p) => Promise.race([p, timeout(5)]);\nlimit(call());",
    "awaited-before-it-is-raced": f"{CLIENT}{WITH_TIMEOUT}await withTimeout(await supabase.from('x').select());",
    "after-a-limited-one": f"{FETCHES}const a = createClient(U, K, {{ global: {{ fetch: limited }} }});\n"
    "const b = createClient(U, K);\nawait a.from('x').select().then(async () => { await b.from('x').select(); });",
}


@pytest.mark.parametrize("text", UNTIMED.values(), ids=UNTIMED)
def test_timeout_that_guards_nothing_is_refused(text: str) -> None:
    assert problems(text)
